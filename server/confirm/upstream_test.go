package confirm_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/server/servertest"
	"signet/users/factor"
)

// ways are how each kind of upstream comes not to prove that its person signed in there just now.
var ways = []struct {
	name, upstream string
	change         func(*url.URL) *url.URL
	authTime       func(claims map[string]any)
}{
	{name: "Google, asked properly", upstream: "google"},
	{name: "GitHub, asked properly", upstream: "github"},
	{name: "Facebook, asked properly", upstream: "facebook"},
	{name: "Microsoft, stripped", upstream: "microsoft", change: strip},
	{name: "OpenID, stripped", upstream: "work", change: strip},
	{name: "OpenID, long ago", upstream: "work", authTime: func(c map[string]any) { c["auth_time"] = time.Now().Add(-time.Hour).Unix() }},
	{name: "Microsoft, long ago", upstream: "microsoft",
		authTime: func(c map[string]any) { c["auth_time"] = time.Now().Add(-time.Hour).Unix() }},
}

// Rule V12: a sign-in at an upstream is no new proof without an auth_time that says so. Who has a password is asked for it.
func TestV12_OneClickAtAnUpstreamIsNoProof(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for _, way := range ways {
			t.Run(way.name, func(t *testing.T) {
				w := newWorld(t, true, engine)
				p := w.withPassword(t, way.upstream)
				b := w.signedIn(t, p)
				before := w.proof(t, p)
				if o := w.oidc[way.upstream]; o != nil {
					o.Tamper(way.authTime)
				}
				w.through(t, b.Get(t, "/account/delete"), p, way.change)
				at(t, b, "back from it", "/signin", http.StatusForbidden)
				if !strings.Contains(b.Text("main"), strings.ToUpper(way.upstream)+" could not confirm that it is you just now") {
					t.Errorf("the page says %s", b.Text("main"))
				}
				if b.Has("with-" + way.upstream) {
					t.Error("its button is offered again")
				}
				if got := w.proof(t, p); got != before {
					t.Errorf("the session is %+v, was %+v", got, before)
				}
				if tab := b.Tab(t).Get(t, "/account/delete"); tab.URL.Path != "/signin" {
					t.Errorf("the act is allowed: at %s", tab.URL)
				}
				b.Submit(t, "login-submit", url.Values{"password": {p.Password}})
				at(t, b, "with the password", "/account/delete", http.StatusOK)
			})
		}
	})
}

// … who has a second factor is asked for that, also in a browser that need not ask, and whatever the upstream says of factors.
func TestV12_TheSecondFactorIsAskedFor(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, true, engine)
		p := w.linked(t, "google")
		app := w.AddAuthenticator(t, p.Person)
		b := w.Browser(t).Get(t, "/signin")
		w.through(t, b, p, nil).Submit(t, "factor-submit", url.Values{"code": {app.Code(t)}, "trust": {"1"}})
		at(t, b, "signing in", "/account", http.StatusOK)
		w.AgeSessions(t, p.ID, time.Hour)
		before := w.proof(t, p)
		w.through(t, b.Get(t, "/account/delete"), p, nil)
		at(t, b, "back from it", "/signin/factor", http.StatusOK)
		if got := w.proof(t, p); got != before {
			t.Errorf("the session is %+v, was %+v", got, before)
		}
		if e := w.events(t, p.ID); e["signin.confirmed"] != 0 {
			t.Error("it counts as confirmed")
		}
	})
}

// … and an auth_time of now is one: then the sign-in is new.
func TestV12_AnAuthTimeOfNowIsAProof(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for _, upstream := range []string{"microsoft", "work"} {
			w := newWorld(t, true, engine)
			p := w.linked(t, upstream)
			b := w.signedIn(t, p)
			before := w.proof(t, p)
			w.through(t, b.Get(t, "/account/delete"), p, nil)
			at(t, b, upstream, "/account/delete", http.StatusOK)
			if got := w.proof(t, p); got.at <= before.at {
				t.Errorf("%s: the sign-in was not renewed", upstream)
			}
			if e := w.events(t, p.ID); e["signin.confirmed"] != 0 {
				t.Errorf("%s: it counts as a confirmation", upstream)
			}
		}
	})
}

