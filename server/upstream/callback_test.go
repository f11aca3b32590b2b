package upstream_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/config"
	"signet/server/servertest"
	"signet/server/upstream/upstreamtest"
)

func TestUpstreamFirstSignInAndReturn(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, true, nil, engine)
		app := w.App(t, "shop").With("openid", "profile", "email")
		b := w.Browser(t)
		r := app.Begin(t, b)
		upstreamtest.Press(t, b, "google")
		q := b.Landed.Query()
		if q.Get("prompt") != "select_account" || q.Has("access_type") || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" ||
			len(q.Get("state")) != 43 {
			t.Fatalf("request %v", q)
		}
		w.Return(t, b, "google", upstreamtest.GoogleAda.Subject)
		if !b.Has("newaccount-submit") || b.Attribute("email", "value") != "ada@gmail.com" || b.Attribute("name", "value") != "Ada Lovelace" {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		upstreamtest.NoVisitor(t, b) // N10: nothing is made before the person says so
		b.Submit(t, "newaccount-submit", url.Values{"name": {"Countess Ada"}})
		token := r.Exchange(t, r.Code(t, b.Allow(t)))
		id := app.IDToken(t, token.Extra("id_token").(string))
		var claims struct {
			Email    string
			Verified bool `json:"email_verified"`
			Name     string
			Given    string `json:"given_name"`
			AMR      []string
			ACR      string
		}
		if err := id.Claims(&claims); err != nil || claims.ACR != "1" || strings.Join(claims.AMR, " ") != "fed" {
			t.Errorf("got %+v, %v", claims, err)
		}
		ada := w.Visitor(t, b)
		if ada.ID != id.Subject || ada.Email != "ada@gmail.com" || !ada.EmailVerified ||
			!strings.Contains(string(ada.Profile), `"given_name":"Ada"`) || !strings.Contains(string(ada.Profile), "Countess") {
			t.Errorf("got %+v", ada)
		}
		if e := w.Events(t, ada.ID); e["signup.succeeded"] != 1 || e["upstream.linked"] != 1 || e["signin.succeeded"] != 1 {
			t.Errorf("events %v", e)
		}
		// Again, in another browser, where the address there is another by now: the same person.
		changed := upstreamtest.GoogleAda
		changed.Email = "king@gmail.com"
		w.Google.SetAccounts(changed, upstreamtest.GoogleBob)
		other := w.Browser(t)
		if w.SignIn(t, other, "google", upstreamtest.GoogleAda.Subject); w.Visitor(t, other).ID != ada.ID {
			t.Error("a changed address makes another person")
		}
		if got := other.Get(t, "/account/logins").Text("main"); !strings.Contains(got, "king@gmail.com") {
			t.Errorf("the page of logins: %s", got)
		}
	})
}

