package server_test

import (
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/server/servertest"
)

const demanding = `
resources:
  - {identifier: "https://bank.example.com", name: Bank, scopes: ["bank:move"], require_second_factor: true, max_age: 300}
  - {identifier: "https://api.example.com", name: API, scopes: ["api:read"]}
`

// TestRFC9470_AResourceDemandsItsSignIn: whoever asks for a token for it is sent through the sign-in that it wants, so that the first token
// does; other tokens of the same app are had as before.
func TestRFC9470_AResourceDemandsItsSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(demanding))
		ada := s.Person(t, "ada@example.com")
		app := s.App(t, "shop", func(m *clients.Metadata) { m.FirstParty = true; m.Scope += " bank:move api:read" })
		plain, bank := app.With("openid", "api:read"), app.With("openid", "bank:move")
		b := s.Browser(t)
		plain.Begin(t, b)
		if b.SignIn(t, ada); b.Landed == nil {
			t.Fatalf("at %s", b.URL)
		}
		bank.Begin(t, b)
		if b.Landed != nil || b.URL.Path != "/signin" {
			t.Fatalf("one factor: at %s, landed %v", b.URL, b.Landed)
		}
		if b.SignIn(t, ada); b.URL.Path != "/signin/factor/setup" {
			t.Fatalf("no second factor: at %s", b.URL)
		}
		b.Get(t, "/account/second-step")
		b.AddAuthenticator(t)
		r := bank.Begin(t, b)
		token := r.Exchange(t, r.Code(t, b))
		if got := claimsOf(t, token.AccessToken); got["acr"] != "2" || got["scope"] != "openid bank:move" {
			t.Errorf("%v", got)
		}
		time.Sleep(10 * time.Minute)
		if plain.Begin(t, b); b.Landed == nil {
			t.Errorf("another resource: at %s", b.URL)
		}
		named := plain.With("openid", "bank:move", "api:read")
		if named.Begin(t, b, oauth2.SetAuthURLParam("resource", "https://api.example.com")); b.Landed == nil {
			t.Errorf("it is not named: at %s", b.URL)
		}
		if bank.Begin(t, b); b.Landed != nil || b.URL.Path != "/signin" {
			t.Errorf("too old: at %s, landed %v", b.URL, b.Landed)
		}
		r = bank.Begin(t, b, oauth2.SetAuthURLParam("prompt", "none"))
		if got := r.Answer(t, b).Get("error"); got != "login_required" {
			t.Errorf("without a page: %s", got)
		}
		d := newTV(t, s, "tv", func(m *clients.Metadata) { m.Scope += " bank:move" })
		_, user := d.begin("openid bank:move")
		if b.Get(t, s.URL+"/device?user_code="+user); b.Has("device-allow") || b.URL.Path != "/signin" {
			t.Errorf("a device: at %s: %s", b.URL, b.Text("main"))
		}
	})
}
