package authorize_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/server/servertest"
	"signet/users/membership"
)

// claimsIn reads the payload of a JWT whose signature somebody else checked.
func claimsIn(t *testing.T, app *servertest.App, tokens *oauth2.Token) (id map[string]any) {
	t.Helper()
	if err := app.IDToken(t, tokens.Extra("id_token").(string)).Claims(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestGroupsAndRolesReachTheApp(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine)
		ada := s.Person(t, "ada@example.com")
		ctx := t.Context()
		m := s.Services().Members
		for _, err := range []error{
			m.CreateGroup(ctx, "staff", ""), m.CreateRole(ctx, "editor", ""),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := m.Add(ctx, "staff", ada.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Give(ctx, "editor", membership.Holder{Group: "staff"}); err != nil {
			t.Fatal(err)
		}
		staff, editor := []any{"staff"}, []any{"editor"}

		app := s.App(t, "wiki",
			func(m *clients.Metadata) { m.Scope = "openid groups roles offline_access" }).With("openid", "groups", "roles", "offline_access")
		tokens := app.Login(t, s.Browser(t), ada)
		for what, got := range map[string]map[string]any{"ID token": claimsIn(t, app, tokens), "userinfo": app.Userinfo(t, tokens.AccessToken)} {
			if !reflect.DeepEqual(got["groups"], staff) || !reflect.DeepEqual(got["roles"], editor) {
				t.Errorf("%s: groups %v, roles %v", what, got["groups"], got["roles"])
			}
		}
		if err := m.Remove(ctx, "staff", ada.ID); err != nil {
			t.Fatal(err)
		}
		again := app.Refresh(t, tokens.RefreshToken)
		if got := claimsIn(t, app, again); !reflect.DeepEqual(got["groups"], []any{}) || !reflect.DeepEqual(got["roles"], []any{}) {
			t.Errorf("after leaving: groups %v, roles %v", got["groups"], got["roles"])
		}
		if _, err := m.Add(ctx, "staff", ada.ID); err != nil {
			t.Fatal(err)
		}

		named := s.App(t, "board", func(m *clients.Metadata) { m.Scope, m.GroupsClaim = "openid", "https://board.example/teams" }).With("openid")
		tokens = named.Login(t, s.Browser(t), ada)
		if got := claimsIn(t, named, tokens); !reflect.DeepEqual(got["https://board.example/teams"], staff) || got["groups"] != nil {
			t.Errorf("under the app's own name: %v", got)
		}
		plain := s.App(t, "plain").With("openid", "profile")
		if got := claimsIn(t, plain, plain.Login(t, s.Browser(t), ada)); got["groups"] != nil || got["roles"] != nil {
			t.Errorf("nobody asked for %v", got)
		}
	})
}

func TestRFC9470_WhatTheSignInDoesNotReach(t *testing.T) {
	s := servertest.New(t)
	ada := s.Person(t, "ada@example.com")
	app := s.App(t, "bank").With("openid")
	b := s.Browser(t)
	essential, _ := json.Marshal(map[string]any{"id_token": map[string]any{"acr": map[string]any{"essential": true, "value": "2"}}})

	// Voluntary: the best there is, and the app sees that it is less.
	if got := claimsIn(t, app, app.Login(t, b, ada, oauth2.SetAuthURLParam("acr_values", "phr 2"))); got["acr"] != "1" {
		t.Errorf("acr %v, want 1", got["acr"])
	}
	if got := claimsIn(t, app, app.Login(t, b, ada, oauth2.SetAuthURLParam("acr_values", "urn:x"))); got["acr"] != "1" {
		t.Errorf("acr %v, want 1", got["acr"])
	}
	// Essential: refused, in the standard's words.
	r := app.Begin(t, b, oauth2.SetAuthURLParam("claims", string(essential)))
	if got := r.Answer(t, b).Get("error"); got != "unmet_authentication_requirements" {
		t.Errorf("error %q", got)
	}
}

func TestRFC9470_UserinfoDemandsWhatIsRegistered(t *testing.T) {
	s := servertest.New(t)
	ada := s.Person(t, "ada@example.com")
	app := s.App(t, "bank", func(m *clients.Metadata) { m.UserinfoMaxAge = 300 }).With("openid")
	tokens := app.Login(t, s.Browser(t), ada)
	if got := app.Userinfo(t, tokens.AccessToken); got["sub"] != ada.ID {
		t.Fatalf("got %v", got)
	}
	challenge := func(change func(m *clients.Metadata)) string {
		t.Helper()
		c, err := s.Services().Clients.Client(t.Context(), "bank")
		if err != nil {
			t.Fatal(err)
		}
		m := c.Metadata
		change(&m)
		if err := s.Services().Clients.Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
		res, err := s.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("status %d", res.StatusCode)
		}
		return res.Header.Get("WWW-Authenticate")
	}
	got := challenge(func(m *clients.Metadata) { m.RequireSecondFactor = true })
	if !strings.Contains(got, `error="insufficient_user_authentication"`) || !strings.Contains(got, `acr_values="2 phr"`) {
		t.Errorf("challenge %s", got)
	}
}

// TestRFC9470_TokensSayNoLessThanIsRegistered: an app that demands two factors and asks for one gets tokens that userinfo takes.
func TestRFC9470_TokensSayNoLessThanIsRegistered(t *testing.T) {
	s := servertest.New(t)
	ada := s.Person(t, "ada@example.com")
	app := s.App(t, "bank", func(m *clients.Metadata) { m.RequireSecondFactor = true }).With("openid")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	b.AddAuthenticator(t)
	for _, more := range []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("acr_values", "1"), oauth2.SetAuthURLParam("acr_values", "phr 1"),
		oauth2.SetAuthURLParam("claims", `{"id_token":{"acr":{"essential":true,"value":"1"}}}`),
	} {
		r := app.Begin(t, b, more)
		if b.Has("consent-allow") {
			b.Allow(t)
		}
		if got := app.Userinfo(t, r.Exchange(t, r.Code(t, b)).AccessToken); got["sub"] != ada.ID {
			t.Errorf("%v: userinfo %v", more, got)
		}
	}
}

// Under prompt=select_account the person chooses first, whatever the account in view reaches: another may reach it.
func TestRFC9470_ChoosingComesBeforeTheRefusal(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
		totp := s.AddAuthenticator(t, bob)
		app := s.App(t, "bank").With("openid")
		essential := oauth2.SetAuthURLParam("claims", `{"id_token":{"acr":{"essential":true,"values":["2"]}}}`)
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, bob).Submit(t, "factor-submit", url.Values{"code": {totp.Code(t)}})
		b.Get(t, "/signin?other=1").SignIn(t, ada)
		for _, who := range []servertest.Person{ada, bob} {
			r := app.Begin(t, b, oauth2.SetAuthURLParam("prompt", "select_account"), essential)
			if b.Landed != nil {
				t.Fatalf("answered without a choice: %s", b.Landed.Query().Get("error"))
			}
			b.Post(t, b.URL.RequestURI(), account(t, b, who.Email, "account"))
			if who.ID == ada.ID {
				if got := r.Answer(t, b).Get("error"); got != "unmet_authentication_requirements" {
					t.Errorf("ada, who cannot reach it: %q", got)
				}
				continue
			}
			if b.Has("consent-allow") {
				b.Allow(t)
			}
			if got := claimsIn(t, app, r.Exchange(t, r.Code(t, b))); got["sub"] != bob.ID || got["acr"] != "2" {
				t.Errorf("bob, who reaches it: %v", got)
			}
		}
	})
}
