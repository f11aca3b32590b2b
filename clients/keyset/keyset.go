// Package keyset gives the public keys of a client: those it registered, or those that are at its jwks_uri (OpenID Connect Core section
// 10.1.1), fetched when they are needed, kept for a while, and fetched anew when none of them fits.
//
// Nothing is written to the database: each replica asks for itself. Begin with Cache.Keys.
package keyset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"signet/clients"
	"signet/internal/egress"
	"signet/internal/exact"
)

// How long a set is good. What the answer says counts between the first and the last of them.
const (
	shortest = 30 * time.Second // … and at least this long apart are fetches, whatever is asked for
	usual    = 10 * time.Minute
	longest  = time.Hour // … so long at most a set is used that cannot be fetched anew
)

const (
	maxKeys    = 50
	remembered = 4096 // sets
	fetchTime  = 5 * time.Second
)

// ErrNoKeys: the client has none, or they cannot be had. The text says why, for the log.
var ErrNoKeys = errors.New("the client's keys cannot be had")

// Fetcher is the one way out; *egress.Client.
type Fetcher interface {
	Fetch(ctx context.Context, q egress.Request) (egress.Response, error)
}

// Cache knows the sets that were fetched. It is safe for concurrent use.
type Cache struct {
	out    Fetcher
	known  *lru.Cache[string, set] // by client and address
	places *lru.Cache[string, place]
	flight singleflight.Group
}

// set is what was last fetched.
type set struct {
	keys    []jose.JSONWebKey
	fetched time.Time // when that came
	tried   time.Time // when it was last asked for
	goodFor time.Duration
}

// New makes an empty cache.
func New(out Fetcher) (*Cache, error) {
	if out == nil {
		return nil, errors.New("keyset needs a way out")
	}
	known, err := lru.New[string, set](remembered)
	if err != nil {
		return nil, err
	}
	places, err := lru.New[string, place](remembered)
	return &Cache{out: out, known: known, places: places}, err
}

// Keys of a client. Where they are at an address and none of those known fits, they are fetched anew, unless that was done within 30
// seconds. Errors wrap ErrNoKeys.
func (k *Cache) Keys(ctx context.Context, c *clients.Client, fits func(jose.JSONWebKey) bool) ([]jose.JSONWebKey, error) {
	if c.JWKSURI == "" {
		if c.JWKS == nil {
			return nil, fmt.Errorf("%w: it registered none", ErrNoKeys)
		}
		return c.JWKS.Keys, nil
	}
	id := c.ClientID + " " + c.JWKSURI
	s, now := k.of(id), time.Now()
	stale := now.Sub(s.fetched) >= s.goodFor
	if !stale && slices.ContainsFunc(s.keys, fits) || now.Sub(s.tried) < shortest {
		return usable(s, now)
	}
	_, err, _ := k.flight.Do(id, func() (any, error) {
		if s := k.of(id); s.tried.After(now) { // somebody else has just done it
			return nil, nil
		}
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), fetchTime) // others may be waiting for it
		defer done()
		return nil, k.fetch(ctx, id, c.JWKSURI)
	})
	got, none := usable(k.of(id), now)
	if none != nil && err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	return got, none
}

func (k *Cache) of(id string) set {
	s, _ := k.known.Get(id)
	return s
}

func usable(s set, now time.Time) ([]jose.JSONWebKey, error) {
	if s.fetched.IsZero() || now.Sub(s.fetched) >= longest+s.goodFor {
		return nil, fmt.Errorf("%w: the last try failed", ErrNoKeys)
	}
	return s.keys, nil
}

func (k *Cache) fetch(ctx context.Context, id, address string) error {
	s := k.of(id)
	s.tried = time.Now()
	keys, goodFor, err := k.ask(ctx, address)
	if err == nil {
		s.keys, s.fetched, s.goodFor = keys, s.tried, goodFor
	}
	k.known.Add(id, s)
	return err
}

func (k *Cache) ask(ctx context.Context, address string) ([]jose.JSONWebKey, time.Duration, error) {
	answer, err := k.out.Fetch(ctx,
		egress.Request{URL: address, Header: map[string]string{"Accept": "application/jwk-set+json, application/json"}})
	if err != nil {
		return nil, 0, fmt.Errorf("jwks_uri: %w", err)
	}
	if answer.Status != http.StatusOK {
		return nil, 0, fmt.Errorf("jwks_uri: status %d", answer.Status)
	}
	keys, err := parse(answer.Body)
	if answer.MaxAge == 0 {
		answer.MaxAge = usual
	}
	return keys, min(max(answer.MaxAge, shortest), longest), err
}

// ErrPrivate: a set holds what nobody but its owner may know.
var ErrPrivate = errors.New("it holds a private or symmetric key")

func parse(body []byte) ([]jose.JSONWebKey, error) {
	keys, _, err := Read(body)
	if err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	return keys, nil
}

// Read reads a set. Keys of a kind that is not known are left out, and counted, as the set may have some for others; a private or a
// symmetric one spoils all of it, for it is known to everybody now: ErrPrivate.
func Read(body []byte) (keys []jose.JSONWebKey, out int, err error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := exact.Unmarshal(body, &raw); err != nil {
		return nil, 0, fmt.Errorf("not a set of keys: %w", err)
	}
	if len(raw.Keys) > maxKeys {
		return nil, 0, fmt.Errorf("%d keys, more than %d", len(raw.Keys), maxKeys)
	}
	for _, one := range raw.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(one, &key) != nil {
			continue
		}
		if !key.IsPublic() {
			return nil, 0, ErrPrivate
		}
		if key.Valid() && clients.GoodSize(key) {
			keys = append(keys, key)
		}
	}
	return keys, len(raw.Keys) - len(keys), nil
}
