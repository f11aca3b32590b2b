package upstream_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/config"
	"signet/server/servertest"
	"signet/server/upstream/upstreamtest"
)

// signedOut signs out of our server alone, which whoever sits at an unlocked browser may; the upstream keeps its own session.
func signedOut(t *testing.T, b *servertest.Browser) {
	t.Helper()
	b.Post(t, "/account/sessions", url.Values{"session": {"all"}})
	upstreamtest.NoVisitor(t, b)
}

// Rule V12: sign out first, then one click at an upstream that does not say when its person signed in.
func TestV12_OneClickAfterSigningOutIsNotRecent(t *testing.T) {
	w := upstreamtest.New(t, false, upstreamtest.Changes{"work": func(u *config.Upstream) { u.AuthoritativeFor = []string{"*"} }})
	b := w.Browser(t)
	ada := w.Join(t, b, "work", upstreamtest.WorkAda)
	w.AgeSessions(t, ada.ID, 5*time.Hour)
	signedOut(t, b)
	upstreamtest.Press(t, b.Get(t, "/signin"), "work")
	if q := b.Landed.Query(); q.Has("max_age") || strings.Contains(q.Get("prompt"), "login") {
		t.Fatalf("the upstream is asked to ask: %v", q)
	}
	w.Return(t, b, "work", upstreamtest.WorkAda)
	if tab := b.Tab(t).Get(t, "/account/delete"); tab.URL.Path == "/account/delete" {
		t.Errorf("deletion is open")
	}
	b.Get(t, "/account/logins")
	b.Post(t, b.Attribute("add-facebook", "formaction"), b.FormWith("add-facebook").Fields)
	if b.Landed == nil {
		return
	}
	w.Return(t, b, "facebook", upstreamtest.FacebookEve.Subject)
	intruder := w.Browser(t)
	w.SignIn(t, intruder, "facebook", upstreamtest.FacebookEve.Subject)
	if tab := intruder.Tab(t).Get(t, "/account"); tab.URL.Path == "/account" && strings.Contains(tab.Text("main"), "ada@work.example") {
		t.Errorf("the intruder is in Ada's account from another browser")
	}
}

// The same where the upstream is trusted for two factors: the authenticator goes.
func TestV12_OneClickAfterSigningOutRemovesNoFactor(t *testing.T) {
	w := upstreamtest.New(t, false,
		upstreamtest.Changes{"work": func(u *config.Upstream) { u.TrustSecondFactor, u.AuthoritativeFor = true, []string{"*"} }})
	b := w.Browser(t)
	ada := w.Join(t, b, "work", upstreamtest.WorkAda)
	b.AddAuthenticator(t)
	w.AgeSessions(t, ada.ID, 5*time.Hour)
	signedOut(t, b)
	w.Return(t, upstreamtest.Press(t, b.Get(t, "/signin"), "work"), "work", upstreamtest.WorkAda)
	b.Post(t, "/account/second-step/remove", url.Values{})
	if have, err := w.Services().DB.CountCredentials(t.Context(), ada.ID); err != nil || have["totp"] == 0 {
		t.Errorf("the authenticator is gone: %v, %v at %s", have, err, b.URL)
	}
}

// … and a later max_age is met.
func TestV12_OneClickAfterSigningOutMeetsNoMaxAge(t *testing.T) {
	w := upstreamtest.New(t, false, upstreamtest.Changes{"work": func(u *config.Upstream) { u.AuthoritativeFor = []string{"*"} }})
	b := w.Browser(t)
	ada := w.Join(t, b, "work", upstreamtest.WorkAda)
	app := w.App(t, "shop").With("openid")
	app.Begin(t, b)
	b.Allow(t)
	w.AgeSessions(t, ada.ID, 5*time.Hour)
	signedOut(t, b)
	w.Return(t, upstreamtest.Press(t, b.Get(t, "/signin"), "work"), "work", upstreamtest.WorkAda)
	app.Begin(t, b, oauth2.SetAuthURLParam("max_age", "300"))
	if b.Landed != nil && b.Landed.Query().Get("code") != "" {
		t.Errorf("max_age=300 is met by a sign-in of which nobody knows the time")
	}
}

// A person with a password beside: the same.
func TestV12_OneClickIsNoPassword(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	ada := w.Person(t, "ada@example.com")
	b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
	link(t, w, b, "work", upstreamtest.WorkAda)
	w.AgeSessions(t, ada.ID, 5*time.Hour)
	signedOut(t, b)
	w.Return(t, upstreamtest.Press(t, b.Get(t, "/signin"), "work"), "work", upstreamtest.WorkAda)
	if tab := b.Tab(t).Get(t, "/account/email"); tab.URL.Path == "/account/email" {
		t.Errorf("the address may be changed without the password")
	}
}
