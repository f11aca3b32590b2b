package recovery_test

import (
	"fmt"
	"net/url"
	"runtime"
	"testing"
	"time"

	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/server/servertest"
)

// What strangers ask for with somebody's address costs its owner no email: rule D07, an attack from one network and from many.
func TestD07_StrangersLeaveTheOwnersEmailsAlone(t *testing.T) {
	for name, address := range map[string]func(i int) string{
		"one-network":   func(i int) string { return fmt.Sprintf("192.0.2.%d", 1+i) },
		"many-networks": func(i int) string { return fmt.Sprintf("198.51.%d.7", i) },
	} {
		t.Run(name, func(t *testing.T) {
			s, box := servertest.NewWithMail(t, servertest.Change(func(c *config.Config) { c.Signin.MailedCode = true }))
			ada := s.Person(t, "ada@example.com")
			known := s.Browser(t)
			known.Address = "203.0.113.7"
			known.Get(t, "/signin").SignIn(t, ada)
			box.WaitAbout(t, ada.Email, "New sign-in")
			for i := range 12 {
				eve := s.Browser(t)
				eve.Address = address(i)
				eve.Get(t, "/signin").SignUp(t, "Eve", ada.Email, "the password of mallory")
			}
			// In a browser that nobody knows, in the network of the stranger.
			fresh := s.Browser(t)
			fresh.Address = address(0)
			fresh.Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {ada.Email}})
			box.WaitWith(t, ada.Email, "/reset?t=")
			fresh.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {ada.Email}})
			box.WaitAbout(t, ada.Email, "code")
			for i := range 12 { // and now what she needs is asked for by strangers, until no more goes out
				eve := s.Browser(t)
				eve.Address = address(i)
				eve.Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {ada.Email}})
				eve.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {ada.Email}})
			}
			drain(t, s, box, ada.Email)
			known.Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {ada.Email}})
			box.WaitWith(t, ada.Email, "/reset?t=")
			known.Without(t, "session").Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {ada.Email}})
			box.WaitAbout(t, ada.Email, "code")
		})
	}
}

// drain waits until all emails are sent, and drops those to the address.
func drain(t *testing.T, s *servertest.Server, box *mailtest.Box, to string) {
	t.Helper()
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); {
		list, err := s.Services().Outbox.Queue(t.Context(), "", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 {
			runtime.Gosched()
			continue
		}
		for box.Waiting(to) > 0 {
			box.Wait(t, to)
		}
		return
	}
	t.Fatal("emails are still waiting")
}
