package terms_test

import (
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
)

func withTerms(version string) servertest.Option {
	return servertest.Change(func(c *config.Config) {
		c.Terms = config.Terms{Version: version, URL: "https://example.com/terms", PrivacyURL: "https://example.com/privacy"}
	})
}

func TestTermsAreAcceptedBeforeAnythingElse(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), withTerms("2026-11"))
		ada := s.Person(t, "ada@example.com") // made by an operator: has accepted nothing
		app := s.App(t, "shop").With("openid")
		b := s.Browser(t)
		r := app.Begin(t, b)
		if b.SignIn(t, ada); b.URL.Path != "/terms" {
			t.Fatalf("at %s", b.URL)
		}
		if other := b.Tab(t); other.Get(t, "/account").URL.Path != "/terms" {
			t.Errorf("the account opens without an answer: %s", other.URL)
		}
		own := s.App(t, "own", func(m *clients.Metadata) { m.FirstParty = true }).With("openid")
		for app, want := range map[*servertest.App]string{app: "consent_required", own: "interaction_required"} {
			silent := b.Tab(t)
			q := app.Begin(t, silent, oauth2.SetAuthURLParam("prompt", "none"))
			if got := q.Answer(t, silent).Get("error"); got != want {
				t.Errorf("prompt=none: %q, want %q", got, want)
			}
		}
		b.Submit(t, "terms-accept", nil)
		if b.Has("consent-allow") {
			b.Allow(t)
		}
		r.Exchange(t, r.Code(t, b))
		if u, _ := s.Services().People.Show(t.Context(), ada.ID); u.Terms != "2026-11" || u.TermsAt.IsZero() {
			t.Errorf("terms %q at %v", u.Terms, u.TermsAt)
		}
		if b.Get(t, "/account").URL.Path != "/account" {
			t.Errorf("asked again: %s", b.URL)
		}
	})
}

func TestWhoeverRefusesTheTermsIsSignedOut(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), withTerms("2"))
	ada := s.Person(t, "ada@example.com")
	app := s.App(t, "shop").With("openid")
	b := s.Browser(t)
	r := app.Begin(t, b)
	b.SignIn(t, ada).Submit(t, "terms-refuse", nil)
	if got := r.Answer(t, b).Get("error"); got != "access_denied" {
		t.Errorf("error %q", got)
	}
	if b.Get(t, "/account").URL.Path != "/signin" {
		t.Errorf("still signed in at %s", b.URL)
	}
}
