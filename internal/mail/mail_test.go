package mail_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"

	"signet/internal/mail"
	"signet/internal/mail/mailtest"
	"signet/internal/ratelimit"
	"signet/internal/seal"
	"signet/storage"
	"signet/storage/storagetest"
)

func outbox(t testing.TB, db *storage.DB) *mail.Outbox {
	t.Helper()
	master, err := seal.New([]byte("a-master-key-of-thirty-two-bytes"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := mail.NewOutbox(db, ratelimit.New(db), master, seal.Place)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// carrier is a sender of the test's own.
type carrier func(m mail.Message) error

func (c carrier) Send(_ context.Context, m mail.Message) error { return c(m) }

func plain(l mail.Email) (mail.Message, error) {
	return mail.Message{Subject: l.Kind, Text: l.Link + "\n", HTML: "<p>" + l.Link}, nil
}

func delivery(t testing.TB, db *storage.DB, o *mail.Outbox, s mail.Sender, log *slog.Logger) *mail.Delivery {
	t.Helper()
	d, err := mail.NewDelivery(
		mail.DeliveryOptions{Outbox: o, Store: db, Sender: s, Render: plain, Log: log,
			Resolve: func(_ context.Context, l mail.Email) (mail.Email, bool, error) { return l, false, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func put(t testing.TB, o *mail.Outbox, l mail.Email) {
	t.Helper()
	if err := o.Put(t.Context(), l); err != nil {
		t.Fatal(err)
	}
}

func once(t testing.TB, d *mail.Delivery) {
	t.Helper()
	if _, err := d.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func queue(t testing.TB, o *mail.Outbox) []mail.Waiting {
	t.Helper()
	list, err := o.Queue(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

const link = "https://id.example.com/reset?t=SECRETLINK"

func TestEmailExistsExactlyWhenTheFactDoes(t *testing.T) {
	db := storagetest.SQLite(t)
	o := outbox(t, db)
	no := errors.New("no")
	err := db.Tx(t.Context(), func(ctx context.Context) error {
		if err := o.Put(ctx, mail.Email{Kind: mail.Reset, To: "ada@example.com"}); err != nil {
			return err
		}
		return no
	})
	if !errors.Is(err, no) || len(queue(t, o)) != 0 {
		t.Errorf("%v, and %d emails of an act that did not happen", err, len(queue(t, o)))
	}
	for _, l := range []mail.Email{{Kind: mail.Reset}, {To: "a@x"}, {Kind: mail.Reset, To: "a@x\r\nBcc: eve@x"}} {
		if o.Put(t.Context(), l) == nil { // D06
			t.Errorf("%+v is taken", l)
		}
	}
}

func TestS06_NothingOfAnEmailLiesOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signet.db")
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := outbox(t, db)
	var log bytes.Buffer
	d := delivery(t, db, o, carrier(func(m mail.Message) error {
		return errors.New("421 no space for " + m.To + ", " + strings.ToUpper(m.To))
	}),
		slog.New(slog.NewTextHandler(&log, nil)))
	put(t, o, mail.Email{Kind: mail.Reset, To: "ada@example.com", Link: link, Code: "482913"})
	once(t, d)
	if list := queue(t, o); len(list) != 1 || !strings.Contains(list[0].LastError, "no space for …, …") {
		t.Errorf("queue %+v", list)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(path + "*")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		log.Write(raw)
	}
	for _, secret := range []string{"SECRETLINK", "482913", "ada@example.com"} {
		if bytes.Contains(log.Bytes(), []byte(secret)) {
			t.Errorf("%s lies in the database or the log", secret)
		}
	}
}

func TestTriedAgainUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		o := outbox(t, db)
		var tries []time.Time
		begun := time.Now()
		d := delivery(t, db, o, carrier(func(mail.Message) error { tries = append(tries, time.Now()); return errors.New("421 later") }), nil)
		put(t, o, mail.Email{Kind: mail.Reset, To: "ada@example.com", ExpiresAt: begun.Add(24 * time.Hour)})
		for time.Since(begun) < 30*time.Hour {
			once(t, d)
			time.Sleep(10 * time.Second)
		}
		if len(tries) < 20 || len(tries) > 40 {
			t.Errorf("%d tries in a day", len(tries))
		}
		if gap := tries[1].Sub(tries[0]); gap < 20*time.Second || gap > time.Minute {
			t.Errorf("second try after %s", gap)
		}
		if last := tries[len(tries)-1].Sub(begun); last > 24*time.Hour {
			t.Errorf("tried after it expired: %s", last)
		}
	})
}

func TestRefusedForGoodIsGivenUpAndSeen(t *testing.T) {
	db := storagetest.SQLite(t)
	o := outbox(t, db)
	tries := 0
	d := delivery(t, db, o, carrier(func(mail.Message) error { tries++; return mail.ErrRefused }), nil)
	put(t, o, mail.Email{Kind: mail.Reset, To: "ada@example.com"})
	once(t, d)
	once(t, d)
	if list := queue(t, o); tries != 1 || len(list) != 1 || list[0].FailedAt.IsZero() {
		t.Errorf("%d tries, queue %+v", tries, list)
	}
}

func TestADeadReplicaGivesItsEmailsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		o := outbox(t, db)
		ctx, die := context.WithCancel(t.Context())
		dying := delivery(t, db, o, carrier(func(mail.Message) error { die(); return errors.New("gone") }), nil)
		put(t, o, mail.Email{Kind: mail.Reset, To: "ada@example.com"})
		if _, err := dying.Once(ctx); err != nil {
			t.Fatal(err)
		}
		sent := 0
		other := delivery(t, db, o, carrier(func(mail.Message) error { sent++; return nil }), nil)
		once(t, other)
		if sent != 0 {
			t.Error("taken while another may still be sending it")
		}
		time.Sleep(3 * time.Minute)
		once(t, other)
		if sent != 1 || len(queue(t, o)) != 0 {
			t.Errorf("sent %d times, %d left", sent, len(queue(t, o)))
		}
	})
}

func TestTwoReplicasSendEachEmailOnce(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		o := outbox(t, db)
		const emails = 40
		for range emails {
			put(t, o, mail.Email{Kind: mail.Reset, To: "ada@example.com"})
		}
		var sent atomic.Int64
		d := delivery(t, db, o, carrier(func(mail.Message) error { sent.Add(1); return nil }), nil)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 10 {
					once(t, d)
				}
			})
		}
		wg.Wait()
		if sent.Load() != emails || len(queue(t, o)) != 0 {
			t.Errorf("%d sent of %d, %d left", sent.Load(), emails, len(queue(t, o)))
		}
	})
}

