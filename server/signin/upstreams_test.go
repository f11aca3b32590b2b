package signin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/config"
	"signet/server/upstream/upstreamtest"
)

func TestUpstreamsThatAreOffered(t *testing.T) {
	w := upstreamtest.New(t, false, upstreamtest.Changes{
		"work": func(u *config.Upstream) { u.Hidden, u.Routes = true, []string{"work.example"} },
	})
	only := w.App(t, "only", func(m *clients.Metadata) { m.Upstreams = []string{"facebook"} }).With("openid")
	b := w.Browser(t)
	only.Begin(t, b)
	if b.Has("with-google") || !b.Has("with-facebook") {
		t.Errorf("offered: %s", b.Text("main"))
	}
	upstreamtest.Shows(t, b.Post(t, strings.Replace(b.Attribute("with-facebook", "formaction"), "facebook", "google", 1), url.Values{}),
		http.StatusForbidden, "not available here")

	app := w.App(t, "shop").With("openid")
	hint := func(name, value string) oauth2.AuthCodeOption { return oauth2.SetAuthURLParam(name, value) }
	b = w.Browser(t)
	app.Begin(t, b, hint("idp_hint", "google"))
	if b.Landed == nil || b.Landed.Host != strings.TrimPrefix(w.Google.URL, "http://") {
		t.Fatalf("idp_hint: at %s", b.URL)
	}
	if w.Return(t, b, "google", ""); !b.Has("login-submit") { // who comes back is asked
		t.Errorf("at %s", b.URL)
	}
	b = w.Browser(t)
	if app.Begin(t, b, hint("idp_hint", "nowhere")); b.Landed != nil || b.Status != http.StatusOK {
		t.Errorf("an unknown hint leads to %v", b.Landed)
	}
	b = w.Browser(t)
	if only.Begin(t, b, hint("idp_hint", "google")); b.Landed != nil {
		t.Error("a hint leads where the app may not")
	}
	b = w.Browser(t)
	if app.Begin(t, b, hint("login_hint", "ada@work.example")); b.Landed == nil || b.Landed.Query().Get("login_hint") != "ada@work.example" {
		t.Errorf("a routed login_hint: at %s, %v", b.URL, b.Landed)
	}

	b = w.Browser(t).Get(t, "/signin")
	if b.Has("with-work") || b.Has("password") {
		t.Errorf("the name comes first: %s", b.Text("main"))
	}
	if b.Submit(t, "login-submit", url.Values{"username": {"ada@work.example"}}); b.Landed == nil ||
		b.Landed.Query().Get("login_hint") != "ada@work.example" {
		t.Errorf("routed to %v", b.Landed)
	}
	ada := w.Person(t, "ada@example.com")
	b = w.Browser(t).Get(t, "/signin")
	b.Submit(t, "login-submit", url.Values{"username": {ada.Email}})
	if !b.Has("password") || b.Attribute("username", "value") != ada.Email {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	if b.SignIn(t, ada); w.Visitor(t, b).ID != ada.ID {
		t.Error("not signed in")
	}
	if b = w.Browser(t).Get(t, "/signin?password=1"); !b.Has("password") {
		t.Error("no way to the password")
	}
}

func TestF10_SigningInAgainIsForTheSamePerson(t *testing.T) { // F10
	w := upstreamtest.New(t, false, nil)
	b := w.Browser(t)
	ada := w.Join(t, b, "google", upstreamtest.GoogleAda.Subject)
	w.Join(t, w.Browser(t), "google", upstreamtest.GoogleBob.Subject)
	app := w.App(t, "shop").With("openid")
	r := app.Begin(t, b, oauth2.SetAuthURLParam("prompt", "login"))
	if b.Has("with-facebook") || !b.Has("with-google") {
		t.Errorf("only what the person is known by may prove it: %s", b.Text("main"))
	}
	upstreamtest.Shows(t, w.SignIn(t, b, "google", upstreamtest.GoogleBob.Subject), http.StatusForbidden, "as someone else")
	if w.Visitor(t, b).ID != ada.ID {
		t.Error("another person took over")
	}
	w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject) // which proves nothing, and there is no mail to do it by (rule V12)
	if answer := r.Answer(t, b); answer.Get("error") != "login_required" {
		t.Errorf("answered %v", answer)
	}
}
