package signin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/config"
	"signet/server/servertest"
)

// pressing gives a form's fields to a page of a sign-in that is not asked for: at is what its address ends with.
func pressing(t *testing.T, b *servertest.Browser, path string, form url.Values) {
	t.Helper()
	b.Post(t, path+"?i="+b.URL.Query().Get("i"), form)
}

// Rule V01: who has only made the first step passes the second factor that is there; setting another one up is no way past it.
func TestV01_AFirstFactorAloneSetsUpNoSecondOneBesideTheOneThatIsThere(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := mailServer(t, engine, servertest.Change(func(c *config.Config) { c.Factors.Required, c.Signin.MailedCode = "everyone", true }))
		ada := s.Person(t, "ada@example.com")
		owner := s.Browser(t)
		owner.Get(t, "/signin").SignIn(t, ada)
		secret := owner.Text("totp-secret")
		owner.Submit(t, "totp-confirm", url.Values{"code": {codeOf(t, secret, -1)}})
		addPasskey(t, s, owner)
		owner.Get(t, "/account/second-step").Submit(t, "totp-remove", nil)
		box.Wait(t, ada.Email)

		firsts := map[string]func(b *servertest.Browser){
			"password": func(b *servertest.Browser) { b.Get(t, "/signin").SignIn(t, ada) },
			"reset": func(b *servertest.Browser) {
				b.Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {ada.Email}})
				link := ""
				for link == "" {
					if m := box.Wait(t, ada.Email); strings.Contains(m.Text, "/reset?t=") {
						link = local(t, m.LinkWith(t, "/reset?t="))
					}
				}
				b.Get(t, link).Submit(t, "password-submit", url.Values{"password": {"another long password"}})
				ada.Password = "another long password"
			},
			"code": func(b *servertest.Browser) {
				b.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {ada.Email}})
				code := ""
				for code == "" {
					if m := box.Wait(t, ada.Email); strings.Contains(m.Subject, "code") {
						code = m.Code(t)
					}
				}
				b.Submit(t, "code-submit", url.Values{"code": {code}})
			},
		}
		for name, first := range firsts {
			b := s.Browser(t)
			first(b)
			if b.URL.Path != "/signin/factor" {
				t.Fatalf("%s: at %s", name, b.URL)
			}
			at := b.URL.Query().Get("i")
			if b.Get(t, "/signin/factor/setup?i="+at); b.URL.Path != "/signin/factor" || b.Has("totp-secret") {
				t.Errorf("%s: a secret is shown at %s", name, b.URL)
			}
			if b.Get(t, "/signin/factor/qr?i="+at); b.Header.Get("Content-Type") == "image/png" {
				t.Errorf("%s: a QR code is drawn", name)
			}
			b.Get(t, "/signin/factor?i="+at)
			pressing(t, b, "/signin/factor/setup", url.Values{"code": {"000000"}})
			if b.Get(t, "/account"); b.URL.Path == "/account" {
				t.Errorf("%s: signed in", name)
			}
			if have, err := s.House().Factors.Of(t.Context(), ada.ID); err != nil || have.TOTP || have.Passkeys != 1 {
				t.Errorf("%s: %+v, %v", name, have, err)
			}
		}
	})
}

// The same where the second factor came in after it was decided that one has to be set up.
func TestV01_ASecondFactorThatCameInMeanwhileHasToBePassed(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) { c.Factors.Required = "everyone" }))
		ada := s.Person(t, "ada@example.com")
		slow, quick := s.Browser(t), s.Browser(t)
		slow.Get(t, "/signin").SignIn(t, ada)
		theirs := slow.Text("totp-secret")
		quick.Get(t, "/signin").SignIn(t, ada)
		quick.Submit(t, "totp-confirm", url.Values{"code": {codeOf(t, quick.Text("totp-secret"), -1)}})
		quick.Get(t, "/account")
		addPasskey(t, s, quick)
		quick.Get(t, "/account/second-step").Submit(t, "totp-remove", nil)

		if slow.Submit(t, "totp-confirm", url.Values{"code": {codeOf(t, theirs, 0)}}); slow.URL.Path != "/signin" {
			t.Errorf("at %s", slow.URL)
		}
		if have, err := s.House().Factors.Of(t.Context(), ada.ID); err != nil || have.TOTP {
			t.Errorf("%+v, %v", have, err)
		}
		if slow.Get(t, "/account"); slow.URL.Path == "/account" {
			t.Error("signed in")
		}
	})
}

// Rule V01: a passkey is added with the strongest factor only; a trusted browser spares it at sign-in, not here.
func TestV01_TheOfferAddsNoPasskeyWithoutTheStrongestFactor(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) { c.Factors.TrustBrowser = 30 * 24 * time.Hour }))
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	secret, _ := turnOn(t, b)
	b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
	b.Get(t, "/signin").SignIn(t, ada)
	b.Submit(t, "factor-submit", url.Values{"code": {codeOf(t, secret, 0)}, "trust": {"yes"}})
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

// … and neither does an old session become a new one by the password alone.
func TestV01_ChangingThePasswordRenewsNoSecondFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, ada)
		other := s.Browser(t)
		other.Get(t, "/signin").SignIn(t, ada)
		addPasskey(t, s, other)

		time.Sleep(time.Hour)
		b.Post(t, "/account/password", url.Values{"current": {ada.Password}, "password": {"the intruders password"}})
		if b.URL.Path != "/signin" {
			t.Errorf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
		}
		if b.Get(t, "/signin/offer"); b.URL.Path == "/signin/offer" {
			t.Error("a passkey is offered")
		}
		fresh := s.Browser(t)
		fresh.Get(t, "/signin").SignIn(t, ada)
		if fresh.Status != http.StatusOK {
			t.Errorf("the password is another one: %d", fresh.Status)
		}
	})
}

// The session keeps what it was made with when the password changes.
func TestV01_ANewPasswordLeavesTheSessionAsOldAsItsSecondFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, ada)
		secret, _ := turnOn(t, b)
		app := s.App(t, "shop").With("openid")
		time.Sleep(time.Hour)
		b.Get(t, "/account/password").SignIn(t, ada)
		b.Submit(t, "factor-submit", url.Values{"code": {codeOf(t, secret, 0)}})
		confirmed := time.Now()
		time.Sleep(5 * time.Minute)
		b.Get(t, "/account/password").Submit(t, "password-submit", url.Values{"current": {ada.Password}, "password": {"another long password"}})
		if b.URL.Path != "/account" {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		r := app.Begin(t, b, oauth2.SetAuthURLParam("acr_values", "2"))
		if b.Has("consent-allow") {
			b.Allow(t)
		}
		var claims struct {
			ACR      string `json:"acr"`
			AuthTime int64  `json:"auth_time"`
		}
		id := app.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string))
		if err := id.Claims(&claims); err != nil || claims.ACR != "2" || claims.AuthTime != confirmed.Unix() {
			t.Errorf("%+v, confirmed at %d, %v", claims, confirmed.Unix(), err)
		}
	})
}