func TestN01_StateIsOfOneBrowserOneUpstreamAndOneUse(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	b := w.Browser(t)
	w.Join(t, b, "google", upstreamtest.GoogleAda.Subject)
	fresh := func() (*servertest.Browser, string) {
		b := w.Browser(t)
		upstreamtest.Press(t, b.Get(t, "/signin"), "google")
		return b, w.Callback(t, b, "google", upstreamtest.GoogleAda.Subject)
	}
	b, callback := fresh()
	other := w.Browser(t).Get(t, "/signin") // has the cookie of a browser, but another one
	upstreamtest.Shows(t, other.Get(t, callback), http.StatusBadRequest, "That sign-in has expired")
	upstreamtest.NoVisitor(t, other)
	upstreamtest.Shows(t, w.Browser(t).Get(t, callback), http.StatusBadRequest, "Cookies are needed") // and one without
	if b.Get(t, callback); b.URL.Path != "/account" {
		t.Fatalf("what others tried was held against the browser: %s", b.Text("main"))
	}
	if b.Get(t, callback); b.URL.Path != "/account" { // replayed where its person is signed in, it leads on
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
	upstreamtest.Shows(t, b.Get(t, callback), http.StatusBadRequest, "That sign-in has expired") // … and signs nobody in
	upstreamtest.NoVisitor(t, b)

	b, callback = fresh()
	swapped := strings.Replace(callback, "/with/google/", "/with/facebook/", 1)
	upstreamtest.Shows(t, b.Get(t, swapped), http.StatusBadRequest, "could not be verified")
	upstreamtest.NoVisitor(t, b)
	upstreamtest.Shows(t, b.Get(t, callback), http.StatusBadRequest, "That sign-in has expired") // the mix-up used it up

	b, callback = fresh()
	for name, bad := range map[string]string{
		"another state": strings.Replace(callback, "state=", "state=x", 1), "no state": strings.Replace(callback, "state=", "s=", 1),
	} {
		upstreamtest.Shows(t, b.Get(t, bad), http.StatusBadRequest, "That sign-in has expired")
		if b.Has("login-submit") == false {
			t.Errorf("%s: no way on", name)
		}
	}
	upstreamtest.Shows(t, b.Get(t, callback+"&state=twice"), http.StatusBadGateway, "could not sign you in") // RFC 6749 section 3.1
	if w.Browser(t).Get(t, "/signin/with/nowhere/callback?state=x").Status != http.StatusNotFound {
		t.Error("an upstream that is not there has a callback")
	}
}

// Rule B02: a callback that is loaded twice leads where the first led, as far as that sign-in has come.
func TestB02_ACallbackLoadedTwiceLeadsOn(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, true, nil, engine)
		ada := w.Join(t, w.Browser(t), "google", upstreamtest.GoogleAda.Subject)
		app := w.App(t, "shop").With("openid")
		b := w.Browser(t)
		r := app.Begin(t, b)
		upstreamtest.Press(t, b, "google")
		callback := w.Callback(t, b, "google", upstreamtest.GoogleAda.Subject)
		b.Get(t, callback)
		first := b.URL.RequestURI()
		b.Get(t, callback)
		if b.URL.RequestURI() != first || !b.Has("consent-allow") {
			t.Fatalf("led to %s, then %s (%d)", first, b.URL, b.Status)
		}
		b.Allow(t)
		b.Get(t, callback) // after the app's answer it has a fresh one
		token := r.Exchange(t, r.Code(t, b))
		if id := app.IDToken(t, token.Extra("id_token").(string)); id.Subject != ada.ID {
			t.Errorf("signed in %q", id.Subject)
		}
		other := w.Browser(t).Get(t, "/signin")
		upstreamtest.Shows(t, other.Get(t, callback), http.StatusBadRequest, "That sign-in has expired")
		upstreamtest.NoVisitor(t, other)

		w.AddAuthenticator(t, servertest.Person{User: ada}) // the second factor is asked for still
		app.Begin(t, b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil))
		upstreamtest.Press(t, b, "google")
		callback = w.Callback(t, b, "google", upstreamtest.GoogleAda.Subject)
		for range 2 {
			if b.Get(t, callback); b.URL.Path != "/signin/factor" {
				t.Errorf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
			}
		}
	})
}

func TestN01_OneCallbackOfManyAtOnceSignsIn(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, false, nil, engine)
		first := w.Browser(t)
		ada := w.Join(t, first, "google", upstreamtest.GoogleAda.Subject)
		b := w.Browser(t)
		upstreamtest.Press(t, b.Get(t, "/signin"), "google")
		callback := w.Callback(t, b, "google", upstreamtest.GoogleAda.Subject)
		var wg sync.WaitGroup
		for range 8 {
			tab := b.Tab(t)
			wg.Go(func() {
				if tab.Get(t, callback); tab.URL.Path != "/account" && tab.Status != http.StatusBadRequest {
					t.Errorf("%d at %s", tab.Status, tab.URL) // a late one is told so, or led on as the person signed in by then
				}
			})
		}
		wg.Wait()
		// the first browser's and this one's
		if list, err := w.Services().Sessions.OfUser(t.Context(), ada.ID, 10); err != nil || len(list) != 2 {
			t.Errorf("%d sessions (%v)", len(list), err)
		}
		if n := w.Events(t, ada.ID)["signin.succeeded"]; n != 2 {
			t.Errorf("%d sign-ins", n)
		}
	})
}

