package account_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/internal/mail/mailtest"
	"signet/server/servertest"
	"signet/users"
	"signet/users/factor"
)

// path of an email's link.
func path(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

func TestD11_AnotherAddressIsProvenAndTheOldOneCanUndoIt(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		box := mailtest.Start(t)
		s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Mail(box))
		ada := s.Person(t, "ada@example.com")
		s.Person(t, "bob@example.com")
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, ada)
		box.Wait(t, ada.Email)
		ask := func(email string) string {
			t.Helper()
			b.Get(t, "/account/email").Submit(t, "email-submit", url.Values{"username": {email}})
			return strings.ReplaceAll(b.Text("main"), email, "MASKED")
		}
		if b.Get(t, "/account/email").Submit(t, "email-submit", url.Values{"username": {"nowhere"}}); b.Status != http.StatusBadRequest {
			t.Errorf("no address: %d", b.Status)
		}
		taken, free := ask("bob@example.com"), ask("new@example.com")
		if taken != free {
			t.Errorf("the page tells whose address is taken:\n%s\n%s", taken, free)
		}
		if m := box.Wait(t, "bob@example.com"); strings.Contains(m.Text, "verify-address") {
			t.Error("bob is asked to give his address away")
		}
		link := path(t, box.Wait(t, "new@example.com").LinkWith(t, "/verify-address?t="))
		if u, _ := s.Services().People.Show(t.Context(), ada.ID); u.Email != ada.Email {
			t.Errorf("changed before the proof: %s", u.Email)
		}
		phone := s.Browser(t)
		if phone.Get(t, link); phone.Status != http.StatusForbidden || phone.Has("link-submit") {
			t.Errorf("somebody else who reads the mailbox can lend the address: %d", phone.Status)
		}
		bob := s.Person(t, "joe@example.com")
		stranger := s.Browser(t)
		stranger.Get(t, "/signin").SignIn(t, bob)
		if stranger.Get(t, link).Status != http.StatusForbidden {
			t.Errorf("another person's account: %d", stranger.Status)
		}
		phone.Get(t, "/signin").SignIn(t, ada)
		box.Wait(t, ada.Email) // of the new browser
		phone.Get(t, link).Submit(t, "link-submit", nil)
		if u, _ := s.Services().People.Show(t.Context(), ada.ID); u.Email != "new@example.com" || !u.EmailVerified {
			t.Errorf("after the proof: %s, verified %v", u.Email, u.EmailVerified)
		}
		if stranger.Get(t, link).Status != http.StatusGone {
			t.Error("the link is good twice")
		}
		if phone.Get(t, link); phone.Status != http.StatusOK || phone.Has("link-submit") { // B2: it leads to where it led
			t.Errorf("opened twice in the same browser: %d at %s: %s", phone.Status, phone.URL, phone.Text("main"))
		}
		undo := path(t, box.Wait(t, ada.Email).LinkWith(t, "/undo-address?t="))
		phone.Get(t, undo).Submit(t, "link-submit", nil)
		if u, _ := s.Services().People.Show(t.Context(), ada.ID); u.Email != ada.Email || u.FrozenAt.IsZero() {
			t.Errorf("after the undo: %s, frozen %v", u.Email, u.FrozenAt)
		}
		if b.Get(t, "/account").URL.Path != "/signin" {
			t.Error("whoever changed it is still inside")
		}
		box.Wait(t, ada.Email).LinkWith(t, "/reset?t=")
	})
}

// Whoever is inside changes the address twice, and has a link that brings the first of theirs back.
func TestD11_AnUndoneChangeIsNotBroughtBack(t *testing.T) {
	box := mailtest.Start(t)
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Mail(box))
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	box.Wait(t, ada.Email)
	follow := func(c *servertest.Browser, link string) {
		t.Helper()
		if c.Get(t, link); c.Has("link-submit") {
			c.Submit(t, "link-submit", nil)
		}
	}
	change := func(from, to string) (undo string) {
		t.Helper()
		b.Get(t, "/account/email").Submit(t, "email-submit", url.Values{"username": {to}})
		follow(b, path(t, box.Wait(t, to).LinkWith(t, "/verify-address?t=")))
		return path(t, box.Wait(t, from).LinkWith(t, "/undo-address?t="))
	}
	owners := change(ada.Email, "mallory@example.com")
	theirs := change("mallory@example.com", "mallory2@example.com")
	follow(s.Browser(t), owners)
	follow(s.Browser(t), theirs)
	if u, _ := s.Services().People.Show(t.Context(), ada.ID); u.Email != ada.Email {
		t.Errorf("the account is %s's", u.Email)
	}
}

