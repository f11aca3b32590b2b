package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
)

type mailStore interface {
	Message(ctx context.Context, id string) (storage.Message, error)
	ReviveMessage(ctx context.Context, id string, now time.Time) error
	DeleteMessage(ctx context.Context, id string) error
}

// MailQueue pages through emails that wait or were given up: neither address nor words.
func (s *Service) MailQueue(ctx context.Context, a Actor, q Ask) (Page[mail.Waiting], error) {
	ctx, err := s.may(ctx, a, "MailQueue")
	if err != nil || s.o.Mail == nil {
		return Page[mail.Waiting]{Items: []mail.Waiting{}}, err
	}
	rows, err := s.o.Mail.Queue(ctx, q.After, q.limit()+1)
	if err != nil {
		return Page[mail.Waiting]{}, fmt.Errorf("list emails: %w", err)
	}
	return paged(q, rows, func(w mail.Waiting) mail.Waiting { return w }, func(w mail.Waiting) string { return w.ID }), nil
}

// Mail shows one email that waits or was given up: neither address nor words.
func (s *Service) Mail(ctx context.Context, a Actor, id string) (mail.Waiting, error) {
	ctx, err := s.may(ctx, a, "Mail")
	if err != nil {
		return mail.Waiting{}, err
	}
	m, err := s.o.Stores.Mails.Message(ctx, id)
	return mail.View(m), translate(err)
}

// RetryMail has an email tried again at once.
func (s *Service) RetryMail(ctx context.Context, a Actor, id string) error {
	return s.onMail(ctx, a, "RetryMail", id, audit.MailRetried, func(ctx context.Context) error {
		return s.o.Stores.Mails.ReviveMessage(ctx, id, time.Now())
	})
}

// DropMail sees to it that an email is not sent. One that is being sent at that moment may still arrive.
func (s *Service) DropMail(ctx context.Context, a Actor, id string) error {
	return s.onMail(ctx, a, "DropMail", id, audit.MailDropped, func(ctx context.Context) error {
		return s.o.Stores.Mails.DeleteMessage(ctx, id)
	})
}

// onMail runs an act on an email to somebody who holds no more than the actor: it may be what warns them.
func (s *Service) onMail(ctx context.Context, a Actor, act, id string, name audit.Name, do func(ctx context.Context) error) error {
	return s.act(ctx, a, act, func(ctx context.Context) error {
		if s.o.Mail == nil {
			return fmt.Errorf("email: %w", ErrNotFound)
		}
		m, err := s.o.Stores.Mails.Message(ctx, id)
		if err != nil {
			return err
		}
		whom, err := s.o.Mail.Concerns(m)
		switch {
		case err != nil: // under a master key that is not here: it may be to anybody
			err = over(a, SetOf(All()...))
		case whom != "":
			if err = s.overPerson(ctx, a, whom); errors.Is(err, ErrNotFound) { // erased meanwhile
				err = nil
			}
		}
		if err != nil {
			return err
		}
		if err := do(ctx); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, audit.Event{Name: name, UserID: whom, Detail: map[string]any{"id": m.ID, "kind": m.Kind}})
	})
}
