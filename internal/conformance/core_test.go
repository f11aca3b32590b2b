package conformance

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"signet/server/servertest"
)

// flows are the profiles of OpenID Connect Core, and the response types that each looks at.
var flows = []struct {
	profile string
	kinds   []string
	mode    string
}{
	{"Basic", []string{"code"}, ""},
	{"Implicit", []string{"id_token", "id_token token"}, ""},
	{"Hybrid", []string{"code id_token", "code token", "code id_token token"}, ""},
	{"Form Post Basic", []string{"code"}, "form_post"},
	{"Form Post Implicit", []string{"id_token", "id_token token"}, "form_post"},
	{"Form Post Hybrid", []string{"code id_token", "code token", "code id_token token"}, "form_post"},
}

// core is what each flow has to do, by the suite's module.
var core = map[string]func(a *app, b *servertest.Browser){
	"oidcc-server":                                success,
	"oidcc-response-type-missing":                 responseTypeMissing,
	"oidcc-userinfo":                              userinfo,
	"oidcc-ensure-request-without-nonce":          withoutNonce,
	"oidcc-scope-all":                             scopes,
	"oidcc-claims-essential":                      essentialClaim,
	"oidcc-prompt-login":                          func(a *app, b *servertest.Browser) { again(a, b, "prompt", "login") },
	"oidcc-max-age-0":                             func(a *app, b *servertest.Browser) { again(a, b, "max_age", "0") },
	"oidcc-max-age-10000":                         func(a *app, b *servertest.Browser) { same(a, b, "max_age", "10000") },
	"oidcc-prompt-none-logged-in":                 func(a *app, b *servertest.Browser) { same(a, b, "prompt", "none") },
	"oidcc-id-token-hint":                         hinted,
	"oidcc-codereuse":                             codeReuse,
	"oidcc-refresh-token":                         refreshToken,
	"oidcc-server-client-secret-post":             secretPost,
	"oidcc-ensure-request-with-acr-values":        acrValues,
	"oidcc-unsigned-request-object":               unsignedObject,
	"oidcc-ensure-request-object-redirect-uri":    objectRedirect,
	"oidcc-ensure-registered-redirect-uri":        unregistered,
	"oidcc-prompt-none-not-logged-in":             notLoggedIn,
	"oidcc-ensure-post-request-succeeds":          posted,
	"oidcc-ensure-request-with-unknown-parameter": func(a *app, b *servertest.Browser) { a.in(b, "extra", "foobar") },
	"oidcc-ensure-other-scope-order":              func(a *app, b *servertest.Browser) { a.in(b, "scope", "email profile openid") },
	"oidcc-display-page":                          func(a *app, b *servertest.Browser) { a.in(b, "display", "page") },
	"oidcc-display-popup":                         func(a *app, b *servertest.Browser) { a.in(b, "display", "popup") },
	"oidcc-ui-locales":                            func(a *app, b *servertest.Browser) { a.in(b, "ui_locales", "se") },
	"oidcc-claims-locales":                        func(a *app, b *servertest.Browser) { a.in(b, "claims_locales", "se") },
	"oidcc-login-hint":                            func(a *app, b *servertest.Browser) { a.in(b, "login_hint", "bob@rp.example") },
}

func TestCore(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		whole := newProvider(t, engine)
		for _, f := range flows {
			if f.mode != "" && strings.Contains(t.Name(), "postgres") {
				continue // where an answer goes does not depend on the database
			}
			for _, kind := range f.kinds {
				for module, run := range core {
					t.Run(f.profile+"/"+kind+"/"+module, func(t *testing.T) {
						p := *whole
						p.T = t
						run(p.register(kind, f.mode, nil), p.Browser(t))
					})
				}
			}
		}
	})
}

// success: exactly what the response type names, an ID token that is right, and the same person at userinfo.
func success(a *app, b *servertest.Browser) {
	got := a.in(b)
	want := []string{"iss", "session_state", "state"}
	if a.has("code") {
		want = append(want, "code")
	}
	if a.has("id_token") {
		want = append(want, "id_token")
	}
	if a.has("token") {
		want = append(want, "access_token", "expires_in", "scope", "token_type")
	}
	var names []string
	for name := range got {
		names = append(names, name)
	}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) || got.Get("iss") != a.URL || got.Get("state") != "s & t" {
		a.Errorf("%v", got)
	}
	if a.has("id_token") {
		c := a.claims(got.Get("id_token"))
		for name, from := range map[string]string{"at_hash": got.Get("access_token"), "c_hash": got.Get("code")} {
			if value, _ := c[name].(string); from != "" && value != hash(from) {
				a.Errorf("%s is %q", name, value)
			}
		}
		if c["nonce"] != "n-1" || c["sid"] == nil || c["auth_time"] == nil {
			a.Errorf("%v", c)
		}
	}
	access, id := a.tokens(got)
	c := a.claims(id)
	if c["nonce"] != "n-1" || c["sub"] == "" {
		a.Errorf("%v", c)
	}
	if access != "" {
		if _, _, raw := a.ask(http.MethodGet, a.at("userinfo_endpoint"), nil, "Authorization", "Bearer "+access); !strings.Contains(string(raw),
			`"sub":"`+c["sub"].(string)+`"`) {
			a.Errorf("userinfo: %s", raw)
		}
	}
}

