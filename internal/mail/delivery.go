package mail

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"regexp"
	"strings"
	"sync"
	"time"

	"signet/internal/tracing"
	"signet/storage"
)

// Message is an email in words.
type Message struct {
	ID                  string // of the email: the local part of Message-ID, so that a copy sent twice can be told
	To                  string
	Subject, Text, HTML string
}

// Sender hands a message to whoever carries it.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// ErrRefused: the recipient cannot be reached, however often the message is sent. Faults of ours are none: the message waits until they are
// fixed.
var ErrRefused = errors.New("message refused for good")

// Metrics counts; *telemetry.Metrics does.
type Metrics interface {
	MailSent(kind, outcome string) // "sent", "retried", "failed"
	MailWaiting(waiting, failed int, oldest time.Time)
}

// DeliveryStore is the part of *storage.DB that the delivery uses, besides what the outbox does.
type DeliveryStore interface {
	DueMessages(ctx context.Context, now time.Time, limit int) ([]storage.Message, error)
	LeaseMessage(ctx context.Context, id string, due, until time.Time) error
	RetryMessage(ctx context.Context, id string, due time.Time, lastError string) error
	FailMessage(ctx context.Context, id string, at time.Time, lastError string) error
	DeleteMessage(ctx context.Context, id string) error
}

// DeliveryOptions of NewDelivery.
type DeliveryOptions struct {
	Outbox *Outbox
	Store  DeliveryStore
	Sender Sender
	Render func(l Email) (Message, error)
	// Resolve completes an email that was asked for (Email.Ask); ok is false where it goes to nobody.
	Resolve func(ctx context.Context, l Email) (out Email, ok bool, err error)
	Log     *slog.Logger    // nil discards
	Tracer  *tracing.Tracer // nil: nothing is traced
	Metrics Metrics         // nil counts nothing
}

// Delivery empties the outbox.
type Delivery struct{ DeliveryOptions }

// NewDelivery checks the options.
func NewDelivery(o DeliveryOptions) (*Delivery, error) {
	if o.Outbox == nil || o.Store == nil || o.Sender == nil || o.Render == nil || o.Resolve == nil {
		return nil, errors.New("a delivery needs an outbox, a store, a sender, a renderer and a resolver")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Delivery{o}, nil
}

const (
	pollEvery = 2 * time.Second       // how soon an email of another process is found
	settle    = 20 * time.Millisecond // for the transaction of an email of this process
	lease     = 2 * time.Minute       // more than a sender may take; a replica that dies gives its emails back after it
	batch     = 16                    // emails taken at once
	atOnce    = 4                     // emails sent at once
	sendLimit = 45 * time.Second      // how long a sender may take
	firstWait = 30 * time.Second      // before the second try; it doubles
	longWait  = time.Hour             // between tries at most
	maxError  = 200                   // of what a carrier says, bytes
)

// Run delivers until ctx ends. All replicas may run it: an email is taken by one.
func (d *Delivery) Run(ctx context.Context) {
	for {
		n, err := d.Once(ctx)
		if err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "mail cannot be delivered", "error", err)
		}
		if n == batch && err == nil {
			continue
		}
		poll := time.NewTimer(pollEvery/2 + chance(pollEvery))
		select {
		case <-ctx.Done():
			poll.Stop()
			return
		case <-d.Outbox.wake:
			poll.Stop()
			time.Sleep(settle)
		case <-poll.C:
		}
	}
}

// Once sends what is due, at most sixteen emails, and returns how many it took.
func (d *Delivery) Once(ctx context.Context) (int, error) {
	due, err := d.Store.DueMessages(ctx, time.Now(), batch)
	if err != nil {
		return 0, fmt.Errorf("read outbox: %w", err)
	}
	var wg sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	errs := make([]error, len(due))
	for i, m := range due {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			errs[i] = d.deliver(ctx, m)
		})
	}
	wg.Wait()
	return len(due), errors.Join(errs...)
}

// deliver takes one email and sends it. What the carrier answers is no error of ours.
func (d *Delivery) deliver(ctx context.Context, m storage.Message) error {
	now := time.Now()
	err := d.Store.LeaseMessage(ctx, m.ID, m.DueAt, now.Add(lease))
	if errors.Is(err, storage.ErrStale) {
		return nil // another replica has it
	}
	if err != nil {
		return fmt.Errorf("take email: %w", err)
	}
	traced, end := d.Tracer.Job(ctx, "send email")
	err = d.send(traced, m)
	end(err)
	if ctx.Err() != nil {
		return nil // stopped; the lease ends by itself
	}
	m.Tries++
	switch {
	case err == nil:
		d.count(m.Kind, "sent")
		return d.Store.DeleteMessage(ctx, m.ID)
	case errors.Is(err, ErrRefused):
		d.count(m.Kind, "failed")
		d.Log.WarnContext(ctx, "mail refused", "message_id", m.ID, "kind", m.Kind, "error", said(err))
		return d.Store.FailMessage(ctx, m.ID, time.Now(), said(err))
	}
	d.count(m.Kind, "retried")
	next := time.Now().Add(wait(m.Tries))
	d.Log.WarnContext(ctx, "mail not delivered yet", "message_id", m.ID, "kind", m.Kind, "tries", m.Tries, "next", next.UTC(), "error",
		said(err))
	return d.Store.RetryMessage(ctx, m.ID, next, said(err))
}

func (d *Delivery) send(ctx context.Context, m storage.Message) error {
	l, err := d.Outbox.open(m)
	if err != nil {
		return err // the master key may come back
	}
	if l.Ask != "" {
		var ok bool
		if l, ok, err = d.Resolve(ctx, l); err != nil || !ok {
			return err
		}
	}
	message, err := d.Render(l)
	if err != nil {
		return err // a replica of another release may know its words
	}
	message.ID, message.To = m.ID, l.To
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	if err := d.Sender.Send(ctx, message); err != nil {
		return hidden{err, l.To}
	}
	return nil
}

// hidden is a carrier's error without the address, which carriers like to repeat, in upper or lower case.
type hidden struct {
	error
	address string
}

// Error leaves the address out, in both of its forms.
func (h hidden) Error() string {
	text := without(h.error.Error(), h.address)
	if ascii, _, err := wire(h.address); err == nil {
		text = without(text, ascii)
	}
	return text
}

func without(text, address string) string {
	if address == "" {
		return text
	}
	return regexp.MustCompile("(?i)"+regexp.QuoteMeta(address)).ReplaceAllLiteralString(text, "…")
}

// Unwrap gives the carrier's own.
func (h hidden) Unwrap() error { return h.error }

func said(err error) string {
	s := err.Error()
	return strings.ToValidUTF8(s[:min(len(s), maxError)], "")
}

// wait before the try after n: doubling, with a quarter of chance, so that emails that failed together part.
func wait(n int64) time.Duration {
	d := firstWait
	for range n - 1 {
		if d *= 2; d >= longWait {
			d = longWait
			break
		}
	}
	return d - d/8 + chance(d/4)
}

// chance is a time of up to d.
func chance(d time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d)))
	if err != nil {
		return d / 2
	}
	return time.Duration(n.Int64())
}

func (d *Delivery) count(kind, outcome string) {
	if d.Metrics != nil {
		d.Metrics.MailSent(kind, outcome)
	}
}

// Survey notes how many emails wait and failed.
func (d *Delivery) Survey(ctx context.Context) error {
	waiting, failed, oldest, err := d.Outbox.store.CountMessages(ctx)
	if err == nil && d.Metrics != nil {
		d.Metrics.MailWaiting(waiting, failed, oldest)
	}
	return err
}
