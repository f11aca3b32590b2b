package server_test

import (
	"net/http"
	"net/url"
	"testing"

	"signet/clients"
	"signet/server/servertest"
)

// otherSpaces are those of Unicode that are no space of the protocol. (Control characters are refused before.)
var otherSpaces = []string{"\u00a0", "\u1680", "\u2003", "\u2028", "\u202f", "\u3000"}

// TestRFC6749_3_3_OnlyASpacePartsLists: whatever else looks like a space is part of a word, wherever a list comes in; as %x20 is the only
// one that parts response types (section 3.1.1).
func TestRFC6749_3_3_OnlyASpacePartsLists(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.YAML(`
authorization: {response_types: [code, code token]}
registration: {mode: open}
resources: [{identifier: "https://api.example.com/", name: API, scopes: ["api:read", "api:write"], open: true}]
`))
	shop := s.App(t, "shop", func(m *clients.Metadata) {
		m.Scope += " api:read api:write"
		m.GrantTypes, m.ResponseTypes = append(m.GrantTypes, clients.Implicit), []string{"code", "code token"}
	})
	bank, tv := newCounter(t, s, "bank"), newTV(t, s, "tv")
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	token := shop.With("openid", "email", "offline_access").Login(t, b, ada)
	asks := func(pairs ...string) url.Values {
		q := url.Values{"client_id": {"shop"}, "response_type": {"code"}, "scope": {"openid email"}, "redirect_uri": {shop.RedirectURIs[0]}}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		b.Get(t, "/oauth2/authorize?"+q.Encode())
		if b.Landed == nil {
			t.Fatalf("%q: at %s (%d): %s", pairs, b.URL, b.Status, b.Text("main"))
		}
		got := b.Landed.Query()
		fragment, err := url.ParseQuery(b.Landed.Fragment)
		if err != nil {
			t.Fatal(err)
		}
		if len(fragment) > 0 {
			return fragment
		}
		return got
	}
	if got := asks("scope", "  openid   email ", "response_type", " token  code "); got.Get("code") == "" { // a space too many is no word
		t.Errorf("several spaces: %v", got)
	}
	for _, space := range otherSpaces {
		wants := func(what string, got any, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s parted by %q: %v, want %s", what, space, got, want)
			}
		}
		wants("response_type", asks("response_type", "code"+space+"token").Get("error"), "unsupported_response_type")
		wants("response_type", asks("response_type", space+"code").Get("error"), "unsupported_response_type")
		wants("scope", asks("scope", "openid"+space+"email").Get("error"), "invalid_scope")
		wants("prompt", asks("prompt", "login"+space+"consent").Get("error"), "invalid_request")
		refresh := refreshForm(token.RefreshToken)
		refresh.Set("scope", "openid"+space+"email")
		_, got := shop.Post(t, "/oauth2/token", refresh)
		wants("scope of a refresh", got["error"], "invalid_scope")
		_, got = shop.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.ClientCredentials}, "scope": {"api:read" + space + "api:write"}})
		wants("scope of client credentials", got["error"], "invalid_scope")
		_, got = bank.ask(ada.Email, "scope", "openid"+space+"email")
		wants("scope of a request elsewhere", got["error"], "invalid_scope")
		_, got = tv.app.Post(t, "/oauth2/device_authorization", url.Values{"client_id": {"tv"}, "scope": {"openid" + space + "email"}})
		wants("scope of a device", got["error"], "invalid_scope")
		status, got := (&innerWorld{Server: s}).register(t, map[string]any{"redirect_uris": []string{"https://x.example/cb"},
			"scope": "openid api:read" + space + "api:write"})
		if status != http.StatusCreated || got["scope"] != "openid" {
			t.Errorf("registered with %q: %d %v", space, status, got)
		}
	}
}
