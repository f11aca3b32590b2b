package conformance

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

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
	"oidcc-server":                success,
	"oidcc-response-type-missing": responseTypeMissing,
	"oidcc-userinfo-get":          userinfoGet,
	"oidcc-userinfo-post-header":  userinfoPostHeader,
	"oidcc-userinfo-post-body":    userinfoPostBody,
	"oidcc-ensure-request-without-nonce-succeeds-for-code-flow": withoutNonce,
	"oidcc-ensure-request-without-nonce-fails":                  withoutNonceFails,
	"oidcc-scope-profile":                                       scopes("profile"),
	"oidcc-scope-email":                                         scopes("email"),
	"oidcc-scope-address":                                       scopes("address"),
	"oidcc-scope-phone":                                         scopes("phone"),
	"oidcc-scope-all":                                           scopes("profile email address phone"),
	"oidcc-claims-essential":                                    essentialClaim,
	"oidcc-prompt-login":                                        func(a *app, b *servertest.Browser) { again(a, b, "prompt", "login") },
	"oidcc-max-age-1":                                           maxAge1,
	"oidcc-max-age-10000":                                       func(a *app, b *servertest.Browser) { same(a, b, "max_age", "10000") },
	"oidcc-prompt-none-logged-in":                               func(a *app, b *servertest.Browser) { same(a, b, "prompt", "none") },
	"oidcc-id-token-hint":                                       hinted,
	"oidcc-codereuse":                                           codeReuse,
	"oidcc-refresh-token":                                       refreshToken,
	"oidcc-server-client-secret-post":                           secretPost,
	"oidcc-ensure-request-with-acr-values-succeeds":             acrValues,
	"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": unsignedObject,
	"oidcc-ensure-request-object-with-redirect-uri":                                objectRedirect,
	"oidcc-ensure-registered-redirect-uri":                                         unregistered,
	"oidcc-ensure-redirect-uri-in-authorization-request":                           withoutRedirect,
	"oidcc-prompt-none-not-logged-in":                                              notLoggedIn,
	"oidcc-ensure-post-request-succeeds":                                           posted,
	"oidcc-alternate-happy-flow":                                                   otherOrder,
	"oidcc-ensure-request-with-unknown-parameter-succeeds":                         with("extra", "foobar"),
	"oidcc-ensure-request-with-valid-pkce-succeeds":                                pkce,
	"oidcc-ensure-other-scope-order-succeeds":                                      with("scope", "email profile openid"),
	"oidcc-display-page":                                                           with("display", "page"),
	"oidcc-display-popup":                                                          with("display", "popup"),
	"oidcc-ui-locales":                                                             with("ui_locales", "se"),
	"oidcc-claims-locales":                                                         with("claims_locales", "se"),
	"oidcc-login-hint":                                                             with("login_hint", "bob@rp.example"),
}

// with is a request that has one parameter more, or another one, and is answered like any.
func with(name, value string) func(a *app, b *servertest.Browser) {
	return func(a *app, b *servertest.Browser) { a.in(b, name, value) }
}

