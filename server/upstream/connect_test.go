package upstream_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/server/servertest"
	"signet/server/upstream/upstreamtest"
)

func TestN04_AnAddressLinksNothing(t *testing.T) {
	w := upstreamtest.New(t, true, nil)
	ada := w.Person(t, "ada@gmail.com")
	app := w.App(t, "shop").With("openid")
	b := w.Browser(t)
	r := app.Begin(t, b)
	w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject)
	if !b.Has("connect-signin") || !strings.Contains(b.Text("main"), "Nothing is connected yet") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	upstreamtest.NoVisitor(t, b)
	b.Get(t, b.Attribute("connect-signin", "href")).SignIn(t, ada)
	if !b.Has("connect-yes") || !strings.Contains(b.Text("main"), "ada@gmail.com") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	b.Submit(t, "connect-yes", url.Values{"decision": {"connect"}})
	if r.Code(t, b.Allow(t)) == "" {
		t.Error("what the person came for is lost")
	}
	for !strings.Contains(w.Box.Wait(t, ada.Email).Subject, "Google now signs you in") { // beside the one about a new browser
		continue
	}
	other := w.Browser(t)
	if w.SignIn(t, other, "google", upstreamtest.GoogleAda.Subject); w.Visitor(t, other).ID != ada.ID {
		t.Error("not linked")
	}
}

func TestN04_NotNow(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	ada := w.Person(t, "ada@gmail.com")
	b := w.Browser(t)
	w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject)
	b.Get(t, b.Attribute("connect-signin", "href")).SignIn(t, ada)
	link := b.URL.RequestURI()
	if b.Submit(t, "connect-no", url.Values{"decision": {"leave"}}); b.URL.Path != "/account" {
		t.Fatalf("at %s", b.URL)
	}
	if b.Get(t, link); b.URL.Path != "/account" {
		t.Errorf("asked again: %s", b.Text("main"))
	}
	if list, _ := w.Services().Federation.Linked(t.Context(), ada.ID); len(list) != 0 {
		t.Error("linked all the same")
	}
}

func TestN04_AnotherPersonIsNotOfferedTheIdentity(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	w.Person(t, "ada@gmail.com")
	eve := w.Person(t, "eve@example.com")
	b := w.Browser(t)
	w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject)
	kept := b.URL.Query().Get("a")
	b.Get(t, b.Attribute("connect-signin", "href")).SignIn(t, eve)
	if b.Has("connect-yes") {
		t.Fatal("eve may link ada's identity")
	}
	b.Post(t, "/signin/connect?a="+kept, url.Values{"decision": {"connect"}})
	if list, _ := w.Services().Federation.Linked(t.Context(), eve.ID); len(list) != 0 {
		t.Error("linked")
	}
	intruder := w.Browser(t).Get(t, "/signin") // N04: what waits is this browser's only
	upstreamtest.Shows(t, intruder.Get(t, "/signin/with/google/new?a="+kept), http.StatusBadRequest, "That sign-in has expired")
}

func TestN04_AnUnverifiedAccountIsNotInherited(t *testing.T) { // N04: without mail an address stays unverified
	w := upstreamtest.New(t, false, nil)
	w.Browser(t).Get(t, "/signup").Submit(t, "signup-submit",
		url.Values{"name": {"X"}, "username": {"ada@gmail.com"}, "password": {servertest.NewPassword}})
	b := w.Browser(t)
	if w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject); !b.Has("connect-signin") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	upstreamtest.NoVisitor(t, b)
}
