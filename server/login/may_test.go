package login_test

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/server/servertest"
)

// … and neither does an old session become a new one by the password alone.
func TestV01_ChangingThePasswordRenewsNoSecondFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, ada)
		other := s.Browser(t)
		other.Get(t, "/signin").SignIn(t, ada)
		s.AddPasskey(t, ada)

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
		secret, _ := b.AddAuthenticator(t)
		app := s.App(t, "shop").With("openid")
		time.Sleep(time.Hour)
		b.Get(t, "/account/password").SignIn(t, ada)
		b.Submit(t, "factor-submit", url.Values{"code": {servertest.TOTP(t, secret)}})
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