// responseTypeMissing: nothing says that it would be answered in the fragment.
func responseTypeMissing(a *app, b *servertest.Browser) {
	a.begin(b, "response_type", "")
	missing := *a
	missing.kind = "code"
	missing.refused(b, "invalid_request", "unsupported_response_type")
}

func userinfo(a *app, b *servertest.Browser) {
	access, id := a.tokens(a.in(b))
	if access == "" {
		return // response type id_token gets none
	}
	sub := a.claims(id)["sub"]
	for name, send := range map[string]func() (int, http.Header, []byte){
		"get": func() (int, http.Header, []byte) {
			return a.ask(http.MethodGet, a.at("userinfo_endpoint"), nil, "Authorization", "Bearer "+access)
		},
		"post-header": func() (int, http.Header, []byte) {
			return a.ask(http.MethodPost, a.at("userinfo_endpoint"), nil, "Authorization", "bearer "+access)
		},
		"post-body": func() (int, http.Header, []byte) {
			return a.ask(http.MethodPost, a.at("userinfo_endpoint"), url.Values{"access_token": {access}})
		},
	} {
		status, header, raw := send()
		var got document
		if err := json.Unmarshal(raw, &got); err != nil || status != http.StatusOK || got["sub"] != sub ||
			!strings.HasPrefix(header.Get("Content-Type"), "application/json") {
			a.Errorf("%s: %d %s", name, status, raw)
		}
	}
	if status, _, _ := a.ask(http.MethodGet, a.at("userinfo_endpoint")+"?access_token="+access, nil); status != 400 && status != 401 {
		a.Errorf("a token in the query: %d", status)
	}
}

func withoutNonce(a *app, b *servertest.Browser) {
	if !a.has("id_token") { // code and code token do without
		a.in(b, "nonce", "")
		return
	}
	a.begin(b, "nonce", "")
	a.refused(b, "invalid_request")
}

func scopes(a *app, b *servertest.Browser) {
	access, id := a.tokens(a.in(b, "scope", "openid profile email address phone"))
	inID := a.claims(id)
	if access == "" {
		if inID["name"] != "Ada Lovelace" || inID["email"] != "ada@example.com" {
			a.Errorf("without an access token the claims are in the ID token: %v", inID)
		}
		return
	}
	_, _, raw := a.ask(http.MethodGet, a.at("userinfo_endpoint"), nil, "Authorization", "Bearer "+access)
	var got document
	if err := json.Unmarshal(raw, &got); err != nil || got["name"] != "Ada Lovelace" || got["email"] != "ada@example.com" ||
		inID["name"] != nil || inID["email"] != nil {
		a.Errorf("userinfo %s, ID token %v", raw, inID)
	}
}

func essentialClaim(a *app, b *servertest.Browser) {
	access, id := a.tokens(a.in(b, "claims", `{"userinfo":{"name":{"essential":true}}}`))
	if access == "" {
		return
	}
	_, _, raw := a.ask(http.MethodGet, a.at("userinfo_endpoint"), nil, "Authorization", "Bearer "+access)
	if !strings.Contains(string(raw), `"name":"Ada Lovelace"`) || strings.Contains(string(raw), "email") || a.claims(id)["name"] != nil {
		a.Errorf("userinfo: %s", raw)
	}
}

// again: the sign-in page is shown although there is a session.
func again(a *app, b *servertest.Browser, pairs ...string) {
	_, id := a.tokens(a.in(b))
	first := a.claims(id)
	got, asked := a.finish(a.begin(b, pairs...))
	if !asked {
		a.Error("nobody was asked to sign in")
	}
	_, id = a.tokens(got)
	second := a.claims(id)
	if first["sub"] != second["sub"] || second["auth_time"].(float64) < first["auth_time"].(float64) {
		a.Errorf("%v, then %v", first, second)
	}
}

