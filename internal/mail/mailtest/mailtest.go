// Package mailtest is a real SMTP server inside a test, and the mailboxes behind it.
//
// Begin with Start; Box.Wait gives the next message to an address.
package mailtest

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Box is the server and what it took.
type Box struct {
	Host string
	Port int

	// Refuse, if set, is asked about each recipient; its error (a *smtp.SMTPError) is the answer.
	Refuse func(to string) error
	// Username and Password, if set, must be given.
	Username, Password string

	mu   sync.Mutex
	mail map[string][]Message
	seen int // messages ever taken
	news chan struct{}
}

// Message is one that was taken.
type Message struct {
	From, To            string // of the envelope
	Header              mail.Header
	Subject, Text, HTML string
}

// Start runs a server until the test ends. change may alter it before it listens.
func Start(t testing.TB, change ...func(b *Box, s *smtp.Server)) *Box {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &Box{mail: map[string][]Message{}, news: make(chan struct{}, 1), Host: "127.0.0.1"}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	b.Port, _ = strconv.Atoi(port)
	s := smtp.NewServer(b)
	s.Domain, s.AllowInsecureAuth, s.EnableSMTPUTF8 = "mail.test", true, true
	s.ErrorLog = quiet{}
	for _, f := range change {
		f(b, s)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); _ = l.Close(); <-done }) // the listener too: it may not be the server's yet
	return b
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// Count is how many messages were ever taken.
func (b *Box) Count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen
}

// None fails the test if a message to the address waits.
func (b *Box) None(t testing.TB, to string) {
	t.Helper()
	if m, ok := b.take(to); ok {
		t.Errorf("%s got %q", to, m.Subject)
	}
}

func (b *Box) take(to string) (Message, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.mail[strings.ToLower(to)]
	if len(list) == 0 {
		return Message{}, false
	}
	b.mail[strings.ToLower(to)] = list[1:]
	return list[0], true
}

// Waiting reports how many messages to the address were not given yet.
func (b *Box) Waiting(to string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mail[strings.ToLower(to)])
}

// waitLimit is how long a message may take.
const waitLimit = 2 * time.Minute

// Wait gives the oldest message to the address that was not given yet, and fails the test if none comes.
func (b *Box) Wait(t testing.TB, to string) Message {
	t.Helper()
	late := time.NewTimer(waitLimit)
	defer late.Stop()
	for {
		if m, ok := b.take(to); ok {
			return m
		}
		tick := time.NewTimer(20 * time.Millisecond)
		select {
		case <-b.news:
			tick.Stop()
		case <-tick.C:
		case <-late.C:
			t.Fatalf("no mail to %s", to)
		}
	}
}

// WaitAbout is Wait for an email whose subject has the piece; those before it are dropped.
func (b *Box) WaitAbout(t testing.TB, to, piece string) Message {
	t.Helper()
	m := b.Wait(t, to)
	for !strings.Contains(m.Subject, piece) {
		m = b.Wait(t, to)
	}
	return m
}

// WaitWith is Wait for an email whose text has the piece; those before it are dropped.
func (b *Box) WaitWith(t testing.TB, to, piece string) Message {
	t.Helper()
	m := b.Wait(t, to)
	for !strings.Contains(m.Text, piece) {
		m = b.Wait(t, to)
	}
	return m
}

var (
	linkForm = regexp.MustCompile(`https?://\S+`)
	codeForm = regexp.MustCompile(`\b(\d{3}) ?(\d{3})\b`)
)

// Link is the first link in the text.
func (m Message) Link(t testing.TB) string {
	t.Helper()
	link := linkForm.FindString(m.Text)
	if link == "" {
		t.Fatalf("no link in %q: %s", m.Subject, m.Text)
	}
	return link
}

// LinkWith is the first link in the text that holds the piece.
func (m Message) LinkWith(t testing.TB, piece string) string {
	t.Helper()
	for _, link := range linkForm.FindAllString(m.Text, -1) {
		if strings.Contains(link, piece) {
			return link
		}
	}
	t.Fatalf("no link with %q in %q: %s", piece, m.Subject, m.Text)
	return ""
}

// Code is the code of six digits in the text.
func (m Message) Code(t testing.TB) string {
	t.Helper()
	found := codeForm.FindStringSubmatch(m.Text)
	if found == nil {
		t.Fatalf("no code in %q: %s", m.Subject, m.Text)
	}
	return found[1] + found[2]
}

// NewSession implements smtp.Backend.
func (b *Box) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{box: b}, nil }

type session struct {
	box   *Box
	from  string
	to    []string
	known bool
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != s.box.Username || password != s.box.Password {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.box.Username != "" && !s.known {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.box.Refuse != nil {
		if err := s.box.Refuse(to); err != nil {
			return err
		}
	}
	s.to = append(s.to, to)
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	m, err := parse(r)
	if err != nil {
		return err
	}
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	for _, to := range s.to {
		m.From, m.To = s.from, to
		s.box.mail[strings.ToLower(to)] = append(s.box.mail[strings.ToLower(to)], m)
		s.box.seen++
	}
	select {
	case s.box.news <- struct{}{}:
	default:
	}
	return nil
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

func parse(r io.Reader) (Message, error) {
	in, err := mail.ReadMessage(r)
	if err != nil {
		return Message{}, err
	}
	m := Message{Header: in.Header}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(in.Header.Get("Subject")); err != nil {
		return m, err
	}
	kind, params, err := mime.ParseMediaType(in.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return m, errors.Join(errors.New("not a multipart message"), err)
	}
	parts := multipart.NewReader(in.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		body, err := io.ReadAll(decoded(part, part.Header.Get("Content-Transfer-Encoding")))
		if err != nil {
			return m, err
		}
		text := strings.ReplaceAll(string(body), "\r\n", "\n")
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			m.HTML = text
		} else {
			m.Text = text
		}
	}
}

func decoded(r io.Reader, encoding string) io.Reader {
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	}
	return r
}
