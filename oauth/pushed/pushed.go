// Package pushed keeps authorization requests that apps pushed (RFC 9126): judged when they came, opened at the authorization endpoint by
// their request_uri, gone with the answer. Begin with Requests.
package pushed

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/oauth/flow"
	"signet/oauth/quota"
	"signet/oauth/refusal"
	"signet/storage"
)

// Prefix of every request_uri that is made here (RFC 9126 section 2.2).
const Prefix = "urn:ietf:params:oauth:request_uri:"

const (
	// Life is how long a request can be opened.
	Life = 90 * time.Second

	maxRequest = 15 << 10 // of the judged request, in bytes: a sign-in, which keeps it too, has space for that
)

// Holder is who a pushed request is counted for.
type Holder struct {
	ClientID string
	Network  string // of the caller, where the client did not prove to be itself; else ""
	Address  string // … within the network
}

// ErrGone: there is no such request, or not any more, or it is another client's.
var ErrGone = errors.New("no such pushed request")

// Store keeps them; *storage.DB does.
type Store interface {
	InsertPushed(ctx context.Context, t storage.Ticket, address string, share int) error
	Pushed(ctx context.Context, secretHash string, now time.Time) (storage.Ticket, error)
	OpenPushed(ctx context.Context, id string, until time.Time) error
	SpendPushed(ctx context.Context, id string) error
}

// Bounds tell how many wait, and make some give way; *storage.DB does.
type Bounds interface {
	// PushedShares are rows and bytes, by owner.
	PushedShares(ctx context.Context, now time.Time) (map[string][2]int64, error)
	EvictPushed(ctx context.Context, owner string, most int, now time.Time) (int64, error)
}

// Requests are the pushed ones. It is safe for concurrent use.
type Requests struct {
	store Store
	quota *quota.Quota
	count func(outcome string)
}

// New makes it. count is of a metric: stored, evicted, begun, used; nil counts nothing.
func New(store Store, bounds Bounds, count func(outcome string)) *Requests {
	if count == nil {
		count = func(string) {}
	}
	return &Requests{store: store, count: count, quota: quota.OfApps(shares{bounds}, func() { count("evicted") })}
}

// shares are the bounds as the quota knows them.
type shares struct{ Bounds }

// Shares implements quota.Bounds.
func (s shares) Shares(ctx context.Context, now time.Time) (map[string][2]int64, error) {
	return s.PushedShares(ctx, now)
}

// Evict implements quota.Bounds.
func (s shares) Evict(ctx context.Context, owner string, most int) (int64, error) {
	return s.EvictPushed(ctx, owner, most, time.Now())
}

// row is the JSON of a ticket's data. The ticket outlives Until where a sign-in was begun.
type row struct {
	ClientID string       `json:"client_id"`
	Until    int64        `json:"until"` // seconds; it can be opened before
	Request  flow.Request `json:"request"`
}

// Push keeps a judged request of an authenticated client: one INSERT. At the holder's bound the oldest of the address that has most gives
// way, at the server's that of the holder with the largest share; never one that a sign-in was begun from. Errors are *refusal.Refusal or
// the storage's.
func (p *Requests) Push(ctx context.Context, req flow.Request, h Holder) (uri string, err error) {
	now, secret := time.Now(), rand.Text()+rand.Text()
	data, err := json.Marshal(row{ClientID: req.ClientID, Until: now.Add(Life).Unix(), Request: req})
	if err != nil {
		return "", fmt.Errorf("push a request: %w", err)
	}
	if len(data) > maxRequest {
		return "", refusal.InvalidRequest("The request is too large.")
	}
	if err := p.quota.Admit(ctx, now); err != nil {
		return "", fmt.Errorf("make place for a pushed request: %w", err)
	}
	owner, share := quota.Owner(h.ClientID, h.Network)
	t := storage.Ticket{ID: rand.Text(), SecretHash: hash(secret), Owner: owner, Data: data, CreatedAt: now, ExpiresAt: now.Add(Life)}
	if err := p.insert(ctx, t, h.Address, share); err != nil {
		return "", err
	}
	p.quota.Came(owner, len(data))
	p.count("stored")
	return Prefix + secret, nil
}

// tries at one insert: others may take the place that was made.
const tries = 3

func (p *Requests) insert(ctx context.Context, t storage.Ticket, address string, share int) error {
	for range tries {
		err := p.store.InsertPushed(ctx, t, address, share)
		if err == nil {
			return nil
		}
		if !errors.Is(err, storage.ErrTooMany) {
			return fmt.Errorf("push a request: %w", err)
		}
		if err := p.quota.Evict(ctx, t.Owner, share/10); err != nil {
			return fmt.Errorf("make place for a pushed request: %w", err)
		}
	}
	return refusal.TooMany("Too many requests were pushed and not used.", Life/3)
}

// Open gives the request of a client, which is not used up: a reload and a second tab find it, too. One read. ErrGone.
func (p *Requests) Open(ctx context.Context, clientID, uri string) (flow.Request, error) {
	secret, ok := strings.CutPrefix(uri, Prefix)
	if !ok || len(secret) > 64 {
		return flow.Request{}, ErrGone
	}
	now := time.Now()
	t, err := p.store.Pushed(ctx, hash(secret), now)
	if errors.Is(err, storage.ErrNotFound) {
		return flow.Request{}, ErrGone
	} else if err != nil {
		return flow.Request{}, fmt.Errorf("open a pushed request: %w", err)
	}
	var r row
	if err := json.Unmarshal(t.Data, &r); err != nil {
		return flow.Request{}, fmt.Errorf("read a pushed request: %w", err)
	}
	if r.ClientID != clientID || now.Unix() >= r.Until {
		return flow.Request{}, ErrGone
	}
	r.Request.Pushed = t.ID
	return r.Request, nil
}

// Begin notes that a sign-in was begun from a request that was opened: it gives way to no other, and is kept until then. Errors are
// *refusal.Refusal or the storage's.
func (p *Requests) Begin(ctx context.Context, id string, until time.Time) error {
	return p.after("begun", p.store.OpenPushed(ctx, id, until))
}

// Finish uses a request up, in the transaction that answers it: of all sign-ins that were begun from it one is the first. Errors are
// *refusal.Refusal or the storage's.
func (p *Requests) Finish(ctx context.Context, id string) error {
	return p.after("used", p.store.SpendPushed(ctx, id))
}

func (p *Requests) after(what string, err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return refusal.InvalidRequestURI("The request_uri was used before.").Because(err)
	} else if err != nil {
		return fmt.Errorf("pushed request: %w", err)
	}
	p.count(what)
	return nil
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
