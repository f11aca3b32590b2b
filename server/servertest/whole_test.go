package servertest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/server/servertest"
)

// TestWholeJourney is the main job: register, consent, tokens, userinfo, refresh, sign out.
func TestWholeJourney(t *testing.T) { // RFC 6749 section 4.1, OpenID Connect Core section 3.1
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		t.Parallel()
		s := servertest.New(t, engine)
		app := s.App(t, "shop")
		b := s.Browser(t)

		asked := app.Begin(t, b)
		if !b.Has("login-submit") {
			t.Fatalf("no sign-in page at %s: %s", b.URL.Path, b.Text("main"))
		}
		b.SignUp(t, "Ada Lovelace", "ada@example.com", servertest.Password)
		if !strings.Contains(b.Text("main"), "Shop") || !b.Has("consent-allow") {
			t.Fatalf("no consent page at %s: %s", b.URL.Path, b.Text("main"))
		}
		b.Allow(t)
		tokens := asked.Exchange(t, asked.Code(t, b))
		id := app.IDToken(t, tokens.Extra("id_token").(string))
		if id.Nonce != asked.Nonce || id.Issuer != s.URL {
			t.Errorf("ID token: %+v", id)
		}
		claims := app.Userinfo(t, tokens.AccessToken)
		if claims["sub"] != id.Subject || claims["name"] != "Ada Lovelace" || claims["email_verified"] != false {
			t.Errorf("userinfo: %v", claims)
		}
		again := app.Refresh(t, tokens.RefreshToken)
		if again.RefreshToken == tokens.RefreshToken || again.AccessToken == tokens.AccessToken {
			t.Error("refresh gave the old tokens")
		}
		b.Get(t, "/oauth2/logout?"+url.Values{"id_token_hint": {tokens.Extra("id_token").(string)}}.Encode())
		if b.Has("logout-confirm") {
			b.Submit(t, "logout-confirm", nil)
		}
		if b.Get(t, "/account"); !b.Has("login-submit") {
			t.Errorf("still signed in: %s", b.Text("main"))
		}
		if _, err := app.TryRefresh(t.Context(), again.RefreshToken); err != nil {
			t.Errorf("the offline grant ended with the session: %v", err)
		}
	})
}

func TestSecondVisitNeedsNoStep(t *testing.T) { // signed in, consent remembered
	s := servertest.New(t)
	ada, app, b := s.Person(t, "ada@example.com"), s.App(t, "shop"), s.Browser(t)
	first := app.Login(t, b, ada)
	r := app.Begin(t, b)
	if b.Landed == nil {
		t.Fatalf("asked again at %s", b.URL.Path)
	}
	if second := r.Exchange(t, r.Code(t, b)); second.AccessToken == first.AccessToken {
		t.Error("the same token")
	}
}

func TestDenyReachesTheApp(t *testing.T) { // RFC 6749 section 4.1.2.1
	s := servertest.New(t)
	ada, app, b := s.Person(t, "ada@example.com"), s.App(t, "shop"), s.Browser(t)
	r := app.Begin(t, b)
	b.SignIn(t, ada).Deny(t)
	if got := r.Answer(t, b); got.Get("error") != "access_denied" {
		t.Errorf("got %v", got)
	}
}

func TestCodeReplayRevokesTheGrant(t *testing.T) { // RFC 6749 section 4.1.2, RFC 9700 section 4.5
	s := servertest.New(t)
	ada, app, b := s.Person(t, "ada@example.com"), s.App(t, "shop"), s.Browser(t)
	r := app.Begin(t, b)
	b.SignIn(t, ada).Allow(t)
	code := r.Code(t, b)
	tokens := r.Exchange(t, code)
	_, err := r.TryExchange(t.Context(), code)
	servertest.Refused(t, err, "invalid_grant")
	_, err = app.TryRefresh(t.Context(), tokens.RefreshToken)
	servertest.Refused(t, err, "invalid_grant")
}

