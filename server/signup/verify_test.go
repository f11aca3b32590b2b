package signup_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"signet/server/servertest"
	"signet/storage"
)

func TestD02_TheAccountIsMadeWhenTheAddressIsVerified(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine)
		app := s.App(t, "shop").With("openid")
		b := s.Browser(t)
		r := app.Begin(t, b)
		b.SignUp(t, "Ada", "ada@example.com", servertest.NewPassword)
		if b.Landed != nil || b.Get(t, "/account").URL.Path != "/signin" {
			t.Fatalf("signed in before the address is verified, at %s", b.URL)
		}
		if _, err := s.Services().People.Show(t.Context(), "ada@example.com"); err == nil {
			t.Fatal("the account exists before the address is verified")
		}
		link := servertest.Local(t, box.Wait(t, "ada@example.com").LinkWith(t, "/verify?t="))
		b.Get(t, link).Submit(t, "link-submit", nil)
		if b.Has("consent-allow") {
			b.Allow(t)
		}
		app.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string)) // what the person came for went on
		u, err := s.Services().People.Show(t.Context(), "ada@example.com")
		if err != nil || !u.EmailVerified {
			t.Errorf("verified %v, %v", u.EmailVerified, err)
		}
		if s.Browser(t).Get(t, link).Status != http.StatusGone {
			t.Error("the link is good a second time")
		}
		if b.Get(t, link); b.Landed == nil || b.Landed.Query().Get("code") == "" { // B05: in the browser that used it, it leads on
			t.Errorf("opened again: %d at %s", b.Status, b.URL)
		}
	})
}

// The app's request may be over by then, or its app have changed: whoever verified the address is signed in, and told.
func TestD02_TheAccountIsMadeAlthoughTheRequestIsOver(t *testing.T) {
	over := map[string]func(t *testing.T, s *servertest.Server, i string){
		"31 minutes later": func(t *testing.T, s *servertest.Server, i string) {
			db, ctx := s.Services().DB, t.Context()
			row, err := db.InteractionByID(ctx, i, time.Now())
			if err == nil {
				err = db.SpendInteraction(ctx, i)
			}
			row.CreatedAt, row.ExpiresAt = time.Now().Add(-31*time.Minute), time.Now().Add(-time.Minute)
			if err == nil {
				err = db.InsertInteraction(ctx, row, 100, 0, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"the app's address changed": func(t *testing.T, s *servertest.Server, _ string) {
			c, err := s.Services().Clients.Client(t.Context(), "shop")
			if err != nil {
				t.Fatal(err)
			}
			m := c.Metadata
			m.RedirectURIs = []string{"https://elsewhere.example/cb"}
			if err := s.Services().Clients.Update(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		},
	}
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for name, change := range over {
			t.Run(name, func(t *testing.T) {
				s, box := servertest.NewWithMail(t, engine)
				b := s.Browser(t)
				s.App(t, "shop").With("openid").Begin(t, b)
				i := b.Interaction(t)
				b.SignUp(t, "Ada", "ada@example.com", servertest.NewPassword)
				link := servertest.Local(t, box.Wait(t, "ada@example.com").LinkWith(t, "/verify?t="))
				change(t, s, i)
				if b.Get(t, link).Submit(t, "link-submit", nil); b.Status != http.StatusOK || b.URL.RequestURI() != "/account?done=late" {
					t.Errorf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
				}
				if b.Get(t, link); b.Status != http.StatusOK || b.URL.Path != "/account" { // B05
					t.Errorf("opened again: %d at %s", b.Status, b.URL)
				}
			})
		}
	})
}

func TestD03_D04_WhoeverVerifiesTheAddressChoosesThePassword(t *testing.T) {
	s, box := servertest.NewWithMail(t)
	attacker := s.Browser(t)
	attacker.Get(t, "/signin").SignUp(t, "Mallory", "ada@example.com", "the password of mallory")
	link := servertest.Local(t, box.Wait(t, "ada@example.com").LinkWith(t, "/verify?t="))
	second := s.Browser(t)
	second.Get(t, "/signin").SignUp(t, "Ada", "ada@example.com", servertest.NewPassword)
	other := servertest.Local(t, box.Wait(t, "ada@example.com").LinkWith(t, "/verify?t="))

	ada := s.Browser(t) // not the browser that signed up
	if ada.Get(t, link); ada.Has("link-submit") || !ada.Has("password-submit") {
		t.Fatalf("another browser is not asked for a password: %s", ada.Text("main"))
	}
	ada.Submit(t, "password-submit", url.Values{"password": {"my own and long password"}})
	if ada.URL.RequestURI() != "/account?done=signup" {
		t.Fatalf("at %s: %s", ada.URL, ada.Text("main"))
	}
	if attacker.Get(t, "/account").URL.Path != "/signin" {
		t.Error("the one who began is signed in")
	}
	if c := s.Browser(t); c.Get(t, "/signin").SignIn(t,
		servertest.Person{User: storage.User{Email: "ada@example.com"}, Password: "the password of mallory"}).URL.Path == "/account" {
		t.Error("mallory's password opens the account")
	}
	if s.Browser(t).Get(t, other).Status != http.StatusGone {
		t.Error("another pending sign-up of the address is still good")
	}
}
