package mfa_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"signet/server/servertest"
	"signet/users/factor"
)

func TestF06_ThePasswordAloneIsNoSession(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, ada)
		secret, codes := b.AddAuthenticator(t)
		if len(codes) < 10 {
			t.Fatalf("codes %q", codes)
		}

		app := s.App(t, "shop").With("openid")
		fresh := s.Browser(t)
		r := app.Begin(t, fresh)
		fresh.SignIn(t, ada)
		if fresh.URL.Path != "/signin/factor" {
			t.Fatalf("at %s", fresh.URL)
		}
		factor := fresh.URL.String()
		if fresh.Get(t, "/account"); fresh.URL.Path != "/signin" {
			t.Errorf("a sign-in that waits for its second factor opens %s", fresh.URL)
		}
		other := s.Browser(t) // C06: another browser cannot go on with it
		if other.Get(t, factor); other.Has("factor-submit") {
			t.Error("another browser goes on with the sign-in")
		}
		fresh.Get(t, factor).Submit(t, "factor-submit", url.Values{"code": {"000000"}})
		if fresh.Status != http.StatusForbidden || !fresh.Has("factor-submit") {
			t.Errorf("a wrong code: %d at %s", fresh.Status, fresh.URL)
		}
		fresh.Submit(t, "factor-submit", url.Values{"code": {servertest.TOTP(t, secret)}})
		if fresh.Has("consent-allow") {
			fresh.Allow(t)
		}
		id := app.IDToken(t, r.Exchange(t, r.Code(t, fresh)).Extra("id_token").(string))
		var claims struct {
			ACR string
			AMR []string
		}
		if err := id.Claims(&claims); err != nil || claims.ACR != "2" || !slices.Equal(claims.AMR, []string{"pwd", "otp", "mfa"}) {
			t.Errorf("acr %q amr %v, %v", claims.ACR, claims.AMR, err)
		}

		// The same code again, in a browser of somebody who looked over the shoulder.
		other.Get(t, "/signin").SignIn(t, ada)
		other.Submit(t, "factor-submit", url.Values{"code": {servertest.TOTP(t, secret)}})
		if other.Status != http.StatusForbidden {
			t.Errorf("replayed code: %d at %s", other.Status, other.URL)
		}
		recovery := other.URL.String() + "&way=recovery"
		other.Get(t, recovery).Submit(t, "factor-submit", url.Values{"code": {codes[3]}})
		if other.URL.Path != "/account" {
			t.Errorf("recovery code: %d at %s: %s", other.Status, other.URL, other.Text("main"))
		}
	})
}

// … of a double click with the right code, both lead on, one after the other and at once.
func TestB02_TheSameCodeTwiceLeadsOn(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		auth := s.AddAuthenticator(t, ada)
		app := s.App(t, "shop").With("openid")
		begin := func(fields url.Values) (*servertest.Browser, func(tab *servertest.Browser)) {
			b := s.Browser(t)
			app.Begin(t, b)
			b.SignIn(t, ada)
			page := b.URL.RequestURI()
			return b, func(tab *servertest.Browser) {
				if tab.Post(t, page, fields); tab.Status != http.StatusOK || tab.URL.Path == "/signin/factor" {
					t.Errorf("%d at %s: %s", tab.Status, tab.URL, tab.Text("main"))
				}
			}
		}
		b, post := begin(url.Values{"code": {auth.Code(t)}})
		post(b.Tab(t))
		post(b.Tab(t))
		for _, code := range auth.Recovery[:3] {
			b, post := begin(url.Values{"code": {code}, "way": {"recovery"}})
			var wg sync.WaitGroup
			for range 3 {
				tab := b.Tab(t)
				wg.Go(func() { post(tab) })
			}
			wg.Wait()
		}
	})
}

func TestG02_FiveWrongCodesEndTheSignIn(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	secret, _ := b.AddAuthenticator(t)
	fresh := s.Browser(t)
	fresh.Get(t, "/signin").SignIn(t, ada)
	factor := fresh.URL.String()
	for range 5 {
		fresh.Submit(t, "factor-submit", url.Values{"code": {"000000"}})
	}
	fresh.Submit(t, "factor-submit", url.Values{"code": {servertest.TOTP(t, secret)}})
	if fresh.Has("factor-submit") || fresh.Status != http.StatusForbidden {
		t.Errorf("a sixth try: %d at %s", fresh.Status, fresh.URL)
	}
	if fresh.Get(t, factor); fresh.URL.Path != "/signin" {
		t.Errorf("the sign-in that waits lives on at %s", fresh.URL)
	}
}

