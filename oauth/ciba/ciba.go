// Package ciba is the protocol of apps that ask for the decision of somebody whom they name, and who is elsewhere (OpenID Connect
// Client-Initiated Backchannel Authentication): the person decides on the account page, and the app asks meanwhile, or is told when it
// may.
//
// What waits is a row of table waiting, whose owner is the person. One for somebody who is not known here is a row that nobody sees, so
// that the answer tells nothing. Begin with Requests.Begin.
package ciba

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/clients"
	"signet/internal/outbox"
	"signet/oauth/flow"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/oauth/request"
	"signet/storage"
)

const (
	// Life is how long a person has to decide, where the app does not say; longest, where it does.
	Life     = 5 * time.Minute
	longest  = 10 * time.Minute
	shortest = 30 * time.Second
	// Interval is how long an app waits between its questions, if it is not told to be slower.
	Interval = 5 * time.Second
	// keep is how long what was allowed is kept for a client that is sent its tokens: for replicas that are away.
	keep = time.Hour
	// afterwards is how long there is at least to fetch what was allowed in the last moment.
	afterwards = time.Minute
	// shown is how long an operator sees after that what an app was not told; longer, and an app that takes nothing would fill the table.
	shown = time.Hour

	perPerson = 3 // live requests of all apps
	maxAgent  = 200
	maxBytes  = 8 << 10
)

// Store keeps what waits; *storage.DB does.
type Store interface {
	InsertAsked(ctx context.Context, w storage.Waiting, share int) error
	WaitingOf(ctx context.Context, kind, owner string, now time.Time) ([]storage.Waiting, error)
	DecideWaiting(ctx context.Context, idHash, userID string, approved bool, until, now time.Time) error
	SpendOnce(ctx context.Context, kind, owner, idHash string, expiresAt time.Time) error
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// People are those who are named.
type People interface {
	// Named finds somebody by what they sign in with, or by id; "" = nobody who can decide here. key tells those apart, however they are
	// spelled.
	Named(ctx context.Context, login, id string) (userID, key string, err error)
	// Tell writes to the person that an app waits for a decision, in the transaction of ctx. "" = nobody, which costs the same.
	Tell(ctx context.Context, userID string, app *clients.Client, message string, until time.Time) error
}

// Outbox is where pings wait; *outbox.Outbox.
type Outbox interface {
	Put(ctx context.Context, it outbox.Item) error
	Hasten(ctx context.Context, id string) error
}

// Refusing keeps who wants to be asked nothing, and which agents are paused; *storage.DB does.
type Refusing interface {
	ConsentOf(ctx context.Context, userID, clientID string) (storage.Consent, error)
	RefuseRequests(ctx context.Context, userID string, now time.Time) error
	TakeRequests(ctx context.Context, userID string) error
	RefusesRequests(ctx context.Context, userID string) (since time.Time, err error)
}

// Options of New. All but Count are required.
type Options struct {
	Store    Store
	Refusing Refusing
	People   People
	Outbox   Outbox
	Key      []byte               // for the names of those who are not known
	Count    func(outcome string) // of a metric: asked, approved, denied; nil counts nothing
}

// Requests are those of apps. It is safe for concurrent use.
type Requests struct{ o Options }

// New checks the options.
func New(o Options) (*Requests, error) {
	if o.Store == nil || o.Refusing == nil || o.People == nil || o.Outbox == nil || len(o.Key) == 0 {
		return nil, errors.New("oauth/ciba: Store, Refusing, People, Outbox and Key are required")
	}
	if o.Count == nil {
		o.Count = func(string) {}
	}
	return &Requests{o}, nil
}

// ErrGone: it was decided, is over, gave way to the app's next one, or is somebody else's.
var ErrGone = errors.New("no such request waits for this person")

// Whom is somebody who was named, also where nobody is known by that name.
type Whom struct{ key, userID string }

// Key is what requests for them are counted by.
func (w Whom) Key() string { return w.key }

// Whom finds who is named. Who refuses all requests is nobody who can decide here, as far as an app sees. An agent that the person paused
// asks them nothing, and is told so, as it is when it refreshes; *refusal.Refusal.
func (r *Requests) Whom(ctx context.Context, c *clients.Client, b request.Backchannel) (Whom, error) {
	id, key, err := r.o.People.Named(ctx, b.Login, b.UserID)
	if err != nil {
		return Whom{}, fmt.Errorf("find whom an app names: %w", err)
	}
	since, err := r.Refuses(ctx, id) // of nobody, too: the clock tells no more than the answer (rule D01)
	if err != nil {
		return Whom{}, err
	}
	paused, err := r.paused(ctx, id, c)
	switch {
	case err != nil:
		return Whom{}, err
	case id == "" || !since.IsZero():
	case paused:
		return Whom{}, refusal.AccessDenied("The person has paused this agent: it asks again once they let it go on.")
	default:
		return Whom{id, id}, nil
	}
	h := hmac.New(sha256.New, r.o.Key)
	h.Write([]byte(key))
	return Whom{key: "nobody " + base64.RawURLEncoding.EncodeToString(h.Sum(nil))}, nil
}

// paused reports whether the person has paused what they agreed with the app.
func (r *Requests) paused(ctx context.Context, userID string, c *clients.Client) (bool, error) {
	agreed, err := r.o.Refusing.ConsentOf(ctx, userID, c.ClientID)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return false, fmt.Errorf("find what a person agreed to: %w", err)
	}
	return err == nil && !agreed.PausedAt.IsZero(), nil
}

// From is where a request came from.
type From struct{ Network, Agent string }

