package consent_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/server/servertest"
)

// TestAnAppThatAsksForMore: the page asks for what is new alone and lists what was allowed before, and what is remembered is both.
func TestAnAppThatAsksForMore(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(api), engine)
		w := &world{Server: s, ada: s.Person(t, "ada@example.com"), shop: s.App(t, "shop", func(m *clients.Metadata) {
			m.Scope += " api:read api:write files:read bank:see bank:move"
		})}
		b, r := w.asked(t, w.shop.With("openid", "email", "api:read", "bank:see"))
		if b.Has("before") || strings.Contains(b.Text("main"), "You have allowed Shop something before") {
			t.Errorf("the first question: %s", b.Text("main"))
		}
		r.Code(t, b.Allow(t, "api:read"))
		wider := w.shop.With("openid", "email", "api:read", "api:write", "bank:see", "bank:move")
		r = wider.Begin(t, b)
		form := b.FormWith("consent-allow")
		if !b.Has("before") || strings.Join(form.Boxes, " ") != "scope=api:write scope=bank:move" ||
			strings.Join(form.Fields["before"], " ") != "email api:read bank:see" {
			t.Fatalf("%+v at %s: %s", form, b.URL, b.Text("main"))
		}
		list, question := b.Text("before"), strings.Replace(b.Text("main"), b.Text("before"), "", 1)
		for _, part := range []string{"ada@example.com", "See your", "api:read", "Shop API"} {
			if !strings.Contains(list, part) {
				t.Errorf("%q is not among what was allowed before: %s", part, list)
			}
		}
		if strings.Contains(list, "api:write") || strings.Contains(question, "api:read") || !strings.Contains(question, "api:write") {
			t.Errorf("the question is %s", question)
		}
		got := r.Exchange(t, r.Code(t, b.Submit(t, "consent-allow", nil))).Extra("scope")
		if got != "openid email api:read api:write bank:see" {
			t.Errorf("granted %q", got)
		}
		row, err := s.Services().DB.ConsentOf(t.Context(), w.ada.ID, "shop")
		if err != nil || len(row.Granted) != 5 || slices.Contains(row.Granted, "bank:move") || !slices.Contains(row.Offered, "bank:move") {
			t.Errorf("%+v %v", row, err)
		}
		// Another API alone: what for is said, and everything can be left out again under prompt=consent.
		wider.Begin(t, b, oauth2.SetAuthURLParam("prompt", "consent"))
		if form := b.FormWith("consent-allow"); b.Has("before") || len(form.Boxes) != 3 {
			t.Errorf("under prompt=consent: %+v %s", form, b.Text("main"))
		}
	})
}

// TestWithdrawnWhileTheQuestionIsOpen: what the page said was allowed before is asked anew, and nothing is granted by it.
func TestWithdrawnWhileTheQuestionIsOpen(t *testing.T) {
	w := newWorld(t)
	b, r := w.asked(t, w.shop.With("openid", "api:read"))
	r.Code(t, b.Allow(t, "api:read"))
	r = w.shop.With("openid", "api:read", "api:write").Begin(t, b)
	if !b.Has("before") {
		t.Fatal(b.Text("main"))
	}
	b.Tab(t).Get(t, "/account/apps").Submit(t, "app", url.Values{"app": {"shop"}})
	b.Submit(t, "consent-allow", nil)
	if form := b.FormWith("consent-allow"); form == nil || b.Has("before") || len(form.Boxes) != 2 {
		t.Fatalf("at %s, landed %v: %s", b.URL, b.Landed, b.Text("main"))
	}
	if row, err := w.Services().DB.ConsentOf(t.Context(), w.ada.ID, "shop"); err != nil || len(row.Granted) > 0 {
		t.Errorf("%+v %v", row, err)
	}
	if got := r.Exchange(t, r.Code(t, b.Allow(t, "api:read"))).Extra("scope"); got != "openid api:read" {
		t.Errorf("granted %q", got)
	}
}
