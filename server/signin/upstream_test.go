package signin_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/config"
	"signet/server/servertest"
	"signet/users"
	"signet/users/federation/federationtest"
)

func TestUpstreamFirstSignInAndReturn(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, true, nil, engine)
		app := w.App(t, "shop").With("openid", "profile", "email")
		b := w.Browser(t)
		r := app.Begin(t, b)
		press(t, b, "google")
		q := b.Landed.Query()
		if q.Get("prompt") != "select_account" || q.Has("access_type") || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || len(q.Get("state")) != 43 {
			t.Fatalf("request %v", q)
		}
		w.back(t, b, "google", gmailAda.Subject)
		if !b.Has("newaccount-submit") || b.Attribute("email", "value") != "ada@gmail.com" || b.Attribute("name", "value") != "Ada Lovelace" {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		nobody(t, b) // N10: nothing is made before the person says so
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
		ada := w.here(t, b)
		if ada.ID != id.Subject || ada.Email != "ada@gmail.com" || !ada.EmailVerified || !strings.Contains(string(ada.Profile), `"given_name":"Ada"`) || !strings.Contains(string(ada.Profile), "Countess") {
			t.Errorf("got %+v", ada)
		}
		if e := w.events(t, ada.ID); e["signup.succeeded"] != 1 || e["upstream.linked"] != 1 || e["signin.succeeded"] != 1 {
			t.Errorf("events %v", e)
		}
		// Again, in another browser, where the address there is another by now: the same person.
		changed := gmailAda
		changed.Email = "king@gmail.com"
		w.google.SetAccounts(changed, gmailBob)
		other := w.Browser(t)
		if w.through(t, other, "google", gmailAda.Subject); w.here(t, other).ID != ada.ID {
			t.Error("a changed address makes another person")
		}
		if got := other.Get(t, "/account/logins").Text("main"); !strings.Contains(got, "king@gmail.com") {
			t.Errorf("the page of logins: %s", got)
		}
	})
}

func TestN01_StateIsOfOneBrowserOneUpstreamAndOneUse(t *testing.T) {
	w := upstreams(t, false, nil)
	b := w.Browser(t)
	w.joined(t, b, "google", gmailAda.Subject)
	fresh := func() (*servertest.Browser, string) {
		b := w.Browser(t)
		press(t, b.Get(t, "/signin"), "google")
		return b, w.answer(t, b, "google", gmailAda.Subject)
	}
	b, callback := fresh()
	other := w.Browser(t).Get(t, "/signin") // has the cookie of a browser, but another one
	told(t, other.Get(t, callback), http.StatusBadRequest, "That sign-in is over")
	nobody(t, other)
	told(t, w.Browser(t).Get(t, callback), http.StatusBadRequest, "That sign-in is over") // and one without
	if b.Get(t, callback); b.URL.Path != "/account" {
		t.Fatalf("what others tried was held against the browser: %s", b.Text("main"))
	}
	told(t, b.Get(t, callback), http.StatusBadRequest, "That sign-in is over") // replayed

	b, callback = fresh()
	swapped := strings.Replace(callback, "/with/google/", "/with/facebook/", 1)
	told(t, b.Get(t, swapped), http.StatusBadRequest, "could not be verified")
	nobody(t, b)
	told(t, b.Get(t, callback), http.StatusBadRequest, "That sign-in is over") // the mix-up used it up

	b, callback = fresh()
	for name, bad := range map[string]string{
		"another state": strings.Replace(callback, "state=", "state=x", 1), "no state": strings.Replace(callback, "state=", "s=", 1),
	} {
		told(t, b.Get(t, bad), http.StatusBadRequest, "That sign-in is over")
		if b.Has("login-submit") == false {
			t.Errorf("%s: no way on", name)
		}
	}
	told(t, b.Get(t, callback+"&state=twice"), http.StatusBadGateway, "could not sign you in") // RFC 6749 section 3.1
	if w.Browser(t).Get(t, "/signin/with/nowhere/callback?state=x").Status != http.StatusNotFound {
		t.Error("an upstream that is not there has a callback")
	}
}