// same: the session is enough, and nothing is shown.
func same(a *app, b *servertest.Browser, pairs ...string) {
	_, id := a.tokens(a.in(b))
	first := a.claims(id)
	a.begin(b, pairs...)
	_, id = a.tokens(a.answer(b))
	if second := a.claims(id); first["sub"] != second["sub"] || first["auth_time"] != second["auth_time"] {
		a.Errorf("%v, then %v", first, second)
	}
}

func hinted(a *app, b *servertest.Browser) {
	_, id := a.tokens(a.in(b))
	same(a, b, "prompt", "none", "id_token_hint", id)
}

func notLoggedIn(a *app, b *servertest.Browser) {
	a.begin(b, "prompt", "none")
	a.refused(b, "login_required")
}

func codeReuse(a *app, b *servertest.Browser) {
	got := a.in(b)
	if !a.has("code") {
		return
	}
	status, first := a.exchange(got.Get("code"))
	if status != http.StatusOK {
		a.Fatalf("%d %v", status, first)
	}
	if status, second := a.exchange(got.Get("code")); status != http.StatusBadRequest || second["error"] != "invalid_grant" {
		a.Errorf("%d %v", status, second)
	}
	access, _ := first["access_token"].(string)
	if status, _, _ := a.ask(http.MethodGet, a.at("userinfo_endpoint"), nil, "Authorization", "Bearer "+access); status != 401 {
		a.Errorf("the first access token is good for %d", status)
	}
}

func refreshToken(a *app, b *servertest.Browser) {
	if !a.has("code") {
		return
	}
	got := a.in(b, "scope", "openid offline_access", "prompt", "consent")
	_, first := a.exchange(got.Get("code"))
	token, _ := first["refresh_token"].(string)
	status, second := a.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {"openid"}})
	if status != http.StatusOK || second["access_token"] == nil || second["access_token"] == first["access_token"] {
		a.Errorf("%d %v", status, second)
	}
}

func secretPost(a *app, b *servertest.Browser) {
	if !a.has("code") {
		return
	}
	other := a.register(a.kind, a.mode, document{"token_endpoint_auth_method": "client_secret_post"})
	got := other.in(b)
	status, _, raw := a.ask(http.MethodPost, a.at("token_endpoint"), url.Values{"grant_type": {"authorization_code"},
		"code": {got.Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier}, "client_id": {other.said("client_id")},
		"client_secret": {other.said("client_secret")}})
	if status != http.StatusOK {
		a.Errorf("%d %s", status, raw)
	}
}

func acrValues(a *app, b *servertest.Browser) {
	asked := "1 2"
	if list, _ := a.meta["acr_values_supported"].([]any); len(list) > 0 {
		asked, _ = list[0].(string)
	}
	_, id := a.tokens(a.in(b, "acr_values", asked))
	if acr, _ := a.claims(id)["acr"].(string); !slices.Contains(strings.Fields(asked), acr) {
		a.Errorf("acr %q, asked for %q", acr, asked)
	}
}

// bare is a request object that nobody signed.
func bare(claims url.Values) string {
	all := document{}
	for name := range claims {
		all[name] = claims.Get(name)
	}
	raw, _ := json.Marshal(all)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(raw) + "."
}

func unsignedObject(a *app, b *servertest.Browser) {
	object := a.request("state", "inside", "nonce", "n-2")
	got := a.in(b, "state", "", "request", bare(object))
	_, id := a.tokens(got)
	if got.Get("state") != "inside" || a.claims(id)["nonce"] != "n-2" {
		a.Errorf("%v", got)
	}
}

// objectRedirect: only the winner may get an answer.
func objectRedirect(a *app, b *servertest.Browser) {
	a.begin(b, "request", bare(a.request("redirect_uri", "https://evil.example/cb")))
	a.page(b)
	got := a.in(b, "request", bare(a.request()), "redirect_uri", "https://evil.example/cb")
	if got.Get("state") != "s & t" {
		a.Errorf("%v", got)
	}
}

func unregistered(a *app, b *servertest.Browser) {
	for _, uri := range []string{callback + "/", callback + "?foo=bar", "https://evil.example/cb", "http://rp.example/cb"} {
		a.begin(b, "redirect_uri", uri)
		a.page(b, "redirect")
	}
	two := a.register(a.kind, a.mode, document{"redirect_uris": []string{callback, callback + "/two"}})
	two.begin(b, "redirect_uri", "")
	two.page(b)
}

func posted(a *app, b *servertest.Browser) {
	b.PostFrom(a.T, "https://rp.example", a.at("authorization_endpoint"), a.request())
	if got, _ := a.finish(b); got.Get("error") != "" || got.Get("state") != "s & t" {
		a.Errorf("%v", got)
	}
}
