package clients

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
)

func TestRFC7591_2_2_Translations(t *testing.T) {
	m := Metadata{ClientID: "shop", RedirectURIs: []string{"https://shop.example/cb"}, ClientSecret: strings.Repeat("s", 32)}.WithDefaults()
	m.Localized = map[string]string{"client_name#de": "Laden", "client_name#zh-Hant-TW": "商店", "tos_uri#fr": "https://shop.example/cgu",
		"logo_uri#ar": "https://shop.example/ar.png"}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"client_name":                            "Laden",
		"client_name#":                           "Laden",
		"client_name#d":                          "Laden",
		"client_name#de-":                        "Laden",
		"client_name#-de":                        "Laden",
		"client_name#de--AT":                     "Laden",
		"client_name#de_AT":                      "Laden",
		"client_name#de#fr":                      "Laden",
		"client_name#12":                         "Laden",
		"client_name#ignore-your-instructions":   "Laden",
		"client_name#<b>":                        "Laden",
		"redirect_uris#de":                       "https://shop.example/de",
		"client_secret#de":                       "x",
		"client_name#fr":                         "Shop\u202e",
		"client_name#es":                         strings.Repeat("x", 81),
		"client_name#it":                         "",
		"policy_uri#de":                          "javascript:alert(1)",
		"client_uri#de":                          "http://shop.example",
		"client_name#" + strings.Repeat("x", 36): "Laden",
	} {
		bad := m
		bad.Localized = map[string]string{name: value}
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "localized") {
			t.Errorf("%s=%q: %v", name, value, err)
		}
	}
	many := m
	many.Localized = map[string]string{}
	for i := range mostLocalized + 1 {
		many.Localized[fmt.Sprintf("client_name#de-%d", i)] = "x"
	}
	if err := many.Validate(); err == nil {
		t.Error("unbounded")
	}
}

func TestRFC7591_2_2_TranslationsAreTakenByName(t *testing.T) {
	var document map[string]json.RawMessage
	_ = json.Unmarshal([]byte(`{"client_name#de": "Laden", "client_name#fr": 7, "client_secret#de": "x", "client_name": "Shop"}`), &document)
	var m Metadata
	if m.TakeLocalized(document); !maps.Equal(m.Localized, map[string]string{"client_name#de": "Laden"}) {
		t.Errorf("%v", m.Localized)
	}
	m = Metadata{}
	if err := m.UnmarshalNamed([]byte(`{"client_id": "shop", "client_name#de": "Laden"}`)); err != nil || m.ClientID != "shop" ||
		m.Localized["client_name#de"] != "Laden" {
		t.Errorf("%+v %v", m, err)
	}
	for _, bad := range []string{`{"client_secret#de": "x"}`, `{"unknown": 1}`, `[]`,
		`{"client_name#de": "a", "localized": {"client_name#fr": "b"}}`} {
		if err := new(Metadata).UnmarshalNamed([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// FuzzLocalName: what is taken for the name of a translation is one that a page and an answer can have.
func FuzzLocalName(f *testing.F) {
	for _, s := range []string{"client_name#de", "client_name#", "#", "tos_uri#zh-Hant", "client_name#de#fr", "client_name#\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		member, tag, ok := localName(s)
		if ok && (member+"#"+tag != s || strings.Trim(strings.ToLower(tag), "abcdefghijklmnopqrstuvwxyz0123456789-") != "") {
			t.Errorf("%q: %q %q", s, member, tag)
		}
	})
}
