package claims_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/oauth/claims"
	"signet/storage"
)

var ada = storage.User{
	ID: "u1", Email: "ada@example.com", EmailVerified: true, Username: "ada", UpdatedAt: time.Unix(1_700_000_000, 5000),
	Profile: json.RawMessage(`{"name":"Ada Lovelace","family_name":"Lovelace","given_name":"Ada","middle_name":"K",
		"nickname":"Countess","preferred_username":"from-profile","profile":"https://ada.example","picture":"https://ada.example/p.png",
		"website":"https://ada.example/w","gender":"female","birthdate":"1815-12-10","zoneinfo":"Europe/London","locale":"en-GB",
		"phone_number":"+44 20 7946 0000","phone_number_verified":true,
		"address":{"formatted":"12 St James's Square","street_address":"12 St James's Square","locality":"London",
		"region":"England","postal_code":"SW1","country":"UK","planet":"Earth"},"internal_note":"secret"}`),
}

func param(t *testing.T, s string) claims.Param {
	t.Helper()
	p, err := claims.ParseParam(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// roundTrip is the answer as an application reads it.
func roundTrip(t *testing.T, m map[string]any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestScopesGiveExactlyTheirClaims(t *testing.T) { // OpenID Connect Core section 5.4
	table := map[string][]string{
		"openid": nil, "offline_access": nil, "api:read": nil,
		"profile": {
			"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
			"website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
		},
		"email": {"email", "email_verified"}, "address": {"address"}, "phone": {"phone_number", "phone_number_verified"},
		"groups": nil, "roles": nil, // these come from memberships
	}
	var all []string
	for scope, want := range table {
		got := slices.Sorted(maps.Keys(claims.Userinfo(ada, nil, []string{"openid", scope}, claims.Param{})))
		want = append(want, "sub")
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", scope, got, want)
		}
		all = append(all, want...)
	}
	supported := claims.Supported()
	for _, name := range all {
		if !slices.Contains(supported, name) {
			t.Errorf("%s is given but not in claims_supported", name)
		}
	}
}

func TestTypesOfClaims(t *testing.T) { // OpenID Connect Core section 5.1
	got := roundTrip(t, claims.Userinfo(ada, nil, []string{"profile", "email", "address", "phone"}, claims.Param{}))
	if got["sub"] != "u1" || got["preferred_username"] != "ada" || got["email"] != "ada@example.com" {
		t.Errorf("got %v", got)
	}
	if got["updated_at"] != float64(1_700_000_000) {
		t.Errorf("updated_at is %v, want seconds", got["updated_at"])
	}
	if got["email_verified"] != true || got["phone_number_verified"] != true {
		t.Errorf("verified: %v, %v, want booleans", got["email_verified"], got["phone_number_verified"])
	}
	want := map[string]any{
		"formatted": "12 St James's Square", "street_address": "12 St James's Square", "locality": "London",
		"region": "England", "postal_code": "SW1", "country": "UK",
	}
	if !reflect.DeepEqual(got["address"], want) {
		t.Errorf("address is %v, want %v", got["address"], want)
	}
	if got["internal_note"] != nil {
		t.Error("a member that is no standard claim leaks")
	}
}

func TestWhatIsNotKnownIsLeftOut(t *testing.T) { // OpenID Connect Core section 5.3.2
	scopes := []string{"profile", "email", "address", "phone"}
	bare := storage.User{ID: "u2", Email: "b@example.com"}
	want := map[string]any{"sub": "u2", "email": "b@example.com", "email_verified": false}
	if got := claims.Userinfo(bare, nil, scopes, claims.Param{}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	bare.Profile = json.RawMessage(`{"name":5,"nickname":"B","address":"here","phone_number":""}`)
	want["nickname"] = "B"
	if got := claims.Userinfo(bare, nil, scopes, claims.Param{}); !reflect.DeepEqual(got, want) {
		t.Errorf("wrong types: got %v, want %v", got, want)
	}
	for _, raw := range []string{"", "null", "[]", "{"} {
		bare.Profile = json.RawMessage(raw)
		if got := claims.Userinfo(bare, nil, scopes, claims.Param{}); got["sub"] != "u2" || len(got) != 3 {
			t.Errorf("profile %q: got %v", raw, got)
		}
	}
}

func TestClaimsParameter(t *testing.T) { // OpenID Connect Core section 5.5
	p := param(t, `{"userinfo":{"name":{"essential":true},"email":null,"nosuch":null,"picture#de":null,"sub":null},
		"id_token":{"address":null,"auth_time":{"essential":true},"acr":{"essential":true,"values":["a","b"]},"sub":{"value":"u1"}},
		"other":{"x":null}}`)
	got := slices.Sorted(maps.Keys(claims.Userinfo(ada, nil, []string{"openid"}, p)))
	if !slices.Equal(got, []string{"email", "name", "sub"}) {
		t.Errorf("userinfo: got %v", got)
	}
	got = slices.Sorted(maps.Keys(claims.IDToken(ada, nil, p)))
	if !slices.Equal(got, []string{"address"}) {
		t.Errorf("ID token: got %v", got)
	}
	if subjects, err := p.Subjects(); err != nil || !slices.Equal(subjects, []string{"u1"}) {
		t.Errorf("got subjects %v, %v", subjects, err)
	}
	if !slices.Equal(p.EssentialACRs(), []string{"a", "b"}) {
		t.Errorf("got acr %v", p.EssentialACRs())
	}
	if !slices.Equal(p.Scopes(), []string{"address", "email", "profile"}) {
		t.Errorf("got scopes %v", p.Scopes())
	}
	if got := claims.Userinfo(ada, nil, nil, p.Within([]string{"email"})); len(got) != 2 || got["email"] == nil {
		t.Errorf("within email: got %v", got)
	}
	if got, want := p.Within([]string{"email", "address"}).String(), `{"userinfo":{"email":null},"id_token":{"address":null}}`; got != want {
		t.Errorf("kept: got %s, want %s", got, want)
	}
	if got := p.Within(nil).String(); got != "" {
		t.Errorf("nothing is kept as %s", got)
	}
	if claims.IDToken(ada, nil, claims.Param{}) != nil {
		t.Error("an ID token has claims nobody asked for")
	}
	every := param(t, `{"id_token":{"name":null,"updated_at":null,"phone_number":null,"email_verified":null}}`)
	if got := claims.IDToken(ada, nil, every); len(got) != 4 {
		t.Errorf("got %v", got)
	}
}

func TestSubjectsOfTheClaimsParameter(t *testing.T) { // OpenID Connect Core section 5.5.1
	for s, want := range map[string][]string{
		`{"value":"a"}`: {"a"}, `{"values":["a","b"]}`: {"a", "b"}, `{"value":"c","values":["a"]}`: {"a", "c"},
		`null`: nil, `{}`: nil, `{"value":null}`: nil, `{"values":[]}`: nil, `{"essential":true}`: nil,
	} {
		got, err := param(t, `{"id_token":{"sub":`+s+`}}`).Subjects()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{`{"value":5}`, `{"value":""}`, `{"values":["a",null]}`, `{"values":[{}]}`} {
		if got, err := param(t, `{"id_token":{"sub":`+s+`}}`).Subjects(); err == nil {
			t.Errorf("%s: got %v", s, got)
		}
	}
	if got, err := param(t, `{"userinfo":{"sub":{"value":"a"}}}`).Subjects(); err != nil || got != nil {
		t.Errorf("at userinfo: got %v, %v", got, err)
	}
}

func TestClaimsParameterThatIsNot(t *testing.T) {
	for name, s := range map[string]string{
		"not-json": "name", "list": "[]", "string": `"x"`, "null": "null", "cut": `{"userinfo":{`, "trailing": `{} {}`,
		"twice": `{"userinfo":{"name":null,"name":{}}}`, "wrong-type": `{"userinfo":["name"]}`, "wrong-ask": `{"userinfo":{"name":true}}`,
		"long": `{"userinfo":{"` + strings.Repeat("x", 4096) + `":null}}`,
		"deep": `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
	} {
		if _, err := claims.ParseParam(s); err == nil {
			t.Errorf("%s is accepted", name)
		} else if strings.ContainsAny(err.Error(), "\"\\") {
			t.Errorf("%s: %q may not be in an error_description", name, err)
		}
	}
	for _, s := range []string{"", "{}", ` {"userinfo":null,"id_token":{}} `} {
		if _, err := claims.ParseParam(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzParseParam(f *testing.F) {
	f.Add(`{"userinfo":{"name":{"essential":true}},"id_token":{"acr":{"values":["a"]},"sub":{"value":"u1"}}}`)
	f.Add(`{"x":[{"y":[]}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := claims.ParseParam(s)
		if err != nil {
			return
		}
		for name := range claims.Userinfo(ada, nil, nil, p) {
			if !slices.Contains(claims.Supported(), name) {
				t.Fatalf("gives %q", name)
			}
		}
		kept, err := claims.ParseParam(p.String())
		if err != nil || !slices.Equal(kept.AtUserinfo(), p.AtUserinfo()) || !slices.Equal(kept.InIDToken(), p.InIDToken()) {
			t.Fatalf("kept as %s: %v", p, err)
		}
	})
}

func BenchmarkUserinfo(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		claims.Userinfo(ada, nil, []string{"openid", "profile", "email"}, claims.Param{})
	}
}
