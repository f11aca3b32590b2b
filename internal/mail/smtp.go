package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
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

// Envelope is who emails come from.
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
	// Dial is the way to the server; nil = any.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const dialTimeout = 15 * time.Second

// Send implements Sender.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg, utf8, err := s.compose(m)
	if err != nil {
		return err
	}
	client, err := s.client(utf8)
	if err != nil {
		return fmt.Errorf("set up SMTP: %w", err)
	}
	err = s.carry(ctx, client, msg, utf8)
	switch {
	case err == nil, msg.IsDelivered(): // the server has it, however the connection ended
		return nil
	case lost(err):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return fmt.Errorf("send by %s: %w", s.Server, err)
}

// Check connects, greets, starts TLS and signs in as Send does, and sends nothing.
func (s *SMTP) Check(ctx context.Context) error {
	client, err := s.client(false)
	if err != nil {
		return fmt.Errorf("set up SMTP: %w", err)
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("reach %s: %w", s.Server, err)
	}
	if err := client.CloseWithSMTPClient(conn); err != nil {
		return fmt.Errorf("leave %s: %w", s.Server, err)
	}
	return nil
}

// errNoUTF8: the server cannot carry the address. Another server may.
var errNoUTF8 = errors.New("the mail server does not offer SMTPUTF8 (RFC 6531), which this address needs")

func (s *SMTP) carry(ctx context.Context, client *gomail.Client, msg *gomail.Msg, utf8 bool) error {
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	if offered, _ := conn.Extension("SMTPUTF8"); utf8 && !offered {
		return errors.Join(errNoUTF8, client.CloseWithSMTPClient(conn))
	}
	return errors.Join(client.SendWithSMTPClient(conn, msg), client.CloseWithSMTPClient(conn))
}

// client asks for SMTPUTF8 only where an address needs it: what asks for it goes no further than servers that have it.
func (s *SMTP) client(utf8 bool) (*gomail.Client, error) {
	options := []gomail.Option{gomail.WithPort(s.Port), gomail.WithTimeout(dialTimeout), gomail.WithHELO(s.Host)}
	if !utf8 {
		options = append(options, gomail.WithoutSMTPUTF8())
	}
	if s.TLSConfig != nil {
		options = append(options, gomail.WithTLSConfig(s.TLSConfig))
	}
	if s.Dial != nil {
		options = append(options, gomail.WithDialContextFunc(s.dial))
	}
	switch {
	case s.Protection == TLS && s.Dial != nil: // dial has begun it, which the library finds out by this policy alone
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	case s.Protection == TLS:
		options = append(options, gomail.WithSSL())
	case s.Protection == NoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.Username),
			gomail.WithPassword(s.Password))
	}
	return gomail.NewClient(s.Server, options...)
}

// dial connects by Dial, and begins TLS where that comes first.
func (s *SMTP) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.Dial(ctx, network, address)
	if err != nil || s.Protection != TLS {
		return conn, err
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLSConfig != nil {
		settings = s.TLSConfig.Clone()
	}
	settings.ServerName = cmp.Or(settings.ServerName, s.Server)
	secured := tls.Client(conn, settings)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secured, nil
}

// compose makes the message: both parts, marked as made by a machine (RFC 3834 section 5), so that no holiday answers it. utf8 reports
// that an address in it needs SMTPUTF8. ErrRefused if the recipient's is no address.
func (e Envelope) compose(m Message) (msg *gomail.Msg, utf8 bool, err error) {
	from, utf8, err := wired(e.From)
	if err != nil {
		return nil, false, fmt.Errorf("sender address: %w", err)
	}
	msg = gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(from)
	to, more, err := wired(m.To)
	if err != nil {
		return nil, false, fmt.Errorf("%w: address: %w", ErrRefused, err)
	}
	msg.ToMailAddress(to)
	utf8 = utf8 || more
	if e.ReplyTo != "" {
		back, more, err := wired(e.ReplyTo)
		if err != nil {
			return nil, false, fmt.Errorf("reply address: %w", err)
		}
		msg.ReplyToMailAddress(back)
		utf8 = utf8 || more
	}
	if strings.ContainsFunc(m.Subject, isControl) {
		return nil, false, errors.New("subject has control characters")
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	msg.SetMessageIDWithValue(m.ID + "@" + e.Host)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg, utf8, nil
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
