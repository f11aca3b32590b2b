package signin_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"golang.org/x/oauth2"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
	"signet/users/membership"
)

var groups = regexp.MustCompile(`(?:[A-Z2-7]{4} ){5}[A-Z2-7]{4}`)

// codeOf is what an authenticator app shows for a secret in so many steps from now.
func codeOf(t *testing.T, secret string, steps int) string {
	t.Helper()
	c, err := totp.GenerateCode(strings.ReplaceAll(secret, " ", ""), time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// turnOn enrols the person signed in in the browser, with the code of a step before now so that now's is left to use.
func turnOn(t *testing.T, b *servertest.Browser) (secret string, codes []string) {
	t.Helper()
	b.Get(t, "/account/second-step").Get(t, "/account/second-step/add")
	secret = b.Text("totp-secret")
	b.Submit(t, "totp-confirm", url.Values{"code": {codeOf(t, secret, -1)}})
	for _, c := range groups.FindAllString(b.Text("main"), -1) {
		codes = append(codes, strings.TrimSpace(c))
	}
	if b.Status != http.StatusOK || len(codes) == 0 {
		t.Fatalf("enrolment ends at %s with %d: %s", b.URL, b.Status, b.Text("main"))
	}
	return secret, codes
}

func TestF06_ThePasswordAloneIsNoSession(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, ada)
		secret, codes := turnOn(t, b)
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
			t.Errorf("half a sign-in opens %s", fresh.URL)
		}
		other := s.Browser(t) // C06: another browser cannot go on with it
		if other.Get(t, factor); other.Has("factor-submit") {
			t.Error("another browser goes on with the sign-in")
		}
		fresh.Get(t, factor).Submit(t, "factor-submit", url.Values{"code": {"000000"}})
		if fresh.Status != http.StatusForbidden || !fresh.Has("factor-submit") {
			t.Errorf("a wrong code: %d at %s", fresh.Status, fresh.URL)
		}
		fresh.Submit(t, "factor-submit", url.Values{"code": {codeOf(t, secret, 0)}})
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
		other.Submit(t, "factor-submit", url.Values{"code": {codeOf(t, secret, 0)}})
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

func TestG02_FiveWrongCodesEndTheSignIn(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	secret, _ := turnOn(t, b)
	fresh := s.Browser(t)
	fresh.Get(t, "/signin").SignIn(t, ada)
	factor := fresh.URL.String()
	for range 5 {
		fresh.Submit(t, "factor-submit", url.Values{"code": {"000000"}})
	}
	fresh.Submit(t, "factor-submit", url.Values{"code": {codeOf(t, secret, 0)}})
	if fresh.Has("factor-submit") || fresh.Status != http.StatusForbidden {
		t.Errorf("a sixth try: %d at %s", fresh.Status, fresh.URL)
	}
	if fresh.Get(t, factor); fresh.URL.Path != "/signin" {
		t.Errorf("the half sign-in lives on at %s", fresh.URL)
	}
}

func TestE11_WhatEndsEverythingEndsTheHalf(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	secret, _ := turnOn(t, b)
	fresh := s.Browser(t)
	fresh.Get(t, "/signin").SignIn(t, ada)
	if err := s.House().People.SetPassword(t.Context(), ada.ID, "a quite different sentence"); err != nil {
		t.Fatal(err)
	}
	fresh.Submit(t, "factor-submit", url.Values{"code": {codeOf(t, secret, 0)}})
	if fresh.URL.Path != "/signin" || fresh.Get(t, "/account").URL.Path == "/account" {
		t.Errorf("the old password's half opens the account: %s", fresh.URL)
	}
}

func TestTrustedBrowserIsSparedUntilItMatters(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	secret, codes := turnOn(t, b)
	b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
	b.Get(t, "/signin").SignIn(t, ada).Submit(t, "factor-submit", url.Values{"code": {codeOf(t, secret, 0)}, "trust": {"1"}})
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
		t.Fatalf("confirming without the second step: %s", b.URL)
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
		t.Errorf("two factors proven a moment ago are asked again")
	}
	if err := s.House().People.SetPassword(t.Context(), ada.ID, servertest.Password); err != nil {
		t.Fatal(err)
	}
	if b.Get(t, "/signin").SignIn(t, ada); b.URL.Path != "/signin/factor" {
		t.Errorf("trust outlives a new password: %s", b.URL)
	}
}

