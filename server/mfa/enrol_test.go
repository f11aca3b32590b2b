package mfa_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
)

func TestWhoeverMustHaveASecondFactorIsLedToOne(t *testing.T) {
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
				s.MakeAdmin(t, ada)
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
			b.Submit(t, "totp-confirm", url.Values{"code": {servertest.TOTP(t, b.Text("totp-secret"))}})
			if !b.Has("codes-next") {
				t.Fatalf("at %s: %s", b.URL, b.Text("main"))
			}
			b.Get(t, "/oauth2/continue?i="+b.Interaction(t))
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
	b.AddAuthenticator(t)
	if got := ask(ada); got != http.StatusBadRequest {
		t.Errorf("somebody with a second factor: %d", got)
	}
	s.MakeAdmin(t, bob)
	if got := ask(bob); got != http.StatusBadRequest {
		t.Errorf("somebody who must have one: %d", got)
	}
}

func TestSignUpDoesNotPassTheSecondStep(t *testing.T) {
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
	b.Get(t, setup).Submit(t, "totp-confirm", url.Values{"code": {servertest.TOTP(t, strings.TrimSpace(b.Text("totp-secret")))}})
	if b.Get(t, "/account"); b.URL.Path != "/account" {
		t.Errorf("at %s", b.URL)
	}
}

// pressing gives a form's fields to a page of a sign-in that is not asked for: at is what its address ends with.
func pressing(t *testing.T, b *servertest.Browser, path string, form url.Values) {
	t.Helper()
	b.Post(t, path+"?i="+b.URL.Query().Get("i"), form)
}

// Rule V01: whoever has made the first step only is asked for the second factor that is there; setting another one up does not pass it.
func TestV01_AFirstFactorAloneSetsUpNoSecondOneBesideTheOneThatIsThere(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine, servertest.YAML("factors: {required: everyone}"),
			servertest.Change(func(c *config.Config) { c.Signin.MailedCode = true }))
		ada := s.Person(t, "ada@example.com")
		owner := s.Browser(t)
		owner.Get(t, "/signin").SignIn(t, ada)
		secret := owner.Text("totp-secret")
		owner.Submit(t, "totp-confirm", url.Values{"code": {servertest.TOTPAt(t, secret, -1)}})
		s.AddPasskey(t, ada)
		owner.Get(t, "/account/second-step").Submit(t, "totp-remove", nil)
		box.Wait(t, ada.Email)

		firsts := map[string]func(b *servertest.Browser){
			"password": func(b *servertest.Browser) { b.Get(t, "/signin").SignIn(t, ada) },
			"reset": func(b *servertest.Browser) {
				b.Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {ada.Email}})
				link := box.WaitWith(t, ada.Email, "/reset?t=").LinkWith(t, "/reset?t=")
				b.Get(t, servertest.Local(t, link)).Submit(t, "password-submit", url.Values{"password": {"another long password"}})
				ada.Password = "another long password"
			},
			"code": func(b *servertest.Browser) {
				b.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {ada.Email}})
				b.Submit(t, "code-submit", url.Values{"code": {box.WaitAbout(t, ada.Email, "code").Code(t)}})
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
			if have, err := s.Services().Factors.Of(t.Context(), ada.ID); err != nil || have.TOTP || have.Passkeys != 1 {
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
		quick.Submit(t, "totp-confirm", url.Values{"code": {servertest.TOTPAt(t, quick.Text("totp-secret"), -1)}})
		quick.Get(t, "/account")
		s.AddPasskey(t, ada)
		quick.Get(t, "/account/second-step").Submit(t, "totp-remove", nil)

		if slow.Submit(t, "totp-confirm", url.Values{"code": {servertest.TOTP(t, theirs)}}); slow.URL.Path != "/signin" {
			t.Errorf("at %s", slow.URL)
		}
		if have, err := s.Services().Factors.Of(t.Context(), ada.ID); err != nil || have.TOTP {
			t.Errorf("%+v, %v", have, err)
		}
		if slow.Get(t, "/account"); slow.URL.Path == "/account" {
			t.Error("signed in")
		}
	})
}

// A second factor that somebody must set up may be a passkey as well as an authenticator app.
func TestWhoeverMustHaveASecondFactorMayTakeAPasskey(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.YAML("factors: {required: everyone}"))
		ada := s.Person(t, "ada@example.com")
		app := s.App(t, "shop").With("openid")
		b := s.Browser(t)
		r := app.Begin(t, b)
		b.SignIn(t, ada)
		if !b.Has("enrol-passkey") {
			t.Fatalf("no passkey is offered at %s", b.URL)
		}
		d, wrong, at := s.Device(), b.Tab(t), b.Interaction(t)
		if wrong.Post(t, "/signin/factor/setup/passkey?i="+at, url.Values{"credential": {"{}"}}); wrong.Status != http.StatusBadRequest ||
			!wrong.Has("enrol-passkey") {
			t.Errorf("nonsense: %d at %s", wrong.Status, wrong.URL)
		}
		b.SendPasskey(t, "enrol-passkey", d.Create(t, b.PasskeyOptions(t, "enrol-passkey", nil)))
		if b.Has("consent-allow") {
			b.Allow(t)
		}
		id := app.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string))
		var claims struct {
			ACR string
			AMR []string
		}
		if err := id.Claims(&claims); err != nil || claims.ACR != "2" || !slices.Contains(claims.AMR, "mfa") {
			t.Errorf("acr %q, amr %q, %v", claims.ACR, claims.AMR, err)
		}
		b = s.Browser(t)
		b.Get(t, "/signin").SignIn(t, ada)
		if b.URL.Path != "/signin/factor" || b.Has("enrol-passkey") {
			t.Errorf("the next sign-in is at %s", b.URL)
		}
		if pressing(t, b, "/signin/factor/setup/passkey/options", nil); b.Status == http.StatusOK && strings.Contains(b.Body, "challenge") {
			t.Error("a challenge for another passkey is given out")
		}
	})
}
