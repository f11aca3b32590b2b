package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// How a connection to the SMTP server is protected.
const (
	StartTLS = "starttls" // plain first, then TLS, or nothing is sent (RFC 3207)
	TLS      = "tls"      // from the first byte (RFC 8314 section 3)
	NoTLS    = "none"     // for a server on this machine only
)

// Envelope is who letters come from.
type Envelope struct {
	From, ReplyTo string // "Name <address>" or an address; ReplyTo "" = none
	Host          string // right side of Message-ID: the issuer's
}

// SMTP sends by an SMTP server, one connection for each message.
type SMTP struct {
	Envelope
	Server             string // host
	Port               int
	Protection         string      // StartTLS, TLS, NoTLS
	Username, Password string      // "" = no authentication
	TLSConfig          *tls.Config // nil = the system's roots
}

const dialTimeout = 15 * time.Second

// Send implements Sender.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg, err := s.compose(m)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	client, err := s.client()
	if err != nil {
		return fmt.Errorf("set up SMTP: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if no, ok := errors.AsType[*gomail.SendError](err); ok && !no.IsTemp() && no.ErrorCode() >= 500 {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if err != nil {
		return fmt.Errorf("send by %s: %w", s.Server, err)
	}
	return nil
}

func (s *SMTP) client() (*gomail.Client, error) {
	options := []gomail.Option{gomail.WithPort(s.Port), gomail.WithTimeout(dialTimeout), gomail.WithHELO(s.Host)}
	if s.TLSConfig != nil {
		options = append(options, gomail.WithTLSConfig(s.TLSConfig))
	}
	switch s.Protection {
	case TLS:
		options = append(options, gomail.WithSSL())
	case NoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.Username), gomail.WithPassword(s.Password))
	}
	return gomail.NewClient(s.Server, options...)
}

// compose makes the message: both parts, marked as made by a machine (RFC 3834 section 5), so that no holiday answers it.
func (e Envelope) compose(m Message) (*gomail.Msg, error) {
	from, err := mail.ParseAddress(e.From)
	if err != nil {
		return nil, fmt.Errorf("sender address: %w", err)
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(from)
	if err := msg.To(m.To); err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	if e.ReplyTo != "" {
		if err := msg.ReplyTo(e.ReplyTo); err != nil {
			return nil, fmt.Errorf("reply address: %w", err)
		}
	}
	if strings.ContainsFunc(m.Subject, isControl) {
		return nil, errors.New("subject has control characters")
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	msg.SetMessageIDWithValue(m.ID + "@" + e.Host)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg, nil
}

// Print shows messages instead of sending them: for trying things out on one's own machine.
type Print struct {
	Envelope
	Out io.Writer
}

// Send implements Sender.
func (p *Print) Send(_ context.Context, m Message) error {
	_, err := fmt.Fprintf(p.Out, "\n--- mail to %s\n%s\n\n%s\n---\n\n", m.To, m.Subject, m.Text)
	return err
}
