// Package ticket issues permissions that are used once and die soon: mailed links and codes, passkey ceremonies,
// invitations.
//
// A link carries 256 random bits, of which the database holds only the SHA-256. A code is short enough to type, so it is
// bound to its owner, kept as a MAC under a key of ours, and gone after five wrong guesses. Using a ticket up is one
// statement: of any number of tries at once, one succeeds. What a ticket permits is told by its purpose and its data; this
// package knows neither mail nor HTTP. Begin with Tickets.Issue and Tickets.Spend.
package ticket

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"signet/internal/typed"
	"signet/storage"
)

// ErrGone: used, expired, voided, guessed at too often, of another purpose, or never issued. Which, is not told.
var ErrGone = errors.New("ticket is gone")

// Purpose is what a ticket is for; one is never good for another.
type Purpose string

// maxGuesses is how many wrong codes a ticket survives.
const maxGuesses = 5

// secretBytes of a link.
const secretBytes = 32

// Stores are the parts of *storage.DB that the package uses, by what they are for.
type Stores struct {
	Issue issueStore
	Find  findStore
	Spend spendStore
}

// StoresOf are those of a database.
func StoresOf(db *storage.DB) Stores { return Stores{db, db, db} }

type issueStore interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	InsertTicket(ctx context.Context, t storage.Ticket) error
	VoidTickets(ctx context.Context, owner, purpose string) (int64, error)
	VoidTicketsOfHolders(ctx context.Context, role, purpose string) (int64, error)
	VoidTicket(ctx context.Context, purpose, id string) error
}

type findStore interface {
	TicketBySecret(ctx context.Context, purpose, secretHash string, now time.Time) (storage.Ticket, error)
	TicketsOf(ctx context.Context, owner, purpose string, now time.Time) ([]storage.Ticket, error)
	Tickets(ctx context.Context, purpose string, now time.Time, after string, limit int) ([]storage.Ticket, error)
}

type spendStore interface {
	SpendTicket(ctx context.Context, purpose, secretHash string, now time.Time) (storage.Ticket, error)
	RetireTicket(ctx context.Context, purpose, spent, secretHash string, now time.Time) error
	GuessTicket(ctx context.Context, id string, max int64) error
}

// Tickets issues and takes tickets.
type Tickets struct {
	stores Stores
	keys   [][]byte // MAC keys of codes: the first makes, all check
}

// New returns them over the stores; key is for the MACs of codes, which those of the older keys still check.
func New(s Stores, key []byte, older ...[]byte) (*Tickets, error) {
	if s.Issue == nil || s.Find == nil || s.Spend == nil || len(key) < sha256.Size {
		return nil, errors.New("tickets need stores and a key")
	}
	return &Tickets{s, append([][]byte{key}, older...)}, nil
}

// Order is what to issue.
type Order struct {
	Purpose  Purpose
	Owner    string // whom it is for: a person's id, an address' key, a browser; what Void and codes go by
	Data     any    // JSON, may be nil; never a secret
	Lifetime time.Duration
	Only     bool // earlier ones of this owner and purpose die
}

// Issue makes a ticket with a secret for a link, in the transaction of ctx if there is one.
func (b *Tickets) Issue(ctx context.Context, o Order) (id, secret string, err error) {
	raw := make([]byte, secretBytes)
	rand.Read(raw)
	id, secret = rand.Text(), base64.RawURLEncoding.EncodeToString(raw)
	return id, secret, b.insert(ctx, id, o, hashOf(secret))
}

// IssueCode makes a ticket with a code of six digits, good for its owner only. The owner's earlier ones of the purpose die.
func (b *Tickets) IssueCode(ctx context.Context, o Order) (code string, err error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("make code: %w", err)
	}
	id, code := rand.Text(), fmt.Sprintf("%06d", n)
	o.Only = true
	return code, b.insert(ctx, id, o, mac(b.keys[0], id, code))
}

func (b *Tickets) insert(ctx context.Context, id string, o Order, hash string) error {
	data, err := json.Marshal(o.Data)
	if err != nil {
		return fmt.Errorf("issue ticket: %w", err)
	}
	now := time.Now()
	err = b.stores.Issue.Tx(ctx, func(ctx context.Context) error {
		if o.Only {
			if _, err := b.stores.Issue.VoidTickets(ctx, o.Owner, string(o.Purpose)); err != nil {
				return err
			}
		}
		return b.stores.Issue.InsertTicket(ctx, storage.Ticket{
			ID: id, SecretHash: hash, Purpose: string(o.Purpose), Owner: o.Owner, Data: data, CreatedAt: now, ExpiresAt: now.Add(o.Lifetime),
		})
	})
	if err != nil {
		return fmt.Errorf("issue ticket: %w", err)
	}
	return nil
}

// Look reads the ticket of a link without using it, and its data into data (nil = not wanted). ErrGone.
func (b *Tickets) Look(ctx context.Context, p Purpose, secret string, data any) (storage.Ticket, error) {
	return take(secret, data, func() (storage.Ticket, error) {
		return b.stores.Find.TicketBySecret(ctx, string(p), hashOf(secret), time.Now())
	})
}