// kept is what a row keeps beside its columns.
type kept struct {
	Request flow.Request `json:"request"`
	Message string       `json:"message,omitempty"`
	Ping    string       `json:"ping,omitempty"` // the item that tells the app
	Push    bool         `json:"push,omitempty"` // … what came of it, and not only that something did
}

// Answer is the answer to an app (CIBA Core section 7.3).
type Answer struct {
	ID      string // auth_req_id
	Expires time.Duration
}

// Begin keeps a request; the one that the app had for the person before is over by it. Errors are *refusal.Refusal or the storage's.
func (r *Requests) Begin(ctx context.Context, c *clients.Client, b request.Backchannel, whom Whom, from From) (Answer, error) {
	now, secret := time.Now(), rand.Text()+rand.Text()
	life := Life
	if b.Expiry > 0 {
		life = max(shortest, min(b.Expiry, longest))
	}
	k := kept{Request: b.Request, Message: b.Message}
	kind, after := PingKind, afterwards
	if k.Push = c.Pushes(); k.Push {
		kind, after = PushKind, keep
	}
	if c.Pings() || k.Push {
		k.Ping = rand.Text()
	}
	data, err := json.Marshal(k)
	if err != nil {
		return Answer{}, fmt.Errorf("keep what an app asks: %w", err)
	}
	if len(data) > maxBytes {
		return Answer{}, refusal.InvalidRequest("The request is too large.")
	}
	w := storage.Waiting{
		IDHash: ledger.HashCode(secret), Kind: ledger.KindCIBA, ClientID: c.ClientID, Owner: whom.key, Request: data, Interval: Interval,
		Network: from.Network, Agent: strings.ToValidUTF8(from.Agent[:min(len(from.Agent), maxAgent)], ""), CreatedAt: now,
		ExpiresAt: now.Add(life),
	}
	err = r.o.Store.Tx(ctx, func(ctx context.Context) error {
		if b.JTI != "" { // it is spent with what comes of it
			if err := r.o.Store.SpendOnce(ctx, "backchannel request", c.ClientID, ledger.HashCode(b.JTI), b.Until); err != nil {
				return err
			}
		}
		if err := r.o.Store.InsertAsked(ctx, w, perPerson); err != nil {
			return err
		}
		if k.Ping != "" {
			err := r.o.Outbox.Put(ctx, outbox.Item{ID: k.Ping, Kind: kind, Target: c.BackchannelNotification, ClientID: c.ClientID,
				Due: w.ExpiresAt, Facts: ping{secret, b.Notification, w.ExpiresAt.Add(after)}, Keep: life + after + shown})
			if err != nil {
				return err
			}
		}
		return r.o.People.Tell(ctx, whom.userID, c, b.Message, w.ExpiresAt)
	})
	switch {
	case errors.Is(err, storage.ErrConflict):
		return Answer{}, refusal.InvalidRequest("The signed request was used before.")
	case errors.Is(err, storage.ErrTooMany):
		return Answer{}, refusal.TooMany("Too many apps wait for this person.", time.Minute)
	case err != nil:
		return Answer{}, fmt.Errorf("keep what an app asks: %w", err)
	}
	r.o.Count("asked")
	return Answer{secret, life}, nil
}

// Waiting is a request that waits for its person.
type Waiting struct {
	ID             string // by which a page names it; nothing is fetched by it
	Request        flow.Request
	Message        string
	Network, Agent string
	AskedAt, Until time.Time

	ping string
}

// Of are those that wait for a person.
func (r *Requests) Of(ctx context.Context, userID string) ([]Waiting, error) {
	now := time.Now()
	rows, err := r.o.Store.WaitingOf(ctx, ledger.KindCIBA, userID, now)
	if err != nil {
		return nil, fmt.Errorf("find what waits for a person: %w", err)
	}
	list := make([]Waiting, 0, len(rows))
	for _, row := range rows {
		var k kept
		if err := json.Unmarshal(row.Request, &k); err != nil {
			return nil, fmt.Errorf("read what an app asks: %w", err)
		}
		w := Waiting{ID: row.IDHash, Request: k.Request, Message: k.Message, Network: row.Network, Agent: row.Agent, AskedAt: row.CreatedAt,
			Until: row.ExpiresAt, ping: k.Ping}
		after := afterwards
		if k.Push {
			after = keep
		}
		if late := now.Add(after); w.Until.Before(late) {
			w.Until = late
		}
		list = append(list, w)
	}
	return list, nil
}

// Find is one of Of. ErrGone.
func (r *Requests) Find(ctx context.Context, userID, id string) (Waiting, error) {
	list, err := r.Of(ctx, userID)
	if err != nil {
		return Waiting{}, err
	}
	for _, w := range list {
		if w.ID == id {
			return w, nil
		}
	}
	return Waiting{}, ErrGone
}

// Decide notes what the person decided, in the transaction of ctx, once, and has the app told. ErrGone.
func (r *Requests) Decide(ctx context.Context, w Waiting, userID string, approved bool) error {
	err := r.o.Store.DecideWaiting(ctx, w.ID, userID, approved, w.Until, time.Now())
	if errors.Is(err, storage.ErrStale) {
		return ErrGone
	} else if err != nil {
		return fmt.Errorf("decide about what an app asks: %w", err)
	}
	if w.ping != "" {
		if err := r.o.Outbox.Hasten(ctx, w.ping); err != nil {
			return err
		}
	}
	if approved {
		r.o.Count("approved")
	} else {
		r.o.Count("denied")
	}
	return nil
}
