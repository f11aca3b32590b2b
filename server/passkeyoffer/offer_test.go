package passkeyoffer_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/server/servertest"
)

func TestPasskey_OfferedOnceAfterAPassword(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, eve := s.Person(t, "ada@example.com"), s.Person(t, "eve@example.com")
	able := func(p servertest.Person) url.Values {
		return url.Values{"username": {p.Email}, "password": {p.Password}, "passkeys": {"yes"}}
	}
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada) // a browser that cannot, or has no script
	if b.URL.Path != "/account" {
		t.Errorf("offered without a word of the script: %s", b.URL)
	}
	app := s.App(t, "shop").With("openid")
	b = s.Browser(t)
	r := app.Begin(t, b)
	b.Submit(t, "login-submit", able(ada))
	if b.URL.Path != "/signin/offer" {
		t.Fatalf("at %s", b.URL)
	}
	b.Submit(t, "offer-no", nil) // and what she came for goes on
	if b.Has("consent-allow") {
		b.Allow(t)
	}
	r.Exchange(t, r.Code(t, b))
	b = s.Browser(t)
	b.Get(t, "/signin").Submit(t, "login-submit", able(ada))
	if b.URL.Path != "/account" {
		t.Errorf("offered again: %s", b.URL)
	}
	if b.Get(t, "/signin/offer"); b.URL.Path != "/account" {
		t.Errorf("offered again: %s", b.URL)
	}

	b = s.Browser(t)
	b.Get(t, "/signin").Submit(t, "login-submit", able(eve))
	d := s.Device()
	at := b.URL.RequestURI()
	if b.Post(t, at, url.Values{"credential": {"{}"}}); b.Status != http.StatusBadRequest {
		t.Errorf("nonsense: %d at %s", b.Status, b.URL)
	}
	b.Post(t, at, url.Values{"credential": {d.Create(t, b.PasskeyOptions(t, "offer-add", nil))}})
	if b.URL.Path != "/account" || !strings.Contains(b.Text("main"), "1 passkey") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	b = s.Browser(t)
	b.Get(t, "/signin").Submit(t, "login-submit", able(eve))
	if b.URL.Path != "/account" {
		t.Errorf("offered to somebody who has one: %s", b.URL)
	}
	if b.Get(t, "/signin/offer"); b.URL.Path != "/account" {
		t.Errorf("offered to somebody who has one: %s", b.URL)
	}
	stranger := s.Browser(t)
	if stranger.Get(t, "/signin/offer"); stranger.URL.Path != "/signin" {
		t.Errorf("offered to nobody: %s", stranger.URL)
	}
}

// Rule V01: a passkey is added with the strongest factor only; a trusted browser spares it at sign-in, not here.
func TestV01_TheOfferAddsNoPasskeyWithoutTheStrongestFactor(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML("factors: {trust_browser: 720h}"))
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	secret, _ := b.AddAuthenticator(t)
	b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
	b.Get(t, "/signin").SignIn(t, ada)
	b.Submit(t, "factor-submit", url.Values{"code": {servertest.TOTP(t, secret)}, "trust": {"yes"}})
	b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)

	b.Get(t, "/signin").Submit(t, "login-submit", url.Values{"username": {ada.Email}, "password": {ada.Password}, "passkeys": {"yes"}})
	if b.URL.Path != "/account" {
		t.Fatalf("the trusted browser ends at %s", b.URL)
	}
	tab := b.Tab(t)
	if tab.Post(t, "/signin/offer/options", url.Values{}); tab.Status == http.StatusOK && strings.Contains(tab.Body, "challenge") {
		t.Error("a challenge for a passkey is given out")
	}
	if b.Get(t, "/signin/offer"); b.URL.Path != "/account" {
		t.Errorf("at %s", b.URL)
	}
}
