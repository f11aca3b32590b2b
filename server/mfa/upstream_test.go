package mfa_test

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/config"
	"signet/server/servertest"
	"signet/server/upstream/upstreamtest"
)

func TestN11_OurSecondFactorIsAskedForAllTheSame(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		w := upstreamtest.New(t, false, upstreamtest.Changes{"work": func(u *config.Upstream) {
			u.TrustSecondFactor, u.AuthoritativeFor, u.SignOut = trusted, []string{"*"}, true
		}}, servertest.YAML("factors: {required: everyone}"))
		b := w.Browser(t)
		w.SignIn(t, b, "work", upstreamtest.WorkAda).Submit(t, "newaccount-submit", nil)
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

func TestN11_TheSecondStepAfterAnUpstream(t *testing.T) {
	w := upstreamtest.New(t, false, upstreamtest.Changes{"work": func(u *config.Upstream) {
		u.SignOut, u.AuthoritativeFor = true, []string{"*"}
	}})
	b := w.Browser(t)
	ada := w.Join(t, b, "work", upstreamtest.WorkAda)
	secret, _ := b.AddAuthenticator(t)
	fresh := w.Browser(t)
	if w.SignIn(t, fresh, "work", upstreamtest.WorkAda); fresh.URL.Path != "/signin/factor" {
		t.Fatalf("at %s: %s", fresh.URL, fresh.Text("main"))
	}
	upstreamtest.NoVisitor(t, fresh)
	fresh.Submit(t, "factor-submit", url.Values{"code": {servertest.TOTP(t, secret)}})
	if w.Visitor(t, fresh).ID != ada.ID {
		t.Fatalf("at %s: %s", fresh.URL, fresh.Text("main"))
	}
	list, err := w.Services().Sessions.OfUser(t.Context(), ada.ID, 10)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, s := range list { // both know where they began, the second over two steps
		if from, err := w.Services().DB.UpstreamSessionByID(t.Context(), s.ID); err != nil || from.Subject != "w-1" || from.SID == "" ||
			len(from.IDToken) == 0 {
			t.Errorf("%v: %+v, %v", s.AMR, from, err)
		}
	}
	if fresh.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil); fresh.Landed == nil {
		t.Errorf("not signed out there: at %s", fresh.URL)
	}
}