// … and that is told although another account of the browser is signed in.
func TestG02_TooManyWrongCodesForAnotherAccountAreTold(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
	auth := s.AddAuthenticator(t, bob)
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	b.Get(t, "/signin?other=1").SignIn(t, bob)
	for range 6 {
		b.Submit(t, "factor-submit", url.Values{"code": {"000000"}})
	}
	if b.URL.Path != "/signin" || b.Status != http.StatusForbidden || !b.Has("login-submit") {
		t.Errorf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
	}
	b.SignIn(t, bob).Submit(t, "factor-submit", url.Values{"code": {auth.Code(t)}})
	if b.Get(t, "/account"); !strings.Contains(b.Text("main"), bob.Email) {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
}

func TestE11_WhatEndsEverythingEndsTheSignInThatWaits(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	secret, _ := b.AddAuthenticator(t)
	fresh := s.Browser(t)
	fresh.Get(t, "/signin").SignIn(t, ada)
	permit := factor.ForOperator(ada.ID, factor.ResetPassword)
	if err := s.Services().People.SetPassword(t.Context(), permit, "a quite different sentence"); err != nil {
		t.Fatal(err)
	}
	fresh.Submit(t, "factor-submit", url.Values{"code": {servertest.TOTP(t, secret)}})
	if fresh.URL.Path != "/signin" || fresh.Get(t, "/account").URL.Path == "/account" {
		t.Errorf("the first step with the old password opens the account: %s", fresh.URL)
	}
}

func TestTrustedBrowserIsSparedUntilItMatters(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	secret, codes := b.AddAuthenticator(t)
	b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
	b.Get(t, "/signin").SignIn(t, ada).Submit(t, "factor-submit", url.Values{"code": {servertest.TOTP(t, secret)}, "trust": {"1"}})
	b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
	if b.Get(t, "/signin").SignIn(t, ada); b.URL.Path != "/account" {
		t.Fatalf("a trusted browser is asked: %s", b.URL)
	}
	// F10: acts on the account want the strongest way.
	if b.Get(t, "/account/second-step/add"); b.URL.Path != "/account/second-step" && b.URL.Path != "/signin" {
		t.Fatalf("at %s", b.URL)
	}
	if b.Get(t, "/account/data").Get(t, "/account/delete"); b.URL.Path != "/signin" {
		t.Fatalf("a sensitive page opens at %s", b.URL)
	}
	if b.SignIn(t, ada); b.URL.Path != "/signin/factor" {
		t.Fatalf("confirming without the second factor: %s", b.URL)
	}
	b.Get(t, b.URL.String()+"&way=recovery").Submit(t, "factor-submit", url.Values{"code": {codes[0]}})
	if b.URL.Path != "/account/delete" {
		t.Errorf("after confirming at %s", b.URL)
	}
	// An app that asks for two factors gets them, and says so.
	app := s.App(t, "bank").With("openid")
	c := s.Browser(t)
	c.Get(t, "/signin").SignIn(t, ada)
	if c.URL.Path != "/signin/factor" {
		t.Errorf("another browser is trusted too: %s", c.URL)
	}
	if app.Begin(t, b, oauth2.SetAuthURLParam("acr_values", "2")); b.URL.Path == "/signin" {
		t.Errorf("two factors shown a moment ago are asked for again")
	}
	if err := s.Services().People.SetPassword(t.Context(), factor.ForOperator(ada.ID, factor.ResetPassword), servertest.Password); err != nil {
		t.Fatal(err)
	}
	if b.Get(t, "/signin").SignIn(t, ada); b.URL.Path != "/signin/factor" {
		t.Errorf("trust outlives a new password: %s", b.URL)
	}
}

// TestTheSecondStepCanBeCancelled: as every step of an app's request, back to the app.
func TestTheSecondStepCanBeCancelled(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, app := s.Person(t, "ada@example.com"), s.App(t, "shop")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	b.AddAuthenticator(t)
	c := s.Browser(t)
	r := app.Begin(t, c)
	if c.SignIn(t, ada); c.URL.Path != "/signin/factor" || !strings.Contains(c.Body, "cancel=1") {
		t.Fatalf("at %s: %s", c.URL, c.Text("main"))
	}
	if c.Get(t, "/signin?cancel=1&i="+c.Interaction(t)); r.Answer(t, c).Get("error") != "access_denied" {
		t.Errorf("landed at %v", c.Landed)
	}
}