func TestWhoMustHaveASecondFactorIsLedToOne(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(c *config.Config)
		admin  bool
		client bool
		want   bool
	}{
		"optional":                         {change: func(c *config.Config) { c.Factors.Required = config.FactorsOptional }, admin: true},
		"everyone":                         {change: func(c *config.Config) { c.Factors.Required = config.FactorsEveryone }, want: true},
		"administrators, one of them":      {change: func(*config.Config) {}, admin: true, want: true},
		"administrators, somebody else":    {change: func(*config.Config) {}},
		"an app's registration demands it": {change: func(*config.Config) {}, client: true, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(tt.change))
			ada := s.Person(t, "ada@example.com")
			if tt.admin {
				makeAdmin(t, s, ada)
			}
			app := s.App(t, "shop", func(m *clients.Metadata) { m.RequireSecondFactor = tt.client }).With("openid")
			b := s.Browser(t)
			r := app.Begin(t, b)
			b.SignIn(t, ada)
			if led := b.URL.Path == "/signin/factor/setup"; led != tt.want {
				t.Fatalf("at %s", b.URL)
			}
			if !tt.want {
				return
			}
			if page := s.Browser(t); page.Get(t, b.URL.String()).Has("totp-secret") {
				t.Error("another browser sees the secret")
			}
			b.Submit(t, "totp-confirm", url.Values{"code": {codeOf(t, b.Text("totp-secret"), 0)}})
			if !b.Has("codes-next") {
				t.Fatalf("at %s: %s", b.URL, b.Text("main"))
			}
			b.Get(t, "/oauth2/continue?i="+app1(t, b))
			if b.Has("consent-allow") {
				b.Allow(t)
			}
			id := app.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string))
			var claims struct{ ACR string }
			if err := id.Claims(&claims); err != nil || claims.ACR != "2" {
				t.Errorf("acr %q, %v", claims.ACR, err)
			}
		})
	}
}

// makeAdmin gives somebody the role whose holders must have a second factor.
func makeAdmin(t *testing.T, s *servertest.Server, p servertest.Person) {
	t.Helper()
	m := s.House().Members
	if err := m.CreateRole(t.Context(), membership.Admin, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Give(t.Context(), membership.Admin, membership.Holder{UserID: p.ID}); err != nil {
		t.Fatal(err)
	}
}

// app1 is the interaction that the page in the browser belongs to.
func app1(t *testing.T, b *servertest.Browser) string {
	t.Helper()
	id := b.URL.Query().Get("i")
	if id == "" {
		t.Fatalf("no interaction at %s", b.URL)
	}
	return id
}

func TestH10_NoPasswordGrantWhereAPasswordIsNotEnough(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
	app := s.App(t, "legacy", func(m *clients.Metadata) {
		m.GrantTypes, m.FirstParty, m.RedirectURIs = []string{clients.Password}, true, nil
	})
	ask := func(p servertest.Person) int {
		form := url.Values{"grant_type": {"password"}, "username": {p.Email}, "password": {p.Password}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, app.OAuth.Endpoint.TokenURL, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(app.ClientID, app.ClientSecret)
		res, err := s.HTTP.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	for _, p := range []servertest.Person{ada, bob} {
		if got := ask(p); got != http.StatusOK {
			t.Fatalf("%s without a second factor: %d", p.Email, got)
		}
	}
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	turnOn(t, b)
	if got := ask(ada); got != http.StatusBadRequest {
		t.Errorf("somebody with a second factor: %d", got)
	}
	makeAdmin(t, s, bob)
	if got := ask(bob); got != http.StatusBadRequest {
		t.Errorf("somebody who must have one: %d", got)
	}
}

func TestSignUpIsNoWayAroundTheSecondStep(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) { c.Factors.Required = config.FactorsEveryone }))
	b := s.Browser(t)
	b.Get(t, "/signin").SignUp(t, "Eve", "eve@example.com", servertest.Password)
	if b.URL.Path != "/signin/factor/setup" || !b.Has("totp-confirm") {
		t.Fatalf("at %s", b.URL)
	}
	setup := b.URL.String()
	if b.Get(t, "/account"); b.URL.Path != "/signin" {
		t.Errorf("a new person without a second factor is at %s", b.URL)
	}
	b.Get(t, setup).Submit(t, "totp-confirm", url.Values{"code": {codeOf(t, strings.TrimSpace(b.Text("totp-secret")), 0)}})
	if b.Get(t, "/account"); b.URL.Path != "/account" {
		t.Errorf("at %s", b.URL)
	}
}