func TestD11_AChangeDiesWithANewPassword(t *testing.T) {
	box := mailtest.Start(t)
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Mail(box))
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada).Get(t, "/account/email").Submit(t, "email-submit", url.Values{"username": {"new@example.com"}})
	link := path(t, box.Wait(t, "new@example.com").Link(t))
	permit := servertest.Permit(t, ada.ID, factor.ResetPassword)
	if err := s.Services().People.SetPassword(t.Context(), permit, "a quite different sentence"); err != nil {
		t.Fatal(err)
	}
	c := s.Browser(t)
	ada.Password = "a quite different sentence"
	c.Get(t, "/signin").SignIn(t, ada).Get(t, link)
	if c.Has("link-submit") {
		c.Submit(t, "link-submit", nil)
	}
	if u, _ := s.Services().People.Show(t.Context(), ada.ID); u.Email != ada.Email || c.Status != http.StatusGone {
		t.Errorf("address %s, %d", u.Email, c.Status)
	}
}

func TestAddressWithoutMailChangesAtOnceUnproven(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	s.Person(t, "bob@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada).Get(t, "/account/email").Submit(t, "email-submit", url.Values{"username": {"bob@example.com"}})
	if b.Status != http.StatusBadRequest {
		t.Errorf("another's address: %d", b.Status)
	}
	b.Submit(t, "email-submit", url.Values{"username": {"new@example.com"}})
	if u, _ := s.Services().People.Show(t.Context(), ada.ID); u.Email != "new@example.com" || u.EmailVerified {
		t.Errorf("address %s, verified %v", u.Email, u.EmailVerified)
	}
}

func TestAFirstPasswordForWhoHasNone(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	if _, err := s.Services().DB.DeleteCredentials(t.Context(), ada.ID, "password"); err != nil {
		t.Fatal(err)
	}
	if b.Get(t, "/account/password"); b.Has("current") || !b.Has("password-submit") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	if b.Submit(t, "password-submit", url.Values{"password": {"short"}}); b.Status != http.StatusBadRequest {
		t.Errorf("a short one: %d", b.Status)
	}
	b.Submit(t, "password-submit", url.Values{"password": {"a first and long password"}})
	ada.Password = "a first and long password"
	if c := s.Browser(t); c.Get(t, "/signin").SignIn(t, ada).URL.Path != "/account" {
		t.Errorf("the first password opens nothing: %s", c.URL)
	}
	u, _ := s.Services().People.Show(t.Context(), ada.ID)
	permit := servertest.Permit(t, ada.ID, factor.SetPassword)
	if err := s.Services().People.FirstPassword(t.Context(), permit, u, "yet another long password"); err == nil {
		t.Error("a second first password")
	} else if _, ok := err.(users.Mistakes); ok {
		t.Error(err)
	}
}

func TestD05_AResetLinkDiesWithItsAddress(t *testing.T) {
	box := mailtest.Start(t)
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Mail(box))
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	box.Wait(t, ada.Email)
	s.Browser(t).Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {ada.Email}})
	reset := path(t, box.Wait(t, ada.Email).LinkWith(t, "/reset?t="))
	b.Get(t, "/account/email").Submit(t, "email-submit", url.Values{"username": {"new@example.com"}})
	b.Get(t, path(t, box.Wait(t, "new@example.com").LinkWith(t, "/verify-address?t="))).Submit(t, "link-submit", nil)
	if c := s.Browser(t); c.Get(t, reset).Status != http.StatusGone {
		t.Errorf("a link to the old address still opens the account: %d", c.Status)
	}
}
