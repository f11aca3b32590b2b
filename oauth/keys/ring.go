package keys

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"signet/internal/seal"
	"signet/storage"
)

// The algorithms of signing keys, and the name of the refresh epochs in the same table. Every ring has ES256 and RS256; see OnNeed for the
// others, and for the keys that others encrypt to.
const (
	ES256   = "ES256"
	RS256   = "RS256"
	PS256   = "PS256"
	ES384   = "ES384"
	ES512   = "ES512"
	EdDSA   = "EdDSA"
	Refresh = "refresh"

	ForRSA    = "RSA-OAEP-256" // an RSA key to encrypt to
	ForCurves = "ECDH-ES"      // one on P-256
)

// The kinds of token, as the typ header says (RFC 8725 section 3.11). A verifier demands exactly its own.
const (
	TypAccess  = "at+jwt" // RFC 9068 section 2.1
	TypID      = "JWT"
	TypRefresh = "rt+jwt"
	TypLogout  = "logout+jwt" // OpenID Connect Back-Channel Logout 1.0 section 2.4

	TypIntrospection = "token-introspection+jwt" // RFC 9701 section 5
	TypStatus        = "statuslist+jwt"          // Token Status List section 5.1
	TypIDJAG         = "oauth-id-jag+jwt"        // draft-ietf-oauth-identity-assertion-authz-grant section 3
)

// Errors of the ring; the first four say why a token was not accepted.
var (
	ErrMalformed  = errors.New("not a token of ours")
	ErrUnknownKey = errors.New("unknown key")
	ErrType       = errors.New("another type of token")
	ErrSignature  = errors.New("wrong signature")
	ErrNoKey      = errors.New("no key signs with this algorithm")
	ErrInUse      = errors.New("the key is signing: rotate first")
	ErrBusy       = errors.New("somebody else is changing the keys: try again in a minute")
)

