package authorize_test

import (
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

func TestSubOfTheClaimsParameter(t *testing.T) { // OpenID Connect Core sections 3.1.2.2 and 5.5.1
	w := newWorld(t)
	bob := w.Person(t, "bob@example.com")
	first := w.Browser(t)
	hint := w.shop.Login(t, first, w.ada).Extra("id_token").(string)
	w.shop.Login(t, w.Browser(t), bob)
	none, parameter := oauth2.SetAuthURLParam("prompt", "none"), func(s string) oauth2.AuthCodeOption {
		return oauth2.SetAuthURLParam("claims", `{"id_token":{"sub":`+s+`}}`)
	}
	sub := func(ids ...string) oauth2.AuthCodeOption {
		if len(ids) == 1 {
			return parameter(`{"value":"` + ids[0] + `"}`)
		}
		return parameter(`{"essential":true,"values":["` + strings.Join(ids, `","`) + `"]}`)
	}
	for name, tt := range map[string]struct {
		more []oauth2.AuthCodeOption
		want string // the error; "" = a code
	}{
		"the person here":             {[]oauth2.AuthCodeOption{none, sub(w.ada.ID)}, ""},
		"another person":              {[]oauth2.AuthCodeOption{none, sub(bob.ID)}, "login_required"},
		"nobody's":                    {[]oauth2.AuthCodeOption{none, sub("nobody")}, "login_required"},
		"one of several":              {[]oauth2.AuthCodeOption{none, sub(bob.ID, w.ada.ID)}, ""},
		"none of several":             {[]oauth2.AuthCodeOption{none, sub(bob.ID, "nobody")}, "login_required"},
		"values with one":             {[]oauth2.AuthCodeOption{none, parameter(`{"values":["` + bob.ID + `"]}`)}, "login_required"},
		"null":                        {[]oauth2.AuthCodeOption{none, parameter("null")}, ""},
		"essential alone":             {[]oauth2.AuthCodeOption{none, parameter(`{"essential":true}`)}, ""},
		"not a text":                  {[]oauth2.AuthCodeOption{none, parameter(`{"value":5}`)}, "invalid_request"},
		"with the hint":               {[]oauth2.AuthCodeOption{none, sub(w.ada.ID), oauth2.SetAuthURLParam("id_token_hint", hint)}, ""},
		"among several with the hint": {[]oauth2.AuthCodeOption{none, sub(bob.ID, w.ada.ID), oauth2.SetAuthURLParam("id_token_hint", hint)}, ""},
		"against the hint":            {[]oauth2.AuthCodeOption{sub(bob.ID), oauth2.SetAuthURLParam("id_token_hint", hint)}, "invalid_request"},
		"several against the hint": {[]oauth2.AuthCodeOption{sub(bob.ID, "nobody"), oauth2.SetAuthURLParam("id_token_hint", hint)},
			"invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			b := first.Tab(t)
			got := w.shop.Begin(t, b, tt.more...).Answer(t, b)
			if got.Get("error") != tt.want || (got.Get("code") != "") != (tt.want == "") {
				t.Errorf("got %v, want %q", got, tt.want)
			}
		})
	}
	for name, asked := range map[string]oauth2.AuthCodeOption{"value": sub(bob.ID), "values": sub(bob.ID, "nobody")} {
		t.Run("who is named signs in by "+name, func(t *testing.T) {
			b := w.signedIn(t)
			r := w.shop.Begin(t, b, asked)
			if !b.Has("login-submit") {
				t.Fatalf("at %s, landed %v", b.URL, b.Landed)
			}
			b.SignIn(t, bob)
			if id := w.shop.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string)); id.Subject != bob.ID {
				t.Errorf("the token is %s's", id.Subject)
			}
			b = w.signedIn(t)
			r = w.shop.Begin(t, b, asked)
			b.SignIn(t, w.ada) // again, and not who is named
			if got := r.Answer(t, b).Get("error"); got != "login_required" {
				t.Errorf("another signed in: error %q", got)
			}
			w.shop.Login(t, b, bob, oauth2.SetAuthURLParam("prompt", "login")) // both are in this browser now
			b.Get(t, "/choose")
			r = w.shop.Begin(t, b, sub(w.ada.ID))
			if id := w.shop.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string)); id.Subject != w.ada.ID {
				t.Errorf("of two in the browser the token is %s's", id.Subject)
			}
		})
	}
}
