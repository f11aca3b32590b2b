package clients_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"signet/clients"
)

func TestScopeDetailsAreChecked(t *testing.T) {
	long := strings.Repeat("é", 81)
	for name, tt := range map[string]struct {
		details clients.ScopeDetails
		want    string // part of the error; "" = none
	}{
		"nothing": {},
		"in languages": {
			details: clients.ScopeDetails{Title: clients.Text{"": "Read", "de": "Lesen", "pt-BR": "Ler", "fa": "می\u200cخوانم"}, Required: true}},
		"80 characters": {details: clients.ScopeDetails{Title: clients.Text{"": long[2:]}}},
		"81 characters": {details: clients.ScopeDetails{Title: clients.Text{"": long}},
			want: `title of "api:read": use 1 to 80 characters`},
		"long description": {
			details: clients.ScopeDetails{Title: clients.Text{"": "x"}, Description: clients.Text{"en": strings.Repeat("x", 301)}},
			want:    "use 1 to 300"},
		"empty":        {details: clients.ScopeDetails{Title: clients.Text{"en": ""}}, want: "use 1 to 80"},
		"two lines":    {details: clients.ScopeDetails{Title: clients.Text{"": "a\nb"}}, want: "use 1 to 80"},
		"turned round": {details: clients.ScopeDetails{Title: clients.Text{"": "a\u202eb"}}, want: "none of them invisible"},
		"not UTF-8":    {details: clients.ScopeDetails{Title: clients.Text{"": "a\xff"}}, want: "use 1 to 80"},
		"no language": {details: clients.ScopeDetails{Title: clients.Text{"deutsch!": "Lesen"}},
			want: `"deutsch!" is not a language tag`},
		"no title":               {details: clients.ScopeDetails{Description: clients.Text{"": "x"}}, want: "has a description and no title"},
		"required and sensitive": {details: clients.ScopeDetails{Required: true, Sensitive: true}, want: "is required and sensitive"},
	} {
		r := clients.Resource{Identifier: "https://api.example.com", Scopes: []string{"api:read"},
			Details: map[string]clients.ScopeDetails{"api:read": tt.details}}
		if err := r.Validate(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	r := clients.Resource{Identifier: "https://api.example.com", Details: map[string]clients.ScopeDetails{"admin": {}}}
	if err := r.Validate(); err == nil || !strings.Contains(err.Error(), "is not a scope of this resource") {
		t.Errorf("details of another's scope: %v", err)
	}
}

func TestTextsAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]clients.Text{
		`"Read"`: {"": "Read"}, `{"de":"Lesen","en":"Read"}`: {"de": "Lesen", "en": "Read"},
		`{"":"Read","de":"Lesen"}`: {"": "Read", "de": "Lesen"}, `""`: nil,
	} {
		var got clients.Text
		if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
		if back, err := json.Marshal(got); want != nil && (err != nil || string(back) != text) {
			t.Errorf("%s: written as %s, %v", text, back, err)
		}
	}
	if err := json.Unmarshal([]byte(`["Read"]`), new(clients.Text)); err == nil {
		t.Error("a list is taken for a text")
	}
}