// Store keeps the ring's rows; *storage.DB does.
type Store interface {
	Keys(ctx context.Context) ([]storage.Key, error)
	InsertKey(ctx context.Context, k storage.Key) error
	UpdateKey(ctx context.Context, oldState string, k storage.Key) error
	DeleteKey(ctx context.Context, kid string) error
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// Locks holds off other processes while the ring changes; *storage.DB does.
type Locks interface {
	Lock(ctx context.Context, name, holder string, now, until time.Time) (bool, error)
	Unlock(ctx context.Context, name, holder string) error
}

// Options of Open. Store, Locks and Master are required.
type Options struct {
	Store  Store
	Locks  Locks
	Master *seal.Master
	// AsFound opens the ring as it is, complete or not, and makes no key.
	AsFound bool
	// Algs are the algorithms to keep a signing key for, in JWKS order; default ES256, RS256.
	Algs []string
	// OnNeed are further ones that are offered: Need makes their keys. Use OnNeed.
	OnNeed []string
	// Needed are further ones, of OnNeed, that a ring begins with if it has no key at all. A ring that is older gets them by Need.
	Needed []string
	// Alone tells that there are no replicas: what Need makes signs at once.
	Alone bool
	// Schedule is the age at which a signing key is replaced; 0 = only by command.
	Schedule time.Duration
	// CacheTime is how long others may keep the JWKS (its max-age), default 15 s. A key is published at least a minute, and
	// at least four times as long as this, before it signs.
	CacheTime time.Duration
	// Longest is the longest life of an access or ID token; a replaced key stays in the JWKS that long. Default 1 h.
	Longest time.Duration
	// Hints is how long a retired key still proves an id_token_hint: the longest life of a session. Default 30 days.
	Hints time.Duration
	// Note is called in the transaction of each change, for the audit log: event is "key.made", "key.activated" or
	// "key.retired"; and with "key.damaged" for a row that does not open. It may run twice when the transaction is tried again.
	Note func(ctx context.Context, event, kid, alg string) error
	// Log gets one line for each change. Nil discards.
	Log *slog.Logger
	// RSABits is the size of RSA keys, default 2048.
	RSABits int
}

// Ring signs and verifies. It is safe for concurrent use; signing and verifying take no lock.
type Ring struct {
	o      Options
	rules  rules
	holder string // our name in the lock
	seen   atomic.Pointer[snapshot]
	watch  atomic.Pointer[func(typ string)] // see Watch

	reading  sync.Mutex // one re-read at a time, so that an older reading never replaces a newer one
	changing sync.Mutex // one change at a time in this process; the lock row holds off the others
	damaged  sync.Map   // kids of rows that were reported
}

// Open reads the ring and, unless it is to be as found, makes its first keys, under a lock that replicas starting at the same time respect.
// A master key that does not open the ring is an error that wraps seal.ErrWrongKey.
func Open(ctx context.Context, o Options) (*Ring, error) {
	if o.Store == nil || o.Locks == nil || o.Master == nil {
		return nil, errors.New("keys: Store, Locks and Master are required")
	}
	if len(o.Algs) == 0 {
		o.Algs = []string{ES256, RS256}
	}
	for _, a := range slices.Concat(o.Algs, o.Needed) {
		if algorithms[a] == nil {
			return nil, fmt.Errorf("keys: algorithm %q is not supported", a)
		}
	}
	o.CacheTime = cmp.Or(o.CacheTime, 15*time.Second)
	o.Longest = cmp.Or(o.Longest, time.Hour)
	o.Hints = cmp.Or(o.Hints, 30*24*time.Hour)
	o.RSABits = max(o.RSABits, 2048)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Ring{o: o, holder: rand.Text()}
	publish := max(time.Minute, 4*o.CacheTime)
	r.rules = rules{
		algs: o.Algs, schedule: o.Schedule, publish: publish, lead: max(publish, min(24*time.Hour, o.Schedule/4)),
		longest: o.Longest + time.Minute, hints: o.Hints,
	}
	if err := r.start(ctx); err != nil {
		return nil, fmt.Errorf("open the key ring: %w", err)
	}
	return r, nil
}

// start waits until the ring is complete, making what is missing if nobody else does.
func (r *Ring) start(ctx context.Context) error {
	for {
		rows, err := r.o.Store.Keys(ctx)
		if err != nil {
			return err
		}
		if r.o.AsFound || complete(rows, r.o.Algs) {
			r.rules.algs = r.o.Algs
			return r.Refresh(ctx)
		}
		if len(rows) == 0 { // nobody has keys of ours yet
			r.rules.algs = slices.Concat(r.o.Algs, r.o.Needed)
		}
		err = r.change(ctx, func(ctx context.Context) error { return r.settle(ctx, time.Now()) })
		if err != nil && !errors.Is(err, ErrBusy) {
			return err
		}
	}
}

// Refresh reads the ring again; called when its version moved. After an error the ring goes on with what it had.
func (r *Ring) Refresh(ctx context.Context) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	rows, err := r.o.Store.Keys(ctx)
	if err != nil {
		return err
	}
	old := r.seen.Load()
	if old != nil && old.print == fingerprint(rows) {
		return nil
	}
	s, err := newSnapshot(rows, r.o, old)
	if err != nil {
		return err
	}
	r.seen.Store(s)
	return r.reportDamaged(ctx, s.damaged)
}

// reportDamaged logs and notes each damaged row once in the life of this ring.
func (r *Ring) reportDamaged(ctx context.Context, rows []storage.Key) error {
	for _, row := range rows {
		if _, told := r.damaged.LoadOrStore(row.KID, true); told {
			continue
		}
		r.o.Log.LogAttrs(ctx, slog.LevelError, "key damaged", slog.String("kid", row.KID), slog.String("alg", row.Alg))
		if r.o.Note == nil {
			continue
		}
		if err := r.o.Note(ctx, "key.damaged", row.KID, row.Alg); err != nil {
			return err
		}
	}
	return nil
}

// JWKS is the prepared key set (RFC 7517 section 5) and its entity tag.
func (r *Ring) JWKS() (body []byte, etag string) {
	s := r.seen.Load()
	return s.jwks, s.etag
}

// CacheTime is how long others may keep the JWKS.
func (r *Ring) CacheTime() time.Duration { return r.o.CacheTime }

// Algs are the algorithms the ring can sign with, now or once somebody needs them.
func (r *Ring) Algs() []string { return r.seen.Load().algs }

// Version changes whenever the ring does: what was verified under another version must be verified again.
func (r *Ring) Version() uint64 { return r.seen.Load().version }
