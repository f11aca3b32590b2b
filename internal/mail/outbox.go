package mail

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/internal/ratelimit"
	"signet/storage"
)

// Email is one mail to be written and sent.
type Email struct {
	Kind      string            `json:"kind"`               // names its texts: mail.KIND.subject and so on
	To        string            `json:"to"`                 // the stored address, never a typed spelling (D06)
	Name      string            `json:"name,omitempty"`     // how the person is called; "" for people who have proven nothing
	UserID    string            `json:"user_id,omitempty"`  // "" = nobody yet
	Language  string            `json:"language,omitempty"` // BCP 47; "" = English
	Zone      string            `json:"zone,omitempty"`     // of the tz database; "" = UTC
	Link      string            `json:"link,omitempty"`     // absolute, from the issuer; "" = none
	Code      string            `json:"code,omitempty"`     // to type; "" = none
	Args      map[string]string `json:"args,omitempty"`     // further words of the texts
	Ask       string            `json:"ask,omitempty"`      // what a stranger asked for; Resolve finds out whom it goes to
	Data      json.RawMessage   `json:"data,omitempty"`     // what Resolve needs
	At        time.Time         `json:"at"`                 // when it was written
	ExpiresAt time.Time         `json:"expires_at"`         // not delivered after this; zero = 3 days
}

// keepEmails is how long an email is tried when it does not say itself.
const keepEmails = 3 * 24 * time.Hour

// Store is the part of *storage.DB that the outbox uses.
type Store interface {
	InsertMessage(ctx context.Context, m storage.Message) error
	Messages(ctx context.Context, after string, limit int) ([]storage.Message, error)
	CountMessages(ctx context.Context) (waiting, failed int, oldest time.Time, err error)
}

// Sealer seals what must not lie open in the database; *seal.Master.
type Sealer interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Outbox is where emails wait.
type Outbox struct {
	store  Store
	sealer Sealer
	place  func(table, row, column string) []byte
	limits *ratelimit.Limiter
	wake   chan struct{}
}

// NewOutbox returns the outbox over the store; limits count what is asked for, place names a column's row for the sealer (seal.Place).
func NewOutbox(store Store, limits *ratelimit.Limiter, sealer Sealer, place func(table, row, column string) []byte) (*Outbox, error) {
	if store == nil || limits == nil || sealer == nil || place == nil {
		return nil, errors.New("an outbox needs a store, limits and a sealer")
	}
	return &Outbox{store, sealer, place, limits, make(chan struct{}, 1)}, nil
}

// Put writes the email, in the transaction of ctx if there is one: it exists exactly when the fact does.
func (o *Outbox) Put(ctx context.Context, l Email) error {
	now := time.Now()
	l.At = now
	if l.ExpiresAt.IsZero() {
		l.ExpiresAt = now.Add(keepEmails)
	}
	if l.Kind == "" || l.To == "" || strings.ContainsFunc(l.To, isControl) {
		return fmt.Errorf("write email %q: it has no kind or no address", l.Kind)
	}
	plain, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write email: %w", err)
	}
	m := storage.Message{ID: rand.Text(), Kind: l.Kind, DueAt: now, CreatedAt: now, ExpiresAt: l.ExpiresAt}
	if m.Sealed, err = o.sealer.Seal(plain, o.place("messages", m.ID, "sealed")); err != nil {
		return fmt.Errorf("seal email: %w", err)
	}
	if err := o.store.InsertMessage(ctx, m); err != nil {
		return fmt.Errorf("write email: %w", err)
	}
	select {
	case o.wake <- struct{}{}: // the delivery of this process looks soon, once the transaction is through
	default:
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func (o *Outbox) open(m storage.Message) (Email, error) {
	var l Email
	plain, err := o.sealer.Open(m.Sealed, o.place("messages", m.ID, "sealed"))
	if err == nil {
		err = json.Unmarshal(plain, &l)
	}
	if err != nil {
		return l, fmt.Errorf("open email: %w", err)
	}
	return l, nil
}

// Waiting is an email in the outbox as an operator sees it: neither its address nor its words.
type Waiting struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Tries     int64     `json:"tries"`
	DueAt     time.Time `json:"due_at,omitzero"`
	FailedAt  time.Time `json:"failed_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at"`
	LastError string    `json:"last_error,omitempty"`
}

// View is one as an operator sees it.
func View(m storage.Message) Waiting {
	return Waiting{m.ID, m.Kind, m.Tries, m.DueAt, m.FailedAt, m.ExpiresAt, m.LastError}
}

// Concerns is the person that an email is to; "" = it is to an address that is nobody's yet, or that a stranger typed.
func (o *Outbox) Concerns(m storage.Message) (userID string, err error) {
	l, err := o.open(m)
	return l.UserID, err
}

// Queue pages through what waits and what failed, by id after the given one.
func (o *Outbox) Queue(ctx context.Context, after string, limit int) ([]Waiting, error) {
	rows, err := o.store.Messages(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	list := make([]Waiting, len(rows))
	for i, m := range rows {
		list[i] = View(m)
	}
	return list, nil
}

type languageKey struct{}

// WithLanguage notes the language in which somebody is being served, for emails to people who have not chosen one.
func WithLanguage(ctx context.Context, tag string) context.Context {
	return context.WithValue(ctx, languageKey{}, tag)
}

// LanguageOf is what WithLanguage noted; "" = nothing.
func LanguageOf(ctx context.Context) string {
	tag, _ := ctx.Value(languageKey{}).(string)
	return tag
}