func TestN01_OneCallbackOfManyAtOnceSignsIn(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, false, nil, engine)
		first := w.Browser(t)
		w.joined(t, first, "google", gmailAda.Subject)
		b := w.Browser(t)
		press(t, b.Get(t, "/signin"), "google")
		callback := w.answer(t, b, "google", gmailAda.Subject)
		var wg sync.WaitGroup
		var in atomic.Int32
		for range 8 {
			tab := b.Tab(t)
			wg.Go(func() {
				if tab.Get(t, callback); tab.Status == http.StatusOK && tab.URL.Path == "/account" {
					in.Add(1)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 {
			t.Errorf("%d of 8 signed in", in.Load())
		}
	})
}

func TestN02_N06_WhatDoesNotVerifySignsNobodyIn(t *testing.T) {
	w := upstreams(t, false, map[string]func(*config.Upstream){"google": func(u *config.Upstream) { u.Domains = []string{"example.com"} }})
	for name, tamper := range map[string]func(map[string]any){
		"audience": func(c map[string]any) { c["aud"] = "another" }, "expired": func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
		"nonce": func(c map[string]any) { c["nonce"] = "another" }, "issuer": func(c map[string]any) { c["iss"] = "https://accounts.evil.example" },
		"azp": func(c map[string]any) { c["azp"] = "another"; c["aud"] = []string{w.google.ClientID, "another"} }, "no subject": func(c map[string]any) { delete(c, "sub") },
	} {
		w.google.Tamper(func(c map[string]any) { c["hd"] = "example.com"; tamper(c) })
		b := w.Browser(t)
		told(t, w.through(t, b, "google", gmailAda.Subject), http.StatusForbidden, "could not be verified")
		if nobody(t, b); t.Failed() {
			t.Fatal(name)
		}
	}
	w.google.Tamper(nil) // no hd: not of the domain, whatever was asked for
	b := w.Browser(t)
	told(t, w.through(t, b, "google", gmailAda.Subject), http.StatusForbidden, "cannot be used here")
	nobody(t, b)
}

func TestN03_RefusalsAndTroubleComeBackToTheSignInPage(t *testing.T) {
	w := upstreams(t, false, nil)
	app := w.App(t, "shop").With("openid")
	b := w.Browser(t)
	r := app.Begin(t, b)
	told(t, w.through(t, b, "facebook", ""), http.StatusForbidden, "Facebook was told no")
	w.facebook.Fail(true, "/v25.0/me")
	told(t, w.through(t, b, "facebook", fbAda.Subject), http.StatusBadGateway, "Facebook does not answer")
	w.facebook.Fail(false)
	w.google.Down(true)
	told(t, press(t, b, "google"), http.StatusBadGateway, "Google does not answer")
	w.google.Down(false)
	if text := b.Body; strings.Contains(text, "secret-of-the-upstream") {
		t.Error("shows what the upstream said")
	}
	ada := w.Person(t, "ada@example.com") // and the errand is still there
	if b.SignIn(t, ada); r.Code(t, b.Allow(t)) == "" {
		t.Error("the errand is lost")
	}
}

func TestN04_AnAddressLinksNothing(t *testing.T) {
	w := upstreams(t, true, nil)
	ada := w.Person(t, "ada@gmail.com")
	app := w.App(t, "shop").With("openid")
	b := w.Browser(t)
	r := app.Begin(t, b)
	w.through(t, b, "google", gmailAda.Subject)
	if !b.Has("connect-signin") || !strings.Contains(b.Text("main"), "Nothing is connected yet") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	nobody(t, b)
	b.Get(t, b.Attribute("connect-signin", "href")).SignIn(t, ada)
	if !b.Has("connect-yes") || !strings.Contains(b.Text("main"), "ada@gmail.com") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	b.Submit(t, "connect-yes", url.Values{"decision": {"connect"}})
	if r.Code(t, b.Allow(t)) == "" {
		t.Error("the errand is lost")
	}
	for !strings.Contains(w.box.Wait(t, ada.Email).Subject, "Google now signs you in") { // beside the one about a new browser
		continue
	}
	other := w.Browser(t)
	if w.through(t, other, "google", gmailAda.Subject); w.here(t, other).ID != ada.ID {
		t.Error("not linked")
	}
}

func TestN04_NotNow(t *testing.T) {
	w := upstreams(t, false, nil)
	ada := w.Person(t, "ada@gmail.com")
	b := w.Browser(t)
	w.through(t, b, "google", gmailAda.Subject)
	b.Get(t, b.Attribute("connect-signin", "href")).SignIn(t, ada)
	link := b.URL.RequestURI()
	if b.Submit(t, "connect-no", url.Values{"decision": {"leave"}}); b.URL.Path != "/account" {
		t.Fatalf("at %s", b.URL)
	}
	if b.Get(t, link); b.URL.Path != "/account" {
		t.Errorf("asked again: %s", b.Text("main"))
	}
	if list, _ := w.House().Federation.Linked(t.Context(), ada.ID); len(list) != 0 {
		t.Error("linked all the same")
	}
}

func TestN04_AnotherPersonIsNotOfferedTheIdentity(t *testing.T) {
	w := upstreams(t, false, nil)
	w.Person(t, "ada@gmail.com")
	eve := w.Person(t, "eve@example.com")
	b := w.Browser(t)
	w.through(t, b, "google", gmailAda.Subject)
	kept := b.URL.Query().Get("a")
	b.Get(t, b.Attribute("connect-signin", "href")).SignIn(t, eve)
	if b.Has("connect-yes") {
		t.Fatal("eve may link ada's identity")
	}
	b.Post(t, "/signin/connect?a="+kept, url.Values{"decision": {"connect"}})
	if list, _ := w.House().Federation.Linked(t.Context(), eve.ID); len(list) != 0 {
		t.Error("linked")
	}
	thief := w.Browser(t).Get(t, "/signin") // N04: what waits is this browser's only
	told(t, thief.Get(t, "/signin/with/google/new?a="+kept), http.StatusBadRequest, "That sign-in is over")
}

func TestN05_OnlyAnAuthoritativeUpstreamAnswersForAnAddress(t *testing.T) {
	elsewhere, workspace := gmailAda, gmailAda
	elsewhere.Email = "ada@example.org" // verified by Google, which does not run its mailboxes
	workspace.Email, workspace.Hosted = "ada@example.org", "example.org"
	unverified := gmailAda
	unverified.EmailVerified = false
	for name, tt := range map[string]struct {
		account federationtest.Account
		change  func(*config.Upstream)
		fixed   bool
	}{
		"gmail":              {account: gmailAda, fixed: true},
		"gmail, unverified":  {account: unverified},
		"elsewhere":          {account: elsewhere},
		"workspace":          {account: workspace, fixed: true},
		"configured":         {account: elsewhere, change: func(u *config.Upstream) { u.AuthoritativeFor = []string{"example.org"} }, fixed: true},
		"configured for all": {account: elsewhere, change: func(u *config.Upstream) { u.AuthoritativeFor = []string{"*"} }, fixed: true},
		"another domain":     {account: elsewhere, change: func(u *config.Upstream) { u.AuthoritativeFor = []string{"org"} }},
	} {
		w := upstreams(t, true, map[string]func(*config.Upstream){"google": func(u *config.Upstream) {
			if tt.change != nil {
				tt.change(u)
			}
		}})
		w.google.SetAccounts(tt.account)
		b := w.Browser(t)
		w.through(t, b, "google", gmailAda.Subject)
		if got := strings.Contains(b.Body, "readonly"); got != tt.fixed {
			t.Errorf("%s: address taken as proven: %v", name, got)
		}
	}
}

func TestD03_AnAddressThatTheUpstreamDoesNotAnswerForIsProvenByMail(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, true, nil, engine)
		app := w.App(t, "shop").With("openid")
		b := w.Browser(t)
		r := app.Begin(t, b)
		w.through(t, b, "facebook", fbEve.Subject) // without an address
		b.Submit(t, "newaccount-submit", nil)
		told(t, b, http.StatusBadRequest, "e-mail")
		b.Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
		nobody(t, b)
		link := local(t, w.box.Wait(t, "eve@example.com").LinkWith(t, "/verify?t="))
		b.Get(t, link).Submit(t, "link-submit", nil)
		if r.Code(t, b.Allow(t)) == "" {
			t.Error("the errand is lost")
		}
		eve := w.here(t, b)
		if list, err := w.House().Federation.Linked(t.Context(), eve.ID); err != nil || len(list) != 1 || !eve.EmailVerified {
			t.Errorf("%v, %v, %+v", list, err, eve)
		}
		other := w.Browser(t)
		if w.through(t, other, "facebook", fbEve.Subject); w.here(t, other).ID != eve.ID {
			t.Error("not the same person")
		}
	})
}

