package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/server/servertest"
)

// TestCIBA_NamesOfOnePerson: however somebody is spelled, and whichever hint names them, they are one, also where nobody is known or may
// decide: else two requests tell what one does not.
func TestCIBA_NamesOfOnePerson(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	s.Person(t, "ada@münchen.example")
	bob := s.Person(t, "bob@example.com")
	reader := s.App(t, "reader")
	hint := reader.Login(t, s.Browser(t), bob).Extra("id_token").(string)
	if err := s.Services().People.Disable(t.Context(), bob.ID); err != nil {
		t.Fatal(err)
	}
	c := newCounter(t, s, "bank")
	for what, names := range map[string][2]string{
		"known":   {"ada@münchen.example", "ADA@xn--mnchen-3ya.example"},
		"unknown": {"eve@münchen.example", "EVE@xn--mnchen-3ya.example"},
		"none":    {"no address", "No Address"},
	} {
		first := c.begin(names[0])
		second := c.begin(names[1]) // takes its place
		c.wants(what+", the first", first, "expired_token")
		c.wants(what+", the second", second, "authorization_pending")
	}
	m := reader.Metadata
	m.GrantTypes, m.ClientSecret = append(m.GrantTypes, clients.CIBA), ""
	if err := s.Services().Clients.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	both := counter{t, s, s.Declared(reader.Metadata)}
	first := both.begin(bob.Email)
	second := both.begin("", "id_token_hint", hint)
	both.wants("disabled, by address", first, "expired_token")
	both.wants("disabled, by an ID token", second, "authorization_pending")
}

// TestElsewhere_TheRegistrationSaysHowPeopleSignIn: default_max_age and default_acr_values hold for what is decided elsewhere, as they do
// at the authorization endpoint (OpenID Connect Dynamic Registration section 2).
func TestElsewhere_TheRegistrationSaysHowPeopleSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada, age := s.Person(t, "ada@example.com"), int64(300)
		young := func(m *clients.Metadata) { m.DefaultMaxAge = &age }
		strong := func(m *clients.Metadata) { m.DefaultACRValues = []string{"2"} }
		b := s.Browser(t)
		b.Get(t, s.URL+"/account").SignIn(t, ada)
		b.Get(t, "/account/second-step")
		b.AddAuthenticator(t)
		weak := s.Browser(t)
		weak.Get(t, s.URL+"/account")
		time.Sleep(10 * time.Minute)
		bank, tv := newCounter(t, s, "bank", young), newTV(t, s, "tv", young)
		bank.begin(ada.Email)
		if b.Get(t, s.URL+theRequest(b.Get(t, s.URL+"/account/requests"))); b.URL.Path != "/signin" {
			t.Errorf("default_max_age of an app that asks elsewhere: at %s", b.URL)
		}
		_, code := tv.begin("openid")
		if b.Get(t, s.URL+"/device?user_code="+code); b.URL.Path != "/signin" {
			t.Errorf("default_max_age of an app on a device: at %s", b.URL)
		}
		bob := s.Person(t, "bob@example.com")
		other := s.Browser(t)
		other.Get(t, s.URL+"/account").SignIn(t, bob)
		s.AddAuthenticator(t, bob)
		time.Sleep(time.Second)
		bank, tv = newCounter(t, s, "vault", strong), newTV(t, s, "screen", strong)
		bank.begin(bob.Email)
		if other.Get(t, s.URL+theRequest(other.Get(t, s.URL+"/account/requests"))); other.URL.Path != "/signin" {
			t.Errorf("default_acr_values of an app that asks elsewhere: at %s: %s", other.URL, other.Text("main"))
		}
		_, code = tv.begin("openid")
		if other.Get(t, s.URL+"/device?user_code="+code); other.URL.Path != "/signin" {
			t.Errorf("default_acr_values of an app on a device: at %s", other.URL)
		}
	})
}

// theRequest is the address of the only request that a page lists.
func theRequest(b *servertest.Browser) string {
	_, rest, _ := strings.Cut(b.Body, "/account/requests?request=")
	id, _, _ := strings.Cut(rest, `"`)
	return "/account/requests?request=" + id
}

// TestCIBA_WhatAnAppWouldLike: a class of sign-in that is not known here, or that the person cannot reach, keeps nobody from deciding, and
// whoever signed in again is not asked to once more.
func TestCIBA_WhatAnAppWouldLike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		b := s.Browser(t)
		b.Get(t, s.URL+"/account").SignIn(t, ada)
		b.Get(t, "/account/second-step")
		b.AddAuthenticator(t)
		time.Sleep(time.Second)
		for i, acr := range []string{"urn:example:gold", "phr", "urn:example:gold phr"} {
			c := newCounter(t, s, fmt.Sprint("bank", i))
			id := c.begin(ada.Email, "acr_values", acr)
			if b.Get(t, s.URL+theRequest(b.Get(t, s.URL+"/account/requests"))); b.Status != http.StatusOK || !b.Has("request-allow") {
				t.Fatalf("%s: at %s (%d): %s", acr, b.URL, b.Status, b.Text("main"))
			}
			b.Submit(t, "request-allow", nil)
			if status, got := c.poll(id); status != 200 || claimsOf(t, got["id_token"].(string))["acr"] != "2" {
				t.Errorf("%s: %d %v", acr, status, got)
			}
		}
	})
}