func TestCore(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		whole := newProvider(t, engine)
		for _, f := range flows {
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

func userinfoGet(a *app, b *servertest.Browser) {
	userinfo(a, b, func(access string) (int, http.Header, []byte) {
		return a.ask(http.MethodGet, a.at("userinfo_endpoint"), nil, "Authorization", "Bearer "+access)
	})
}

func userinfoPostHeader(a *app, b *servertest.Browser) {
	userinfo(a, b, func(access string) (int, http.Header, []byte) {
		return a.ask(http.MethodPost, a.at("userinfo_endpoint"), nil, "Authorization", "bearer "+access)
	})
}

func userinfoPostBody(a *app, b *servertest.Browser) {
	userinfo(a, b, func(access string) (int, http.Header, []byte) {
		return a.ask(http.MethodPost, a.at("userinfo_endpoint"), url.Values{"access_token": {access}})
	})
}

func userinfo(a *app, b *servertest.Browser, send func(access string) (int, http.Header, []byte)) {
	access, id := a.tokens(a.in(b))
	if access == "" {
		return // response type id_token gets none
	}
	status, header, raw := send(access)
	var got document
	if err := json.Unmarshal(raw, &got); err != nil || status != http.StatusOK || got["sub"] != a.claims(id)["sub"] ||
		!strings.HasPrefix(header.Get("Content-Type"), "application/json") {
		a.Errorf("%d %s", status, raw)
	}
	if status, _, _ := a.ask(http.MethodGet, a.at("userinfo_endpoint")+"?access_token="+access, nil); status != 400 && status != 401 {
		a.Errorf("a token in the query: %d", status)
	}
}

func withoutNonce(a *app, b *servertest.Browser) {
	if !a.has("id_token") { // code and code token do without
		a.in(b, "nonce", "")
	}
}

func withoutNonceFails(a *app, b *servertest.Browser) {
	if a.has("id_token") {
		a.begin(b, "nonce", "")
		a.refused(b, "invalid_request")
	}
}

// ofScopes are the claims that a scope brings (OpenID Connect Core section 5.4).
var ofScopes = map[string]string{
	"profile": "name family_name given_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo " +
		"locale updated_at",
	"email": "email email_verified", "address": "address", "phone": "phone_number phone_number_verified",
}

// scopes: all claims of what was asked for and no others, of the right types, in the ID token only where there is no access token.
func scopes(asked string) func(a *app, b *servertest.Browser) {
	return func(a *app, b *servertest.Browser) { claimsOf(a, b, asked) }
}

func claimsOf(a *app, b *servertest.Browser, asked string) {
	access, id := a.tokens(a.in(b, "scope", "openid "+asked))
	inID := a.claims(id)
	told := inID
	if access != "" {
		told = nil
		_, _, raw := a.ask(http.MethodGet, a.at("userinfo_endpoint"), nil, "Authorization", "Bearer "+access)
		if err := json.Unmarshal(raw, &told); err != nil {
			a.Errorf("userinfo %s", raw)
		}
	}
	for scope, names := range ofScopes {
		for name := range strings.FieldsSeq(names) {
			if (told[name] != nil) != slices.Contains(strings.Fields(asked), scope) {
				a.Errorf("%s is %v", name, told[name])
			}
			if access != "" && inID[name] != nil {
				a.Errorf("the ID token has %s", name)
			}
			is := told[name] == nil
			switch told[name].(type) {
			case bool:
				is = strings.HasSuffix(name, "_verified")
			case float64:
				is = name == "updated_at"
			case document:
				is = name == "address"
			case string:
				is = !strings.HasSuffix(name, "_verified") && name != "updated_at" && name != "address"
			}
			if !is {
				a.Errorf("%s is %v", name, told[name])
			}
		}
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

// maxAge1: the session is older than that.
func maxAge1(a *app, b *servertest.Browser) {
	a.in(b)
	a.AgeSessions(a.T, a.ada.ID, 2*time.Second)
	before := time.Now().Add(-time.Second).Unix()
	got, asked := a.finish(a.begin(b, "max_age", "1"))
	if !asked {
		a.Error("nobody was asked to sign in")
	}
	_, id := a.tokens(got)
	if at, _ := a.claims(id)["auth_time"].(float64); int64(at) < before {
		a.Errorf("auth_time %v", at)
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
	if id, ok := second["id_token"].(string); ok {
		one, two := a.claims(first["id_token"].(string)), a.claims(id)
		if one["sub"] != two["sub"] || two["auth_time"] != nil && one["auth_time"] != two["auth_time"] {
			a.Errorf("%v, then %v", one, two)
		}
	}
	token, _ = second["refresh_token"].(string)
	other := a.register(a.kind, a.mode, nil)
	if status, got := other.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}); status != http.StatusBadRequest ||
		got["error"] != "invalid_grant" {
		a.Errorf("another app's: %d %v", status, got)
	}
}

// pkce: whoever sends a challenge is held to it.
func pkce(a *app, b *servertest.Browser) {
	if !a.has("code") {
		return
	}
	status, _ := a.token(url.Values{"grant_type": {"authorization_code"}, "code": {a.in(b).Get("code")}, "redirect_uri": {callback},
		"code_verifier": {strings.Repeat("x", 43)}})
	if status != http.StatusBadRequest {
		a.Errorf("another verifier: %d", status)
	}
	a.tokens(a.in(b))
}

// otherOrder: neither parameters nor scopes have one.
func otherOrder(a *app, b *servertest.Browser) {
	q := a.request("scope", "profile openid")
	names := slices.Sorted(maps.Keys(q))
	slices.Reverse(names)
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, name+"="+url.QueryEscape(q.Get(name)))
	}
	if got, _ := a.finish(b.Get(a.T, a.at("authorization_endpoint")+"?"+strings.Join(pairs, "&"))); got.Get("error") != "" {
		a.Errorf("%v", got)
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
}

func withoutRedirect(a *app, b *servertest.Browser) {
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