func TestD03_InAnotherBrowserTheIdentityIsNotAttached(t *testing.T) {
	w := upstreams(t, true, nil)
	attacker := w.Browser(t)
	w.through(t, attacker, "facebook", fbEve.Subject).Submit(t, "newaccount-submit", url.Values{"email": {"victim@example.com"}})
	link := local(t, w.box.Wait(t, "victim@example.com").LinkWith(t, "/verify?t="))
	victim := w.Browser(t).Get(t, link)
	victim.Submit(t, "password-submit", url.Values{"password": {fresh}})
	u := w.here(t, victim)
	if list, err := w.House().Federation.Linked(t.Context(), u.ID); err != nil || len(list) != 0 {
		t.Errorf("the attacker's identity is in the victim's account: %v, %v", list, err)
	}
	if w.through(t, attacker.Get(t, "/signin"), "facebook", fbEve.Subject); !attacker.Has("newaccount-submit") {
		t.Errorf("at %s: %s", attacker.URL, attacker.Text("main"))
	}
}

func TestD01_ATakenAddressIsNotTold(t *testing.T) {
	w := upstreams(t, true, nil)
	w.Person(t, "ada@example.com")
	answers := map[string]string{}
	for _, email := range []string{"ada@example.com", "new@example.com"} {
		b := w.Browser(t)
		w.through(t, b, "facebook", fbEve.Subject).Submit(t, "newaccount-submit", url.Values{"email": {email}})
		answers[email] = strings.ReplaceAll(b.Text("main"), email, "")
	}
	if answers["ada@example.com"] != answers["new@example.com"] {
		t.Errorf("answers differ: %v", answers)
	}
	if m := w.box.Wait(t, "ada@example.com"); !strings.Contains(m.Text, "/signin") {
		t.Errorf("the owner got %q", m.Subject)
	}
}

