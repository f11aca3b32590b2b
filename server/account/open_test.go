package account_test

import (
	"html"
	"strings"
	"testing"

	"signet/clients"
	"signet/server/servertest"
)

// OpenID Connect Core section 4: a sign-in that starts on our page begins at the app.
func TestAppsAreOpenedWhereTheirSignInBegins(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	start := func(m *clients.Metadata) { m.InitiateLoginURI = "https://" + m.ClientID + ".example/start?tenant=1" }
	s.App(t, "shop", start).Login(t, b, ada)
	s.App(t, "till", start).With("openid").Login(t, b, ada)
	s.App(t, "board").Login(t, b, ada)
	page := html.UnescapeString(b.Get(t, "/account/apps").Body)
	const iss = "&iss=https%3A%2F%2Fid.example.com"
	for _, want := range []string{
		`href="https://shop.example/start?tenant=1` + iss + `&login_hint=ada%40example.com"`,
		`href="https://till.example/start?tenant=1` + iss + `"`, // it does not know the address
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in %s", want, page)
		}
	}
	if strings.Count(page, "?tenant=1") != 2 {
		t.Error("an app without such an address has a link")
	}
	if err := s.Services().Clients.SetDisabled(t.Context(), "shop", true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.Get(t, "/account/apps").Body, "shop.example/start") {
		t.Error("a disabled app is opened")
	}
}
