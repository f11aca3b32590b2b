package servertest

import (
	"net/url"
	"testing"

	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/users"
)

// Mail makes the server send its emails to the box, by SMTP.
func Mail(box *mailtest.Box) Option {
	change := Change(func(c *config.Config) {
		c.Mail = config.Mail{Sender: config.MailSMTP, From: "Signet <signet@id.example.com>",
			SMTP: config.SMTP{Host: box.Host, Port: box.Port, TLS: "none"}}
	})
	return func(o *options) {
		change(o)
		o.mail = true
	}
}

// NewWithMail is New without sockets, with a box for its emails.
func NewWithMail(t testing.TB, opts ...Option) (*Server, *mailtest.Box) {
	t.Helper()
	box := mailtest.Start(t)
	return New(t, append(opts, HandlerOnly(), Mail(box))...), box
}

// Local is the path of a mailed link, for Browser.Get.
func Local(t testing.TB, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

// AskReset has a link mailed to choose a new password, and gives its path.
func (s *Server) AskReset(t testing.TB, box *mailtest.Box, email string) string {
	t.Helper()
	s.Browser(t).Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {email}})
	return Local(t, box.WaitWith(t, email, "/reset?t=").LinkWith(t, "/reset?t="))
}

// Invite makes an invitation, and gives the path of its link.
func (s *Server) Invite(t testing.TB, i users.Invitation) string {
	t.Helper()
	_, link, err := s.Services().People.Invite(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	return Local(t, link)
}
