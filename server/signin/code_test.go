package signin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/config"
	"signet/server/servertest"
	"signet/users"
)

func TestMailedCodeSignsInWhereItWasAskedFor(t *testing.T) {
	s, box := servertest.NewWithMail(t, servertest.Change(func(c *config.Config) { c.Signin.MailedCode = true }))
	ada := s.Person(t, "ada@example.com")
	b, other := s.Browser(t), s.Browser(t)
	b.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {ada.Email}})
	code := box.Wait(t, ada.Email).Code(t)
	other.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {"nobody@example.com"}})
	if other.Submit(t, "code-submit", url.Values{"code": {code}}); other.URL.Path == "/account" {
		t.Error("the code is good in another browser")
	}
	if b.Submit(t, "code-submit", url.Values{"code": {"000000"}}); b.Status != http.StatusForbidden {
		t.Errorf("a wrong code: %d", b.Status)
	}
	page := b.Tab(t).Get(t, b.URL.RequestURI())
	if b.Submit(t, "code-submit", url.Values{"code": {code}}); b.URL.Path != "/account" {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	// a second click leads where the first did
	if page.Post(t, "/signin/code/check", url.Values{"code": {code}}); page.URL.Path != "/account" {
		t.Errorf("once more: at %s (%d)", page.URL, page.Status)
	}
	unverified := s.Person(t, "bob@example.com", func(r *users.Registration) { r.Verification = users.Verification{} })
	c := s.Browser(t)
	c.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {unverified.Email}})
	off := servertest.New(t, servertest.HandlerOnly())
	if off.Browser(t).Get(t, "/signin/code").Status != http.StatusNotFound {
		t.Error("offered where it is not configured")
	}
}

// A code belongs to the browser's own cookie: with that of a session alone none is mailed, and none is taken.
func TestAMailedCodeNeedsABrowser(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine, servertest.Change(func(c *config.Config) { c.Signin.MailedCode = true }))
		ada, eve := s.Person(t, "ada@example.com"), s.Person(t, "eve@example.com")
		b := s.Browser(t).Get(t, "/signin").SignIn(t, eve).Without(t, "browser")
		for path, fields := range map[string]url.Values{
			"/signin/code": {"username": {ada.Email}}, "/signin/code/check": {"code": {"000000"}},
		} {
			if b.Post(t, path, fields); b.Status != http.StatusBadRequest || !strings.Contains(b.Text("main"), "cookies") {
				t.Errorf("%s: %d: %s", path, b.Status, b.Text("main"))
			}
		}
		box.None(t, ada.Email)
	})
}

func TestACodeDoesNotSignInToAFrozenAccount(t *testing.T) {
	s, box := servertest.NewWithMail(t, servertest.Change(func(c *config.Config) { c.Signin.MailedCode = true }))
	ada := s.Person(t, "ada@example.com")
	s.Browser(t).Get(t, "/signin").SignIn(t, ada)
	s.Browser(t).Get(t, servertest.Local(t, box.Wait(t, ada.Email).LinkWith(t, "/not-me?t="))).Submit(t, "link-submit", nil)
	box.Wait(t, ada.Email) // the link to choose another password
	b := s.Browser(t)
	b.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {ada.Email}})
	b.Submit(t, "code-submit", url.Values{"code": {box.Wait(t, ada.Email).Code(t)}})
	if b.Status != http.StatusForbidden || !strings.Contains(b.Text("main"), "locked") {
		t.Errorf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
	}
	if b.Get(t, "/account"); b.URL.Path != "/signin" {
		t.Errorf("the code opens %s", b.URL)
	}
}
