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
	"signet/oauth/refusal"
	"signet/storage"
)

// Prefix of every request_uri that is made here (RFC 9126 section 2.2).
const Prefix = "urn:ietf:params:oauth:request_uri:"

const (
	// Life is how long a request can be opened.
	Life = 90 * time.Second
	// kept is how long its row stays: until the last sign-in that was begun from it can end.
	kept = Life + 30*time.Minute

	purpose    = "pushed request"
	maxRequest = 16 << 10 // of the judged request, in bytes: what a sign-in keeps of it
)

// ErrGone: there is no such request, or not any more, or it is another client's.
var ErrGone = errors.New("no such pushed request")

// Store keeps them; *storage.DB does.
type Store interface {
	InsertTicket(ctx context.Context, t storage.Ticket) error
	TicketBySecret(ctx context.Context, purpose, secretHash string, now time.Time) (storage.Ticket, error)
	VoidTicket(ctx context.Context, purpose, id string) error
}

// Requests are the pushed ones. It is safe for concurrent use.
type Requests struct {
	store  Store
	shares *shares
}

// New makes it.
func New(store Store) *Requests { return &Requests{store: store, shares: newShares()} }

// kept data of a row.
type row struct {
	ClientID string       `json:"client_id"`
	Network  string       `json:"network,omitempty"`
	Until    int64        `json:"until"` // seconds; it can be opened before
	Request  flow.Request `json:"request"`
}

// Push keeps a judged request of an authenticated client: one INSERT. holder is who it is counted for: the client, if it proved to be
// itself, else the client and the network it came from. Errors are *refusal.Refusal or the storage's.
func (p *Requests) Push(ctx context.Context, req flow.Request, h Holder) (uri string, err error) {
	now, id, secret := time.Now(), rand.Text(), rand.Text()+rand.Text()
	data, err := json.Marshal(row{ClientID: req.ClientID, Network: h.Network, Until: now.Add(Life).Unix(), Request: req})
	if err != nil {
		return "", fmt.Errorf("push a request: %w", err)
	}
	if len(data) > maxRequest {
		return "", refusal.InvalidRequest("The request is too large.")
	}
	gone, ok := p.shares.add(h, id, now)
	if !ok {
		return "", refusal.TooMany("Too many requests were pushed and not finished.", Life/3)
	}
	for _, old := range gone {
		if err := p.store.VoidTicket(ctx, purpose, old); err != nil && !errors.Is(err, storage.ErrNotFound) {
			return "", fmt.Errorf("make place for a pushed request: %w", err)
		}
	}
	err = p.store.InsertTicket(ctx, storage.Ticket{
		ID: id, SecretHash: hash(secret), Purpose: purpose, Owner: h.ClientID, Data: data, CreatedAt: now, ExpiresAt: now.Add(kept),
	})
	if err != nil {
		return "", fmt.Errorf("push a request: %w", err)
	}
	return Prefix + secret, nil
}

// Open gives the request of a client, which is not used up: a reload and a second tab find it, too. One read. ErrGone.
func (p *Requests) Open(ctx context.Context, clientID, uri string) (flow.Request, error) {
	secret, ok := strings.CutPrefix(uri, Prefix)
	if !ok || len(secret) > 64 {
		return flow.Request{}, ErrGone
	}
	now := time.Now()
	t, err := p.store.TicketBySecret(ctx, purpose, hash(secret), now)
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
	p.shares.opened(Holder{ClientID: r.ClientID, Network: r.Network}, t.ID)
	r.Request.Pushed = t.ID
	return r.Request, nil
}

// Finish uses a request up, in the transaction that answers it: of all sign-ins that were begun from it one is the first. Errors are
// *refusal.Refusal or the storage's.
func (p *Requests) Finish(ctx context.Context, id string) error {
	err := p.store.VoidTicket(ctx, purpose, id)
	if errors.Is(err, storage.ErrNotFound) {
		return refusal.InvalidRequestURI("The request_uri was used before.").Because(err)
	} else if err != nil {
		return fmt.Errorf("finish a pushed request: %w", err)
	}
	return nil
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