func smtpTo(box *mailtest.Box) *mail.SMTP {
	return &mail.SMTP{
		Envelope: mail.Envelope{From: "Signet <signet@id.example.com>", ReplyTo: "help@example.com", Host: "id.example.com"},
		Server:   box.Host, Port: box.Port, Protection: mail.NoTLS,
	}
}

var message = mail.Message{ID: "L1", To: "ada@example.com", Subject: "Grüße", Text: "Hallo,\n\n" + link + "\n", HTML: "<p>ä"}

func TestSMTPSendsBothParts(t *testing.T) {
	box := mailtest.Start(t)
	if err := smtpTo(box).Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	m := box.Wait(t, "ada@example.com")
	if m.From != "signet@id.example.com" || m.Subject != "Grüße" || m.Link(t) != link || m.HTML != "<p>ä" {
		t.Errorf("got %+v", m)
	}
	for name, want := range map[string]string{
		"Message-Id": "<L1@id.example.com>", "Auto-Submitted": "auto-generated", "Reply-To": "<help@example.com>",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestSMTPAnswersAreTold(t *testing.T) {
	box := mailtest.Start(t, func(b *mailtest.Box, _ *smtp.Server) {
		b.Refuse = func(to string) error {
			switch to {
			case "nobody@example.com":
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such person"}
			case "full@example.com":
				return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "later"}
			}
			return nil
		}
	})
	s := smtpTo(box)
	for to, good := range map[string]bool{"nobody@example.com": true, "full@example.com": false} {
		m := message
		m.To = to
		if err := s.Send(t.Context(), m); err == nil || errors.Is(err, mail.ErrRefused) != good {
			t.Errorf("%s: %v; refused for good should be %v", to, err, good)
		}
	}
	down := smtpTo(box)
	down.Port = 1
	if err := down.Send(t.Context(), message); err == nil || errors.Is(err, mail.ErrRefused) {
		t.Errorf("server down: %v", err)
	}
}

func TestSMTPAuthenticates(t *testing.T) {
	box := mailtest.Start(t, func(b *mailtest.Box, _ *smtp.Server) { b.Username, b.Password = "signet", "right" })
	s := smtpTo(box)
	s.Username, s.Password = "signet", "wrong"
	if err := s.Send(t.Context(), message); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("wrong password: %v", err)
	}
	if box.Count() != 0 {
		t.Error("sent without authentication")
	}
}