// … a first sign-in counts, though not as a recent one; signing in as somebody who is here already renews nothing.
func TestV12_AFirstSignInCounts(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, true, engine)
		p := w.linked(t, "google")
		b := w.Browser(t).Get(t, "/signin")
		w.through(t, b, p, nil)
		at(t, b, "first sign-in", "/account", http.StatusOK)
		if at := time.Unix(w.proof(t, p).at, 0); time.Since(at) < factor.Recent || time.Since(at) > factor.Recent+time.Minute {
			t.Errorf("auth_time %s", at)
		}
		w.AgeSessions(t, p.ID, time.Hour)
		before := w.proof(t, p)
		w.through(t, b.Get(t, "/signin?other=1"), p, nil)
		at(t, b, "once more", "/account", http.StatusOK)
		if got := w.proof(t, p); got != before {
			t.Errorf("the session is %+v, was %+v", got, before)
		}
		b.Get(t, "/account/delete")
		at(t, b, "an act", "/signin/confirm", http.StatusOK)
		i := b.URL.Query().Get("i")
		w.through(t, b.Get(t, "/signin?i="+i+"&other=1"), p, nil)
		if got := w.proof(t, p); got != before || b.URL.Path != "/signin/confirm" {
			t.Errorf("as another account: at %s, the session is %+v, was %+v", b.URL, got, before)
		}
	})
}

// login is an app's request for a new sign-in.
var login = map[string]oauth2.AuthCodeOption{
	"prompt": oauth2.SetAuthURLParam("prompt", "login"), "max_age": oauth2.SetAuthURLParam("max_age", "60"),
}

// Rule V12: for an app, the mailed code is a sign-in of one factor.
func TestV12_AnAppGetsASignInByCode(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for name, option := range login {
			for _, here := range []bool{true, false} {
				w := newWorld(t, true, engine)
				p := w.linked(t, "google")
				app := w.App(t, "shop").With("openid")
				b := w.Browser(t)
				if here {
					b = w.signedIn(t, p)
				}
				r := app.Begin(t, b, option)
				w.through(t, b, p, nil)
				w.confirm(t, b, p)
				if b.Has("consent-allow") {
					b.Allow(t)
				}
				var claims struct {
					ACR  string   `json:"acr"`
					AMR  []string `json:"amr"`
					Time int64    `json:"auth_time"`
				}
				if err := app.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string)).Claims(&claims); err != nil {
					t.Fatal(err)
				}
				if claims.ACR != "1" || strings.Join(claims.AMR, " ") != "otp" || time.Since(time.Unix(claims.Time, 0)) > time.Minute {
					t.Errorf("%s, here %t: the app is told %+v", name, here, claims)
				}
				if e := w.events(t, p.ID); e["signin.confirmed"] != 0 {
					t.Error("it is written down as a confirmation")
				}
			}
		}
	})
}

// … without a verified address it gets login_required, and nothing is renewed.
func TestV12_WithoutAnAddressAnAppGetsLoginRequired(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for name, option := range login {
			w := newWorld(t, true, engine)
			p := w.linked(t, "google", noAddress)
			app := w.App(t, "shop").With("openid")
			b := w.signedIn(t, p)
			before := w.proof(t, p)
			app.Begin(t, b, option)
			w.through(t, b, p, nil)
			if b.Landed == nil || b.Landed.Query().Get("error") != "login_required" {
				t.Fatalf("%s: at %s (%d), landed %v", name, b.URL, b.Status, b.Landed)
			}
			if got := w.proof(t, p); got != before {
				t.Errorf("%s: the session is %+v, was %+v", name, got, before)
			}
		}
	})
}

// … and who has a password uses that.
func TestV12_AnAppIsAnsweredWithThePassword(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, true, engine)
		p := w.withPassword(t, "google")
		app := w.App(t, "shop").With("openid")
		b := w.Browser(t)
		r := app.Begin(t, b, login["prompt"])
		w.through(t, b, p, nil)
		at(t, b, "back from it", "/signin", http.StatusForbidden)
		if b.Has("with-google") {
			t.Error("its button is offered again")
		}
		b.SignIn(t, p.Person)
		if b.Has("consent-allow") {
			b.Allow(t)
		}
		r.Exchange(t, r.Code(t, b))
	})
}
