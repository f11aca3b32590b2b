package logout_test

import (
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"signet/clients"
	"signet/server/servertest"
)

// toldFront is a change for App.
func toldFront(m *clients.Metadata) {
	m.FrontchannelLogoutURI = "https://" + m.ClientID + ".example/frame?tenant=1"
	m.PostLogoutRedirectURIs = []string{after}
}

// frames are the addresses of the page's frames.
func frames(b *servertest.Browser) (list []string) {
	for part := range strings.SplitSeq(b.Body, "<iframe ") {
		if src, ok := strings.CutPrefix(part, `src="`); ok {
			src, _, _ = strings.Cut(src, `"`)
			list = append(list, strings.ReplaceAll(src, "&amp;", "&"))
		}
	}
	return list
}

func policy(b *servertest.Browser, directive string) string {
	for part := range strings.SplitSeq(b.Header.Get("Content-Security-Policy"), "; ") {
		if rest, ok := strings.CutPrefix(part, directive+" "); ok {
			return rest
		}
	}
	return ""
}

func TestFrontchannelLogout(t *testing.T) { // OpenID Connect Front-Channel Logout 1.0 sections 2 and 3
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		app, other := s.App(t, "shop", toldFront), s.App(t, "till", toldFront)
		s.App(t, "never", toldFront)
		b := s.Browser(t)
		hint := app.Login(t, b, ada).Extra("id_token").(string)
		sid := sidOf(t, app.IDToken(t, hint))
		other.Login(t, b, ada)
		b.Get(t, out("id_token_hint", hint, "post_logout_redirect_uri", after, "state", state))
		query := "?tenant=1&" + url.Values{"iss": {s.URL}, "sid": {sid}}.Encode()
		if got := frames(b); len(got) != 2 || got[0] != "https://till.example/frame"+query || got[1] != "https://shop.example/frame"+query {
			t.Errorf("frames %q", got)
		}
		if got := policy(b, "frame-src"); got != "https://till.example https://shop.example" {
			t.Errorf("frame-src %q", got)
		}
		if got := policy(b, "default-src"); got != "'none'" {
			t.Errorf("default-src %q", got)
		}
		next := after + "&state=" + url.QueryEscape(state)
		if !strings.Contains(html.UnescapeString(b.Body), `<noscript><meta http-equiv="refresh" content="3; url=`+next+`">`) ||
			!strings.Contains(b.Body, "/signing_out.js") {
			t.Errorf("goes nowhere by itself: %s", b.Body)
		}
		if got := b.Attribute("signout-next", "href"); got != next {
			t.Errorf("goes on to %q", got)
		}
		if here(t, b) {
			t.Error("the page is shown before the session has ended")
		}
	})
}

// Whoever was used in another session is not told of this one.
func TestFrontchannelLogoutIsOfThisSession(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	app, other := s.App(t, "shop", toldFront), s.App(t, "till", toldFront)
	b, elsewhere := s.Browser(t), s.Browser(t)
	app.Login(t, b, ada)
	other.Login(t, elsewhere, ada)
	if b.Get(t, out()).Submit(t, "logout-confirm", nil); len(frames(b)) != 1 || !strings.HasPrefix(frames(b)[0], "https://shop.example/") {
		t.Errorf("frames %q", frames(b))
	}
	if b.Get(t, b.Attribute("signout-next", "href")); !strings.Contains(b.Text("h1"), "signed out") {
		t.Errorf("at %s: %s", b.URL, b.Text("h1"))
	}
	if here(t, b) || !here(t, elsewhere) {
		t.Error("the wrong session ended")
	}
}

// A page for each of many apps would be a page that never loads, with a policy that no proxy passes on.
func TestFrontchannelLogoutIsBounded(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	for i := range 50 {
		app := s.App(t, fmt.Sprintf("app%02d", i), toldFront, func(m *clients.Metadata) { m.FirstParty = true })
		app.Login(t, b, ada)
	}
	b.Get(t, out()).Submit(t, "logout-confirm", nil)
	if got := frames(b); len(got) != 20 || !strings.Contains(got[0], "app49") { // those used last
		t.Errorf("%d frames, the first %q", len(got), got[:1])
	}
	if n := len(b.Header.Get("Content-Security-Policy")); n > 3<<10 {
		t.Errorf("a policy of %d bytes", n)
	}
}