func TestN02_N06_WhatDoesNotVerifySignsNobodyIn(t *testing.T) {
	w := upstreamtest.New(t, false, upstreamtest.Changes{"google": func(u *config.Upstream) { u.Domains = []string{"example.com"} }})
	for name, tamper := range map[string]func(map[string]any){
		"audience":   func(c map[string]any) { c["aud"] = "another" },
		"expired":    func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
		"nonce":      func(c map[string]any) { c["nonce"] = "another" },
		"issuer":     func(c map[string]any) { c["iss"] = "https://accounts.evil.example" },
		"azp":        func(c map[string]any) { c["azp"] = "another"; c["aud"] = []string{w.Google.ClientID, "another"} },
		"no subject": func(c map[string]any) { delete(c, "sub") },
	} {
		w.Google.Tamper(func(c map[string]any) { c["hd"] = "example.com"; tamper(c) })
		b := w.Browser(t)
		upstreamtest.Shows(t, w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject), http.StatusForbidden, "could not be verified")
		if upstreamtest.NoVisitor(t, b); t.Failed() {
			t.Fatal(name)
		}
	}
	w.Google.Tamper(nil) // no hd: not of the domain, whatever was asked for
	b := w.Browser(t)
	upstreamtest.Shows(t, w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject), http.StatusForbidden, "cannot be used here")
	upstreamtest.NoVisitor(t, b)
}

func TestN03_RefusalsAndTroubleComeBackToTheSignInPage(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	app := w.App(t, "shop").With("openid")
	b := w.Browser(t)
	r := app.Begin(t, b)
	i := b.Interaction(t)
	upstreamtest.Shows(t, w.SignIn(t, b, "facebook", ""), http.StatusForbidden, "Sign-in with Facebook was cancelled")
	if b.URL.RequestURI() != "/signin?i="+i {
		t.Errorf("at %s", b.URL)
	}
	w.Facebook.Fail(true, "/v25.0/me")
	upstreamtest.Shows(t, w.SignIn(t, b, "facebook", upstreamtest.FacebookAda.Subject), http.StatusBadGateway, "Facebook is not responding")
	w.Facebook.Fail(false)
	w.Google.Down(true)
	upstreamtest.Shows(t, upstreamtest.Press(t, b, "google"), http.StatusBadGateway, "Google is not responding")
	w.Google.Down(false)
	if text := b.Body; strings.Contains(text, "secret-of-the-upstream") {
		t.Error("shows what the upstream said")
	}
	ada := w.Person(t, "ada@example.com") // and what she came for is still there
	if b.SignIn(t, ada); r.Code(t, b.Allow(t)) == "" {
		t.Error("what the person came for is lost")
	}
}

// … also to whoever adds an account beside the one that is signed in.
func TestN03_TroubleWithAnotherAccountIsTold(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	ada := w.Person(t, "ada@example.com")
	b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
	b.Get(t, "/signin?other=1")
	upstreamtest.Shows(t, w.SignIn(t, b, "facebook", ""), http.StatusForbidden, "Sign-in with Facebook was cancelled")
	w.Google.Down(true)
	upstreamtest.Shows(t, upstreamtest.Press(t, b, "google"), http.StatusBadGateway, "Google is not responding")
	if w.Visitor(t, b).ID != ada.ID {
		t.Error("another account is in view")
	}
	if w.SignIn(t, b, "facebook", upstreamtest.FacebookEve.Subject); !b.Has("newaccount-submit") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
}

func TestADisabledAccountIsNotSignedInByAnUpstream(t *testing.T) {
	w := upstreamtest.New(t, true, nil)
	b := w.Browser(t)
	ada := w.Join(t, b, "google", upstreamtest.GoogleAda.Subject)
	if err := w.Services().People.Disable(t.Context(), ada.ID); err != nil {
		t.Fatal(err)
	}
	b = w.Browser(t)
	upstreamtest.Shows(t, w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject), http.StatusForbidden, "disabled")
	upstreamtest.NoVisitor(t, b)
}

func TestRequestsToUpstreamsAreLimited(t *testing.T) { // each is a row
	w := upstreamtest.New(t, false, nil)
	b := w.Browser(t).Get(t, "/signin")
	action := b.Attribute("with-google", "formaction")
	for range 1002 {
		if b.Post(t, action, url.Values{}); b.Landed == nil {
			break
		}
	}
	upstreamtest.Shows(t, b, http.StatusTooManyRequests, "Too many attempts")
	if b.Header.Get("Retry-After") == "" {
		t.Error("does not say how long")
	}
}