func TestPublicClientByFormPost(t *testing.T) { // OAuth 2.0 Form Post Response Mode
	s := servertest.New(t)
	ada, app, b := s.Person(t, "ada@example.com"), s.App(t, "spa", servertest.Public), s.Browser(t)
	if tokens := app.Login(t, b, ada, oauth2.SetAuthURLParam("response_mode", "form_post")); tokens.RefreshToken == "" {
		t.Error("no refresh token")
	}
}

func TestIssuerWithPath(t *testing.T) { // RFC 8414 section 3.1
	s := servertest.New(t, servertest.Path("/tenant"))
	ada, app := s.Person(t, "ada@example.com"), s.App(t, "shop")
	app.Login(t, s.Browser(t), ada)
	root := strings.TrimSuffix(s.URL, "/tenant")
	for _, at := range []string{
		s.URL + "/.well-known/openid-configuration", s.URL + "/.well-known/oauth-authorization-server",
		root + "/.well-known/openid-configuration/tenant", root + "/.well-known/oauth-authorization-server/tenant",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s answered %d", at, res.StatusCode)
		}
	}
}

func TestRefreshTokenIdlesOut(t *testing.T) { // time passes in a bubble, without sockets
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada, app := s.Person(t, "ada@example.com"), s.App(t, "shop")
		tokens := app.Login(t, s.Browser(t), ada)
		time.Sleep(29 * 24 * time.Hour)
		tokens = app.Refresh(t, tokens.RefreshToken)
		time.Sleep(31 * 24 * time.Hour)
		_, err := app.TryRefresh(t.Context(), tokens.RefreshToken)
		servertest.Refused(t, err, "invalid_grant")
	})
}

func TestDemoOfTheLocalTrial(t *testing.T) {
	s := servertest.New(t, servertest.LocalTrial())
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	b.Get(t, "/demo").Get(t, "/demo/start").SignIn(t, ada).Allow(t)
	if b.URL.Path != "/demo/tokens" || !b.Has("access") || !b.Has("id") || !b.Has("userinfo") {
		t.Fatalf("no tokens at %s (%d): %s", b.URL.Path, b.Status, b.Text("main"))
	}
	if b.Submit(t, "demo-refresh", nil); b.URL.Path != "/demo/tokens" || !strings.Contains(b.Text("main"), "Refreshed 1 time") {
		t.Errorf("refresh ended at %s: %s", b.URL.Path, b.Text("main"))
	}
	if b.Get(t, "/demo/callback?state=x&code=y"); b.Status != http.StatusBadRequest {
		t.Errorf("a foreign answer was taken: %d", b.Status)
	}
}

func TestDemoShowsARefusal(t *testing.T) {
	s := servertest.New(t, servertest.LocalTrial())
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	b.Get(t, "/demo/start").SignIn(t, ada).Deny(t)
	if b.URL.Path != "/demo/callback" || !strings.Contains(b.Text("main"), "access_denied") {
		t.Errorf("at %s (%d): %s", b.URL.Path, b.Status, b.Text("main"))
	}
	state, err := url.Parse(b.URL.String())
	if err != nil {
		t.Fatal(err)
	}
	b.Get(t, "/demo/callback?"+url.Values{"state": {state.Query().Get("state")}, "error": {"<b>made up</b>"}}.Encode())
	if strings.Contains(b.Body, "made up") {
		t.Error("the page repeats what a link says")
	}
}

func TestNoDemoWithAnIssuer(t *testing.T) {
	s := servertest.New(t)
	if b := s.Browser(t).Get(t, "/demo"); b.Status != http.StatusNotFound {
		t.Errorf("got %d", b.Status)
	}
	if _, err := s.Services().Clients.Client(t.Context(), "demo"); err == nil {
		t.Error("the demo client is registered")
	}
}

func TestWhatTheCommandLineChangesIsSeen(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, app := s.Person(t, "ada@example.com"), s.App(t, "shop")
	tokens := app.Login(t, s.Browser(t), ada)
	other := servertest.New(t, servertest.HandlerOnly(), servertest.On(s.Services().DB))
	if err := other.Services().Clients.SetDisabled(t.Context(), "shop", true); err != nil {
		t.Fatal(err)
	}
	if err := s.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := app.TryRefresh(t.Context(), tokens.RefreshToken); err == nil {
		t.Error("a disabled client refreshes")
	}
}
