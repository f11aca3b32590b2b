package login_test

import (
	"strings"
	"testing"

	"signet/internal/mail/mailtest"
	"signet/server/servertest"
	"signet/users"
)

func TestF09_ThePersonIsToldOfANewBrowser(t *testing.T) {
	box := mailtest.Start(t)
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Mail(box))
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	m := box.Wait(t, "ada@example.com")
	if !strings.Contains(m.Subject, "New sign-in") || !strings.Contains(m.Text, "192.0.2.x") {
		t.Errorf("got %q: %s", m.Subject, m.Text)
	}
	b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
	b.Get(t, "/signin").SignIn(t, ada)
	unverified := s.Person(t, "bob@example.com", func(r *users.Registration) { r.Verification = users.Verification{} })
	s.Browser(t).Get(t, "/signin").SignIn(t, unverified)
	if m := box.Wait(t, "bob@example.com"); !strings.Contains(m.Subject, "New sign-in") { // rule V03
		t.Errorf("to an address nobody has verified: %q", m.Subject)
	}
	s.Browser(t).Get(t, "/signin").SignIn(t, ada) // the next email is of this one
	box.Wait(t, "ada@example.com")
	if box.Count() != 3 {
		t.Errorf("%d emails: a known browser is not told", box.Count())
	}
}
