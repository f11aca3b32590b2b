package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"signet/clients"
	"signet/config"
	"signet/internal/mail"
	"signet/server/pages"
)

// sender is the configured carrier of emails; nil = none. print is where the log sender prints.
func sender(c config.Config, print io.Writer) mail.Sender {
	host := c.IssuerURL().Hostname()
	from := mail.Envelope{From: cmp.Or(c.Mail.From, "Signet <signet@localhost>"), ReplyTo: c.Mail.ReplyTo, Host: host}
	switch m := c.Mail; m.Sender {
	case config.MailLog:
		return &mail.Print{Envelope: from, Out: print}
	case config.MailFile:
		return &mail.Folder{Envelope: from, Directory: m.Directory}
	case config.MailSMTP:
		port := map[bool]int{true: 465, false: 587}[m.SMTP.TLS == mail.TLS]
		s := &mail.SMTP{
			Envelope: from, Server: m.SMTP.Host, Port: cmp.Or(m.SMTP.Port, port), Protection: m.SMTP.TLS,
			Username: m.SMTP.Username, Password: m.SMTP.Password.Reveal(),
		}
		if m.Stored {
			s.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				out, err := storedWay(c)
				if err != nil {
					return nil, err
				}
				return out.Dial(ctx, network, address)
			}
		}
		return s
	}
	return nil
}

// CheckMail asks the configured mail server whether it would take emails from us, and sends none. Senders without a server are fine.
func CheckMail(ctx context.Context, c config.Config) error {
	if s, ok := sender(c, io.Discard).(*mail.SMTP); ok {
		return s.Check(ctx)
	}
	return nil
}

// newDelivery returns what empties the outbox; nil where there is none. print nil = standard error.
func (h *Services) newDelivery(view *pages.Pages, print io.Writer) (*mail.Delivery, error) {
	if h.Outbox == nil {
		return nil, nil
	}
	if print == nil {
		print = os.Stderr
	}
	return mail.NewDelivery(mail.DeliveryOptions{
		Outbox: h.Outbox, Store: h.DB, Sender: sender(h.Config, print), Render: view.Email, Resolve: h.People.Resolve, Log: h.Log,
		Metrics: h.Metrics, Tracer: h.tracer,
	})
}

// ErrNoMail: no sender is configured.
var ErrNoMail = errors.New("mail.sender is not set; see the section mail of config.yaml")

// TestMail sends one email at once, past the outbox, so that whoever sets mail up sees what the carrier says.
func TestMail(ctx context.Context, c config.Config, to, language string, print io.Writer) error {
	carrier := sender(c, print)
	if carrier == nil {
		return ErrNoMail
	}
	view, err := newPages(c, nil)
	if err != nil {
		return err
	}
	message, err := view.Email(mail.Email{Kind: mail.Test, To: to, Language: language, At: time.Now()})
	if err != nil {
		return err
	}
	message.ID, message.To = "test", to
	if err := carrier.Send(ctx, message); err != nil {
		return fmt.Errorf("mail to %s: %w", to, err)
	}
	return nil
}

// notices tells people what the protocol finds out: the protocol must not import users.
type notices struct{ services *Services }

// AgentAllowed implements consent.Notices.
func (n notices) AgentAllowed(ctx context.Context, userID, app string) error {
	return n.services.People.Notify(ctx, userID, mail.AgentAllowed, map[string]string{"App": app})
}

// TokenReused implements ledger.Notices.
func (n notices) TokenReused(ctx context.Context, userID string, app *clients.Client) error {
	return n.services.People.Notify(ctx, userID, mail.TokenReuse, called(app))
}

// called are the words of an email about an app.
func called(c *clients.Client) map[string]string {
	words := map[string]string{}
	pages.App{Name: c.ClientName, Localized: c.Localized}.Call(words, "App")
	return words
}
