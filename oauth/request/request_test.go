package request

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"signet/clients"
	"signet/oauth/refusal"
	"signet/storage"
)

func code(err error) string {
	if r, ok := errors.AsType[*refusal.Refusal](err); ok {
		return r.Code
	}
	return ""
}

func post(body, media, query string) *http.Request {
	r := httptest.NewRequest("POST", "/oauth2/token"+query, strings.NewReader(body))
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	return r
}

func TestForm(t *testing.T) { // RFC 6749 section 3.2; A08 to A11
	const form = "application/x-www-form-urlencoded"
	for name, tt := range map[string]struct {
		body, media, query string
		ok                 bool
	}{
		"fine": {"a=1&b=2", form, "", true}, "with charset": {"a=1", form + "; charset=UTF-8", "", true},
		"resource twice": {"resource=a&resource=b", form, "", true}, "empty": {"", form, "", true},
		"umlauts": {"a=%C3%A4", form, "", true}, "repeated": {"a=1&a=1", form, "", false},
		"A12 multipart": {"x", "multipart/form-data; boundary=x", "", false}, "JSON": {"{}", "application/json", "", false},
		"no type": {"a=1", "", "", false}, "A10 in the URL": {"a=1", form, "?client_secret=x", false}, "NUL": {"a=%00", form, "", false},
		"line end": {"a=%0d%0a", form, "", false}, "control in the name": {"%01=1", form, "", false},
		"not UTF-8": {"a=%ff", form, "", false}, "C1 control": {"a=%C2%85", form, "", false}, "broken escape": {"a=%zz", form, "", false},
		"many resources": {strings.Repeat("resource=a&", 21), form, "", false}, "semicolon": {"a=1;b=2", form, "", false},
	} {
		_, err := Form(post(tt.body, tt.media, tt.query))
		if (err == nil) != tt.ok || err != nil && code(err) != "invalid_request" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAParameterWithoutAValueCountsAsLeftOut(t *testing.T) { // RFC 6749 sections 3.1 and 3.2
	got, err := Form(post("client_id=spa&client_secret=&scope=&resource=", "application/x-www-form-urlencoded", ""))
	if err != nil || len(got) != 1 || got.Get("client_id") != "spa" {
		t.Errorf("got %v %v", got, err)
	}
	q := form()
	q["request"], q["request_uri"], q["registration"], q["max_age"] = []string{""}, []string{""}, []string{""}, []string{""}
	if _, _, err := parser(t).Authorize(t.Context(), q); err != nil {
		t.Errorf("authorize: %v", err)
	}
}

func FuzzForm(f *testing.F) {
	for _, s := range []string{"a=1&b=2", "a=%00", "resource=a&resource=b", "a=%zz", "%ff=%ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := Form(post(body, "application/x-www-form-urlencoded", ""))
		if err != nil {
			if code(err) != "invalid_request" {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		for name, values := range form {
			if len(values) != 1 && name != "resource" || strings.ContainsAny(strings.Join(values, ""), "\x00\r\n\t") {
				t.Fatalf("%q passed as %q", name, values)
			}
		}
	})
}

// store has no client and no resource of its own.
type store struct{ clients.Store }

func parser(t testing.TB) *Parser {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite::memory:"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	secret := strings.Repeat("s3cr3t-", 6)
	r, err := clients.New(t.Context(),
		clients.Options{Store: store{db}, Issuer: "https://id.example.com", SecretKeys: [][]byte{{1}}, Declared: []clients.Metadata{
			{ClientID: "shop", ClientSecret: secret, RedirectURIs: []string{"https://shop.example/cb"},
				Scope: "openid profile offline_access api:read", GrantTypes: []string{"authorization_code", "refresh_token"}},
			{ClientID: "two", ClientSecret: secret, RedirectURIs: []string{"https://two.example/a", "https://two.example/b"},
				Scope: "api:read offline_access"},
			{ClientID: "spa", TokenEndpointAuthMethod: clients.MethodNone, RedirectURIs: []string{"https://spa.example/"}, Scope: "openid"},
			{ClientID: "job", ClientSecret: secret, GrantTypes: []string{clients.ClientCredentials},
				RedirectURIs: []string{"https://job.example/"}, Scope: "api:read"},
		}, Resources: []clients.Resource{{Identifier: "https://api.example.com", Name: "API", Scopes: []string{"api:read"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return &Parser{Clients: r, Issuer: "https://id.example.com",
		Hint: func(string) (string, []string, error) { return "", nil, errors.New("no hints here") }}
}

func form(pairs ...string) url.Values {
	q := url.Values{"client_id": {"shop"}, "redirect_uri": {"https://shop.example/cb"}, "response_type": {"code"}, "scope": {"openid"}}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return q
}

func TestH05_WhenTheRedirectURIMayBeLeftOut(t *testing.T) { // RFC 6749 section 3.1.2.3, OpenID Connect Core section 3.1.2.1
	p := parser(t)
	if req, _, err := p.Authorize(t.Context(), form("redirect_uri", "", "scope", "api:read")); err != nil ||
		req.RedirectURI != "https://shop.example/cb" || req.RedirectURISent {
		t.Errorf("one registered, no openid: %+v %v", req, err)
	}
	for name, q := range map[string]url.Values{"openid": form("redirect_uri", ""),
		"several registered": form("client_id", "two", "redirect_uri", "", "scope", "api:read")} {
		_, _, err := p.Authorize(t.Context(), q)
		if bad, ok := errors.AsType[*PageOnly](err); !ok || bad.Client == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestH07_PKCE(t *testing.T) { // RFC 7636 section 4.4.1, RFC 9700 section 2.1.1
	p := parser(t)
	ok := strings.Repeat("A", 43)
	for name, tt := range map[string]struct {
		q  url.Values
		ok bool
	}{
		"confidential without": {form(), true}, "confidential with": {form("code_challenge", ok, "code_challenge_method", "S256"), true},
		"plain":     {form("code_challenge", ok, "code_challenge_method", "plain"), false},
		"no method": {form("code_challenge", ok), false}, "short": {form("code_challenge", ok[1:], "code_challenge_method", "S256"), false},
		"long":           {form("code_challenge", ok+"A", "code_challenge_method", "S256"), false},
		"padding":        {form("code_challenge", ok[1:]+"=", "code_challenge_method", "S256"), false},
		"public without": {form("client_id", "spa", "redirect_uri", "https://spa.example/"), false},
		"public with": {
			form("client_id", "spa", "redirect_uri", "https://spa.example/", "code_challenge", ok, "code_challenge_method", "S256"), true},
	} {
		req, _, err := p.Authorize(t.Context(), tt.q)
		if (err == nil) != tt.ok || err == nil && req.CodeChallenge != tt.q.Get("code_challenge") {
			t.Errorf("%s: %v", name, err)
		}
		if bad, is := errors.AsType[*Redirectable](err); err != nil && (!is || bad.Refusal.Code != "invalid_request") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestH15_Scopes(t *testing.T) {
	p := parser(t)
	for name, tt := range map[string]struct {
		q    url.Values
		want string // "" = invalid_scope
	}{
		"known and unknown": {form("scope", "openid nope api:read openid"), "openid api:read"},
		"not registered":    {form("scope", "openid email"), "openid"},
		"offline":           {form("scope", "openid offline_access"), "openid offline_access"},
		"offline without the grant": {form("client_id", "two", "redirect_uri", "https://two.example/a", "scope", "api:read offline_access"),
			"api:read"}, "none asked": {form("scope", ""), "api:read"},
		"nothing left": {form("scope", "nope"), ""}, "wildcard": {form("scope", "*"), ""},
	} {
		req, _, err := p.Authorize(t.Context(), tt.q)
		if strings.Join(req.Scopes, " ") != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s: %v %v", name, req.Scopes, err)
		}
	}
	if _, _, err := p.Authorize(t.Context(),
		form("client_id", "job", "redirect_uri", "https://job.example/", "scope",
			"api:read")); code(errors.Unwrap(err)) != "unauthorized_client" {
		t.Errorf("a client without the grant: %v", err)
	}
}

func TestResourcesAreSpelledAsRegistered(t *testing.T) { // RFC 8707 section 2
	p := parser(t)
	q := form("scope", "api:read")
	q["resource"] = []string{"https://api.example.com/", "https://api.example.com"}
	if req, _, err := p.Authorize(t.Context(), q); err != nil || strings.Join(req.Resources, " ") != "https://api.example.com" {
		t.Errorf("%v %v", req.Resources, err)
	}
	q["resource"] = []string{"https://api.example.com/x"}
	if _, _, err := p.Authorize(t.Context(), q); code(errors.Unwrap(err)) != "invalid_target" {
		t.Errorf("unknown: %v", err)
	}
}

func FuzzAuthorize(f *testing.F) {
	p := parser(f)
	f.Add(form().Encode())
	f.Add(form("max_age", "0", "prompt", "login", "claims", `{"userinfo":{}}`).Encode())
	f.Add("client_id=shop&redirect_uri=https://shop.example/cb&redirect_uri=x")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		req, c, err := p.Authorize(t.Context(), q)
		if err == nil {
			if _, ok := c.MatchRedirect(req.RedirectURI); !ok || req.ResponseType != "code" || len(req.Scopes) == 0 {
				t.Fatalf("%q became %+v", query, req)
			}
			return
		}
		if bad, ok := errors.AsType[*Redirectable](err); ok {
			if _, ok := c.MatchRedirect(bad.RedirectURI); !ok {
				t.Fatalf("%q leads to %q", query, bad.RedirectURI)
			}
			return
		}
		if _, ok := errors.AsType[*PageOnly](err); !ok {
			t.Fatalf("%q: %v", query, err)
		}
	})
}