func TestPreRegistrationInheritsNothing(t *testing.T) { // N04, D04
	w := upstreams(t, true, nil)
	attacker := w.Browser(t).Get(t, "/signup").Submit(t, "signup-submit", url.Values{"name": {"X"}, "username": {"ada@gmail.com"}, "password": {fresh}})
	link := local(t, w.box.Wait(t, "ada@gmail.com").LinkWith(t, "/verify?t="))
	ada := w.Browser(t)
	u := w.joined(t, ada, "google", gmailAda.Subject)
	if attacker.Get(t, link); attacker.Status != http.StatusGone {
		t.Errorf("the sign-up that waited lives on: %d %s", attacker.Status, attacker.Text("main"))
	}
	if _, err := w.House().People.SignIn(t.Context(), users.Attempt{Login: u.Email, Password: fresh}); err == nil {
		t.Error("the attacker's password opens the account")
	}
}

func TestUnprovenAccountIsNotInherited(t *testing.T) { // N04: without mail an address stays unproven
	w := upstreams(t, false, nil)
	w.Browser(t).Get(t, "/signup").Submit(t, "signup-submit", url.Values{"name": {"X"}, "username": {"ada@gmail.com"}, "password": {fresh}})
	b := w.Browser(t)
	if w.through(t, b, "google", gmailAda.Subject); !b.Has("connect-signin") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	nobody(t, b)
}

