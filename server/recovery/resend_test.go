package recovery_test

import (
	"net/url"
	"runtime"
	"testing"
	"time"

	"signet/internal/mail/mailtest"
	"signet/server/servertest"
)

// Every page that says to look into the mailbox has a button that sends the email once more, within the budgets of what was asked for.
func TestTheEmailIsSentOnceMore(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for name, tt := range map[string]struct {
			to, link string
			ask      func(t *testing.T, b *servertest.Browser, ada servertest.Person)
		}{
			"forgotten password": {"ada@example.com", "/reset?t=", func(t *testing.T, b *servertest.Browser, ada servertest.Person) {
				b.Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {ada.Email}})
			}},
			"sign-up": {"new@example.com", "/verify?t=", func(t *testing.T, b *servertest.Browser, _ servertest.Person) {
				b.Get(t, "/signup").Submit(t, "signup-submit",
					url.Values{"name": {"New"}, "username": {"new@example.com"}, "password": {servertest.Password}})
			}},
			"another address": {"other@example.com", "/verify-address?t=", func(t *testing.T, b *servertest.Browser, ada servertest.Person) {
				b.Get(t, "/signin").SignIn(t, ada)
				b.Get(t, "/account/email").Submit(t, "email-submit", url.Values{"username": {"other@example.com"}})
			}},
		} {
			t.Run(name, func(t *testing.T) {
				s, box := servertest.NewWithMail(t, engine, servertest.YAML("signup: {mode: open}"))
				b := s.Browser(t)
				tt.ask(t, b, s.Person(t, "ada@example.com"))
				first := box.WaitWith(t, tt.to, tt.link).LinkWith(t, tt.link)
				b.Submit(t, "mailbox-resend", nil)
				if again := box.WaitWith(t, tt.to, tt.link).LinkWith(t, tt.link); again == first || !b.Has("mailbox-resend") {
					t.Errorf("the second email has the link of the first, or the page has no button: %s at %s", again, b.URL)
				}
				over(t, s, b, box, tt.to)
			})
		}
	})
}

// over presses the button until no email comes any more: the page stays the same.
func over(t *testing.T, s *servertest.Server, b *servertest.Browser, box *mailtest.Box, to string) {
	t.Helper()
	page := b.Submit(t, "mailbox-resend", nil).Text("main")
	for range 6 {
		if got := b.Submit(t, "mailbox-resend", nil).Text("main"); got != page {
			t.Errorf("the page says whether an email goes out: %s, was %s", got, page)
		}
	}
	const most = 6 // an hour
	if sent := 2 + queued(t, s, box, to); sent > most {
		t.Errorf("%d emails to %s", sent, to)
	}
}

// queued waits until all emails are sent, and gives how many went to the address.
func queued(t *testing.T, s *servertest.Server, box *mailtest.Box, to string) int {
	t.Helper()
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); runtime.Gosched() {
		list, err := s.Services().Outbox.Queue(t.Context(), "", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
	}
	return box.Waiting(to)
}
