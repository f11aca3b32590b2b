package logout_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"signet/clients"
	"signet/server/servertest"
)

// A notice is written down with the end of the session: a server that dies before it sent anything leaves it to the next.
func TestBackchannelLogoutSurvivesARestart(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		dead := servertest.New(t, engine, servertest.HandlerOnly(), loopback) // which runs no jobs
		shop := newParty(t)
		ada, app := dead.Person(t, "ada@example.com"), dead.App(t, "shop", toldBack(shop))
		b := dead.Browser(t)
		sid := sidOf(t, app.IDToken(t, app.Login(t, b, ada).Extra("id_token").(string)))
		b.Get(t, out()).Submit(t, "logout-confirm", nil)
		if got := shop.wait(t, 100*time.Millisecond); got != "" {
			t.Fatal("told by a server that does nothing")
		}
		next := servertest.New(t, loopback, servertest.On(dead.Services().DB))
		if c := judge(t, next, next.Declared(app.Metadata), shop.wait(t, soon)); c.Subject != ada.ID || c.SessionID != sid {
			t.Errorf("told %+v", c)
		}
	})
}

// Fifty clients in one session are told all, and one that is gone, disabled or not told any more holds up none.
func TestBackchannelLogoutOfManyClients(t *testing.T) {
	s := servertest.New(t, loopback, servertest.Quiet())
	shop := newParty(t)
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	for i := range 50 {
		app := s.App(t, fmt.Sprintf("app%02d", i), toldBack(shop), func(m *clients.Metadata) { m.FirstParty = true })
		app.Login(t, b, ada)
	}
	h := s.Services()
	if err := h.Clients.Delete(t.Context(), "app00"); err != nil {
		t.Fatal(err)
	}
	if err := h.Clients.SetDisabled(t.Context(), "app01", true); err != nil {
		t.Fatal(err)
	}
	silent := func(m *clients.Metadata) error { m.BackchannelLogoutURI = ""; return nil }
	if _, err := h.Clients.Change(t.Context(), "app02", silent); err != nil {
		t.Fatal(err)
	}
	shop.status <- http.StatusNoContent
	b.Get(t, out()).Submit(t, "logout-confirm", nil)
	told := map[string]bool{}
	for range 47 {
		token := shop.wait(t, soon)
		if token == "" || told[token] {
			t.Fatalf("%d told, then %q", len(told), token)
		}
		told[token] = true
	}
	if shop.wait(t, 200*time.Millisecond) != "" {
		t.Error("one too many")
	}
}