func TestNewAccountsOnlyWhereTheyMayBe(t *testing.T) { // D12, N10
	closed := servertest.YAML("signup: {mode: closed}")
	domains := servertest.YAML("signup: {domains: [example.com]}")
	set := func(mode string) map[string]func(*config.Upstream) {
		return map[string]func(*config.Upstream){"google": func(u *config.Upstream) { u.NewAccounts = mode }}
	}
	for name, tt := range map[string]struct {
		change map[string]func(*config.Upstream)
		opt    servertest.Option
		want   string // "" = the form
	}{
		"closed":               {nil, closed, "no account for you here yet"},
		"closed, always":       {set("always"), closed, ""},
		"open, never":          {set("never"), servertest.YAML(""), "No account here is connected"},
		"domains":              {nil, domains, "cannot be used here"},
		"domains bind always":  {set("always"), domains, "cannot be used here"},
		"open, as sign-up has": {nil, servertest.YAML(""), ""},
	} {
		w := upstreams(t, false, tt.change, tt.opt)
		b := w.Browser(t)
		w.through(t, b, "google", gmailAda.Subject)
		if tt.want == "" {
			if b.Submit(t, "newaccount-submit", nil); w.here(t, b).Email != "ada@gmail.com" {
				t.Errorf("%s: nobody", name)
			}
			continue
		}
		if told(t, b, http.StatusForbidden, tt.want); t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestTermsAreAcceptedFirst(t *testing.T) { // N10
	w := upstreams(t, false, nil, servertest.YAML("terms: {version: '1', url: 'https://example.com/terms'}"))
	b := w.Browser(t)
	w.through(t, b, "google", gmailAda.Subject).Submit(t, "newaccount-submit", nil)
	told(t, b, http.StatusBadRequest, "terms")
	b.Submit(t, "newaccount-submit", url.Values{"terms": {"1"}})
	if w.here(t, b).Terms != "1" {
		t.Error("not noted")
	}
}

func TestN11_OurSecondFactorIsAskedForAllTheSame(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		w := upstreams(t, false, map[string]func(*config.Upstream){"work": func(u *config.Upstream) {
			u.TrustSecondFactor, u.AuthoritativeFor, u.SignOut = trusted, []string{"*"}, true
		}}, servertest.YAML("factors: {required: everyone}"))
		b := w.Browser(t)
		w.through(t, b, "work", "w-1").Submit(t, "newaccount-submit", nil)
		if got := b.URL.Path == "/signin/factor/setup"; got == trusted {
			t.Errorf("trusted %v: at %s", trusted, b.URL)
		}
		app := w.App(t, "shop").With("openid")
		if !trusted {
			continue
		}
		r := app.Begin(t, b, oauth2.SetAuthURLParam("acr_values", "2"))
		id := app.IDToken(t, r.Exchange(t, r.Code(t, b.Allow(t))).Extra("id_token").(string))
		var claims struct {
			ACR string
			AMR []string
		}
		if err := id.Claims(&claims); err != nil || claims.ACR != "2" || strings.Join(claims.AMR, " ") != "fed pwd mfa" {
			t.Errorf("got %+v, %v", claims, err)
		}
	}
}
