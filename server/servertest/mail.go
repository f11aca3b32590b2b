package servertest

import (
	"signet/config"
	"signet/internal/mail/mailtest"
)

// Mail makes the server send its letters to the box, by SMTP.
func Mail(box *mailtest.Box) Option {
	change := Change(func(c *config.Config) {
		c.Mail = config.Mail{Sender: config.MailSMTP, From: "Signet <signet@id.example.com>", SMTP: config.SMTP{Host: box.Host, Port: box.Port, TLS: "none"}}
	})
	return func(o *options) {
		change(o)
		o.mail = true
	}
}