func TestNoTLSWhereItIsDemandedSendsNothing(t *testing.T) { // RFC 3207 section 6
	box := mailtest.Start(t)
	for _, protection := range []string{mail.StartTLS, mail.TLS} {
		s := smtpTo(box)
		s.Protection = protection
		if err := s.Send(t.Context(), message); err == nil || box.Count() != 0 {
			t.Errorf("%s: %v, %d sent in the clear", protection, err, box.Count())
		}
	}
}

// TestSMTPOverTLS: from the first byte or by STARTTLS, by the library's way to the server or by a given one; a certificate that nobody
// vouches for ends it before the password.
func TestSMTPOverTLS(t *testing.T) { // RFC 8314 section 3
	site := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(site.Close)
	own := &tls.Config{Certificates: site.TLS.Certificates}
	roots := x509.NewCertPool()
	roots.AddCert(site.Certificate())
	for _, protection := range []string{mail.StartTLS, mail.TLS} {
		box := mailtest.Start(t, func(b *mailtest.Box, s *smtp.Server) { b.Username, b.Password, s.TLSConfig = "signet", "right", own })
		port := box.Port
		if protection == mail.TLS {
			port = tlsTo(t, own, box.Port)
		}
		for _, given := range []bool{false, true} {
			s, dialed := smtpTo(box), 0
			s.Protection, s.Port, s.Username, s.Password = protection, port, "signet", "right"
			s.TLSConfig = &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12}
			if given {
				s.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					dialed++
					return new(net.Dialer).DialContext(ctx, network, address)
				}
			}
			if err := s.Send(t.Context(), message); err != nil {
				t.Errorf("%s, a given way %v: %v", protection, given, err)
				continue
			}
			if m := box.Wait(t, "ada@example.com"); m.Subject != "Grüße" || given != (dialed == 1) {
				t.Errorf("%s, a given way %v: %q, dialed %d times", protection, given, m.Subject, dialed)
			}
			s.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "example.com", MinVersion: tls.VersionTLS12}
			if err := s.Send(t.Context(), message); err == nil {
				t.Errorf("%s, a given way %v: took a certificate that nobody vouches for", protection, given)
			}
			box.None(t, "ada@example.com")
		}
	}
}

// tlsTo is a port where TLS ends that leads to another.
func tlsTo(t *testing.T, c *tls.Config, port int) int {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer from.Close()
				to, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
				if err != nil {
					return
				}
				defer to.Close()
				go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
				_, _ = io.Copy(from, to)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func TestFolderAndPrint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mail")
	f := &mail.Folder{Envelope: mail.Envelope{From: "signet@localhost", Host: "localhost"}, Directory: dir}
	if err := f.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.eml"))
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	var out bytes.Buffer
	if err := (&mail.Print{Out: &out}).Send(t.Context(), message); err != nil || !strings.Contains(out.String(), link) {
		t.Errorf("%v: %s", err, &out)
	}
}
