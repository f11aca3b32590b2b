package mail_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"signet/internal/mail"
	"signet/internal/mail/mailtest"
	"signet/storage/storagetest"
)

// A domain goes over the wire by its A-labels, in the envelope and in the header, whether or not the server knows SMTPUTF8.
func TestDomainsGoByALabels(t *testing.T) { // RFC 5891, RFC 6531
	for _, utf8 := range []bool{true, false} {
		box := mailtest.Start(t, func(b *mailtest.Box, s *smtp.Server) {
			s.EnableSMTPUTF8 = utf8
			b.Refuse = func(to string) error {
				if strings.Contains(to, "ü") {
					return &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 1, 3}, Message: "not ASCII"}
				}
				return nil
			}
		})
		s := smtpTo(box)
		s.From, s.ReplyTo = "Signet <post@bücher.example>", "hilfe@bücher.example"
		m := message
		m.To = "ada@bücher.example"
		if err := s.Send(t.Context(), m); err != nil {
			t.Fatalf("SMTPUTF8 %v: %v", utf8, err)
		}
		got := box.Wait(t, "ada@xn--bcher-kva.example")
		if got.From != "post@xn--bcher-kva.example" || got.Header.Get("To") != "<ada@xn--bcher-kva.example>" ||
			got.Header.Get("Reply-To") != "<hilfe@xn--bcher-kva.example>" ||
			!strings.Contains(got.Header.Get("From"), "<post@xn--bcher-kva.example>") {
			t.Errorf("SMTPUTF8 %v: from %s, header %v", utf8, got.From, got.Header)
		}
	}
}

func TestANonASCIILocalPartNeedsSMTPUTF8(t *testing.T) { // RFC 6531 section 3.2
	m := message
	m.To = "müller@bücher.example"
	with := mailtest.Start(t)
	if err := smtpTo(with).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	with.Wait(t, "müller@xn--bcher-kva.example")
	without := mailtest.Start(t, func(_ *mailtest.Box, s *smtp.Server) { s.EnableSMTPUTF8 = false })
	err := smtpTo(without).Send(t.Context(), m)
	if err == nil || errors.Is(err, mail.ErrRefused) || !strings.Contains(err.Error(), "SMTPUTF8") || without.Count() > 0 {
		t.Errorf("a server without it: %v, %d sent", err, without.Count())
	}
}

func TestOnlyTheRecipientsFaultGivesAnEmailUp(t *testing.T) { // RFC 5321 section 4.2.1, RFC 3463
	for name, tt := range map[string]struct {
		code   int
		status smtp.EnhancedCode
		lost   bool
	}{
		"no such mailbox": {550, smtp.EnhancedCode{5, 1, 1}, true}, "no status": {550, smtp.NoEnhancedCode, true},
		"mailbox off":  {550, smtp.EnhancedCode{5, 2, 1}, true},
		"mailbox full": {552, smtp.EnhancedCode{5, 2, 2}, true}, "no such domain": {550, smtp.EnhancedCode{5, 1, 2}, true},
		"moved":        {551, smtp.EnhancedCode{5, 1, 6}, true},
		"relay denied": {554, smtp.EnhancedCode{5, 7, 1}, false}, "log in first": {530, smtp.EnhancedCode{5, 7, 0}, false},
		"our sender": {550, smtp.EnhancedCode{5, 1, 8}, false},
		"blocked":    {550, smtp.EnhancedCode{5, 7, 26}, false}, "protocol": {501, smtp.EnhancedCode{5, 5, 4}, false},
		"not ASCII": {553, smtp.EnhancedCode{5, 6, 7}, false},
		"later":     {451, smtp.EnhancedCode{4, 2, 2}, false}, "greylisted": {450, smtp.EnhancedCode{4, 7, 1}, false},
		"closing":    {421, smtp.EnhancedCode{4, 3, 2}, false},
		"no service": {554, smtp.NoEnhancedCode, false},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			box := mailtest.Start(t, func(b *mailtest.Box, _ *smtp.Server) {
				b.Refuse = func(string) error {
					return &smtp.SMTPError{Code: tt.code, EnhancedCode: tt.status, Message: "no"}
				}
			})
			if err := smtpTo(box).Send(t.Context(), message); err == nil || errors.Is(err, mail.ErrRefused) != tt.lost {
				t.Errorf("%v; given up should be %v", err, tt.lost)
			}
		})
	}
	box := mailtest.Start(t)
	s := smtpTo(box)
	s.From = "no address"
	if err := s.Send(t.Context(), message); err == nil || errors.Is(err, mail.ErrRefused) {
		t.Errorf("our sender address: %v", err)
	}
	m := message
	m.To = "no address"
	if err := smtpTo(box).Send(t.Context(), m); !errors.Is(err, mail.ErrRefused) {
		t.Errorf("no address at all: %v", err)
	}
}

// What this release cannot write yet, or not open, is not lost: another replica may, and so may this one once it is mended.
func TestFaultsOfOursLoseNothing(t *testing.T) {
	db := storagetest.SQLite(t)
	o := outbox(t, db)
	d, err := mail.NewDelivery(mail.DeliveryOptions{
		Outbox: o, Store: db, Sender: carrier(func(mail.Message) error { return nil }),
		Render:  func(mail.Email) (mail.Message, error) { return mail.Message{}, errors.New("no texts") },
		Resolve: func(_ context.Context, l mail.Email) (mail.Email, bool, error) { return l, false, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, o, mail.Email{Kind: "of a later release", To: "ada@example.com"})
	once(t, d)
	if list := queue(t, o); len(list) != 1 || !list[0].FailedAt.IsZero() || list[0].Tries != 1 {
		t.Errorf("queue %+v", list)
	}
}