// Spend uses the ticket of a link up, in the transaction of ctx if there is one: if that fails, the ticket stays. ErrGone.
func (b *Tickets) Spend(ctx context.Context, p Purpose, secret string, data any) (storage.Ticket, error) {
	return take(secret, data, func() (storage.Ticket, error) {
		return b.stores.Spend.SpendTicket(ctx, string(p), hashOf(secret), time.Now())
	})
}

// Retire is Spend of a ticket that can be looked at for the purpose spent until its time is up, to recognise a repetition. ErrGone.
func (b *Tickets) Retire(ctx context.Context, p, spent Purpose, secret string) error {
	_, err := take(secret, nil, func() (storage.Ticket, error) {
		return storage.Ticket{}, b.stores.Spend.RetireTicket(ctx, string(p), string(spent), hashOf(secret), time.Now())
	})
	return err
}

func take(secret string, data any, find func() (storage.Ticket, error)) (storage.Ticket, error) {
	if len(secret) != base64.RawURLEncoding.EncodedLen(secretBytes) {
		return storage.Ticket{}, ErrGone
	}
	return open(data, find)
}

func open(data any, find func() (storage.Ticket, error)) (storage.Ticket, error) {
	t, err := find()
	if errors.Is(err, storage.ErrNotFound) {
		return t, ErrGone
	}
	if err != nil {
		return t, fmt.Errorf("take ticket: %w", err)
	}
	if data != nil {
		if err := json.Unmarshal(t.Data, data); err != nil {
			return t, fmt.Errorf("take ticket: %w", err)
		}
	}
	return t, nil
}

// Read reads the data of a ticket that was listed.
func Read(t storage.Ticket, data any) error {
	if err := json.Unmarshal(t.Data, data); err != nil {
		return fmt.Errorf("read ticket: %w", err)
	}
	return nil
}

// Guess counts a try at the owner's newest code and tells which ticket a right one would use up. It must not run in the
// transaction of the act, which would forget the try if it fails. ErrGone.
func (b *Tickets) Guess(ctx context.Context, p Purpose, owner string) (storage.Ticket, error) {
	list, err := b.stores.Find.TicketsOf(ctx, owner, string(p), time.Now())
	if err != nil {
		return storage.Ticket{}, fmt.Errorf("take code: %w", err)
	}
	if len(list) == 0 {
		return storage.Ticket{}, ErrGone
	}
	t := list[len(list)-1]
	err = b.stores.Spend.GuessTicket(ctx, t.ID, maxGuesses)
	if errors.Is(err, storage.ErrTooMany) {
		return storage.Ticket{}, ErrGone
	}
	return t, err
}

// ErrWrong: the code is not the ticket's. There are guesses left.
var ErrWrong = errors.New("wrong code")

// Matches reports whether the code is the ticket's.
func (b *Tickets) Matches(t storage.Ticket, code string) bool {
	right, plain := false, typed.Code(code)
	for _, key := range b.keys {
		right = hmac.Equal([]byte(mac(key, t.ID, plain)), []byte(t.SecretHash)) || right
	}
	return right
}

// SpendCode uses up the ticket that Guess told if the code is right (ErrWrong), in the transaction of ctx if there is one;
// ErrGone if somebody was quicker. The code may be written in any way that typed.Code reads.
func (b *Tickets) SpendCode(ctx context.Context, t storage.Ticket, code string, data any) error {
	if !b.Matches(t, code) {
		return ErrWrong
	}
	_, err := open(data, func() (storage.Ticket, error) {
		return b.stores.Spend.SpendTicket(ctx, t.Purpose, t.SecretHash, time.Now())
	})
	return err
}

// Void ends all of an owner's tickets of a purpose.
func (b *Tickets) Void(ctx context.Context, p Purpose, owner string) error {
	if _, err := b.stores.Issue.VoidTickets(ctx, owner, string(p)); err != nil {
		return fmt.Errorf("void tickets: %w", err)
	}
	return nil
}

// VoidHolders is Void for everybody who holds a role, themselves or by a group.
func (b *Tickets) VoidHolders(ctx context.Context, p Purpose, role string) error {
	if _, err := b.stores.Issue.VoidTicketsOfHolders(ctx, role, string(p)); err != nil {
		return fmt.Errorf("void tickets: %w", err)
	}
	return nil
}

// Cancel ends one by its public id. ErrGone.
func (b *Tickets) Cancel(ctx context.Context, p Purpose, id string) error {
	err := b.stores.Issue.VoidTicket(ctx, string(p), id)
	if errors.Is(err, storage.ErrNotFound) {
		return ErrGone
	}
	return err
}

// Of lists an owner's live ones of a purpose, oldest first.
func (b *Tickets) Of(ctx context.Context, p Purpose, owner string) ([]storage.Ticket, error) {
	return b.stores.Find.TicketsOf(ctx, owner, string(p), time.Now())
}

// List pages through the live ones of a purpose by id after the given one.
func (b *Tickets) List(ctx context.Context, p Purpose, after string, limit int) ([]storage.Ticket, error) {
	return b.stores.Find.Tickets(ctx, string(p), time.Now(), after, limit)
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func mac(key []byte, id, code string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id + "|" + code))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
