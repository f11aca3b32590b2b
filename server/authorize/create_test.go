package authorize_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/config"
	"signet/server/servertest"
)

// Initiating User Registration via OpenID Connect 1.0 section 4.
func TestPromptCreate(t *testing.T) {
	w := newWorld(t)
	create := oauth2.SetAuthURLParam("prompt", "create")
	made := func(b *servertest.Browser, r *servertest.Request, email string) string {
		t.Helper()
		if b.URL.Path != "/signup" {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		fields := url.Values{"name": {"Eve"}, "username": {email}, "password": {servertest.Password}}
		if b.Submit(t, "signup-submit", fields); b.Landed == nil && b.Has("consent-allow") {
			b.Allow(t)
		}
		return w.shop.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string)).Subject
	}
	b := w.Browser(t)
	r := w.shop.Begin(t, b, create)
	first := made(b, r, "eve1@example.com")
	// Signed in already: another account all the same.
	r = w.shop.Begin(t, b, create)
	if second := made(b, r, "eve2@example.com"); second == first || second == "" {
		t.Errorf("second account %q", second)
	}
	// Whoever has an account signs in from there, also the one who is signed in in this browser.
	r = w.shop.Begin(t, b, create)
	if b.Get(t, strings.Replace(b.URL.RequestURI(), "/signup", "/signin", 1)); !b.Has("login-submit") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	b.SignIn(t, w.ada)
	if b.Landed == nil && b.Has("consent-allow") {
		b.Allow(t)
	}
	if id := w.shop.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string)); id.Subject != w.ada.ID {
		t.Errorf("answered about %q", id.Subject)
	}
	// Somebody who refuses is told of as ever.
	r = w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "create none"))
	if got := r.Answer(t, b); got.Get("error") != "invalid_request" {
		t.Errorf("with none: %v", got)
	}
	if !slices.Contains(prompts(t, w.Server), "create") {
		t.Error("not in discovery")
	}
}

func TestPromptCreateWhereNobodyCanSignUp(t *testing.T) {
	w := newWorld(t, servertest.Change(func(c *config.Config) { c.Signup.Mode = config.SignupClosed }))
	b := w.Browser(t).Get(t, "/signin").SignIn(t, w.ada)
	w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "create"))
	if b.URL.Path != "/signin" || !b.Has("login-submit") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	if slices.Contains(prompts(t, w.Server), "create") {
		t.Error("in discovery")
	}
}

func prompts(t *testing.T, s *servertest.Server) []string {
	t.Helper()
	var metadata struct {
		Prompts []string `json:"prompt_values_supported"`
	}
	res, err := s.HTTP.Get(s.URL + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&metadata); err != nil {
		t.Fatal(err)
	}
	return metadata.Prompts
}
