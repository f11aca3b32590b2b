package clients

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"signet/storage"
)

// Errors of the registry.
var (
	ErrUnknown  = errors.New("unknown client")
	ErrDeclared = errors.New("declared in the configuration: change it there")
	ErrTaken    = errors.New("this client id is taken")
	ErrPerson   = errors.New("this client id is a person's sub: choose another")
	errDocument = errors.New("is made of its metadata document: change it there, or disable it")
	ErrChanged  = errors.New("changed by somebody else meanwhile: read it again")
)

// Store is the part of *storage.DB that every request needs.
type Store interface {
	ClientByID(ctx context.Context, id string) (storage.Client, []storage.ClientSecret, error)
	Clients(ctx context.Context, after string, limit int) ([]storage.Client, error)
	Resources(ctx context.Context) ([]storage.Resource, error)
	TouchClientSecret(ctx context.Context, s storage.ClientSecret, oldMAC string) error
}

// ClientWriter is the part of *storage.DB that writes clients.
type ClientWriter interface {
	InsertClient(ctx context.Context, c storage.Client) error
	UpdateClient(ctx context.Context, id string, old, metadata json.RawMessage, now time.Time) error
	SetClientDisabled(ctx context.Context, id string, at, now time.Time) error
	DeleteClient(ctx context.Context, id string, now time.Time) error
}

// secretWriter is the part of it that writes their secrets.
type secretWriter interface {
	InsertClientSecret(ctx context.Context, s storage.ClientSecret, keepUntil time.Time) error
	RemoveClientSecret(ctx context.Context, clientID, id string, now time.Time) error
}

// ResourceWriter is the part of *storage.DB that writes resources, and what is written together.
type ResourceWriter interface {
	InsertResource(ctx context.Context, r storage.Resource) error
	UpdateResource(ctx context.Context, old, r storage.Resource) error
	DeleteResource(ctx context.Context, identifier string) error
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// changes is the part of *storage.DB that says what was written.
type changes interface {
	Versions(ctx context.Context) (storage.Versions, error)
	ClientChanges(ctx context.Context, after int64, limit int, each func(version int64, c storage.Client, deleted bool) error) error
}

// Options of New.
type Options struct {
	Store      Store
	Clients    ClientWriter   // nil: Store, if it writes
	Secrets    secretWriter   // as above
	APIs       ResourceWriter // as above
	Changes    changes        // nil: Store, if it has them; without them every change reads all clients
	Declared   []Metadata
	Resources  []Resource // declared ones
	Issuer     string
	SecretKeys [][]byte // derived from the master keys; the first makes MACs, all check
	MasterKeys []string // ids of the master keys, in the same order; may be left out in tests
	// Sealer keeps the secrets of clients that sign with them (client_secret_jwt); nil: there are no such clients but declared ones.
	Sealer sealer
	// PrivateSchemes are private-use schemes without a dot that redirect URIs of native clients may have; Origins are browser origins
	// that no redirect URI has and that may read answers all the same, those of web views.
	PrivateSchemes, Origins []string
	// Push: clients can be sent their tokens (CIBA Core section 10.3); else it is refused to register it.
	Push bool
	// Documents reports whether a client may be known by its metadata document, whose address its id is; nil = none is.
	Documents func(id string) bool
	Log       *slog.Logger
}

// Registry knows the clients and resources. What it hands out is immutable and may be up to a second old: Refresh drops the
// cache when another replica has written.
type Registry struct {
	o         Options
	declared  map[string]*Client
	view      atomic.Pointer[view]
	resources atomic.Pointer[Resources]
	renewal   renewal
	index     atomic.Pointer[index]
	versions  atomic.Pointer[storage.Versions]
	own       written
	notes     sync.WaitGroup // uses of secrets being written down
	touched   sync.Map       // secret id → time of the last note
}

// view is what was read since the last reload, which makes a new one, so that a read that was under way lands in the old one, where
// nobody looks. A change of one client is told to forget, so that a read of it that was under way is not kept.
type view struct {
	mu      sync.Mutex
	changes [256]uint64 // of the clients whose ids fall into each
	known   *lru.Cache[string, *Client]
	unknown *lru.Cache[string, struct{}] // of its own, so that made-up ids push out no client
	flight  singleflight.Group
}

const (
	maxKnown   = 4096
	maxUnknown = 1024
	readTime   = 5 * time.Second // for one read that many callers may wait for
)

func newView() *view {
	known, err1 := lru.New[string, *Client](maxKnown)
	unknown, err2 := lru.New[string, struct{}](maxUnknown)
	if err := errors.Join(err1, err2); err != nil {
		panic(err) // a size that is not positive
	}
	return &view{known: known, unknown: unknown}
}

// New checks what is declared, every mistake at once, and reads what is stored.
func New(ctx context.Context, o Options) (*Registry, error) {
	if o.Store == nil || o.Issuer == "" || len(o.SecretKeys) == 0 {
		return nil, errors.New("clients: a store, the issuer and a key for secrets are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clients == nil {
		o.Clients, _ = o.Store.(ClientWriter)
	}
	if o.Secrets == nil {
		o.Secrets, _ = o.Store.(secretWriter)
	}
	if o.APIs == nil {
		o.APIs, _ = o.Store.(ResourceWriter)
	}
	if o.Changes == nil {
		o.Changes, _ = o.Store.(changes)
	}
	r := &Registry{o: o, declared: map[string]*Client{}}
	if err := errors.Join(append(r.declare(), r.checkResources()...)...); err != nil {
		return nil, err
	}
	if r.o.Changes == nil {
		return r, r.reload(ctx, nil)
	}
	v, err := r.o.Changes.Versions(ctx) // before the clients: what is written in between is read twice
	if err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	return r, r.reload(ctx, &v)
}

// declare takes over the declared clients.
func (r *Registry) declare() (errs []error) {
	bad := func(i int, id string, err error) {
		errs = append(errs, fmt.Errorf("clients[%d] (%s): %w", i, id, err))
	}
	for i, m := range r.o.Declared {
		m = m.WithDefaults()
		if err := r.valid(m); err != nil {
			bad(i, m.ClientID, err)
			continue
		}
		if r.declared[m.ClientID] != nil {
			bad(i, m.ClientID, errors.New("client_id: is declared twice"))
		}
		if sameIdentifier(m.ClientID, r.o.Issuer) {
			bad(i, m.ClientID, errors.New("client_id: is the issuer's"))
		}
		if m.ClientSecret == "" && m.HasSecret() {
			bad(i, m.ClientID, errors.New("client_secret: missing; set it, or token_endpoint_auth_method: none"))
		}
		var secrets []secret
		short := utf8.RuneCountInString(m.ClientSecret) < shortSecret
		if m.ClientSecret != "" {
			secrets = []secret{{mac: mac(r.o.SecretKeys[0], m.ClientSecret)}}
			if m.signsWithSecret() {
				secrets[0].plain = []byte(m.ClientSecret)
			}
		}
		m.ClientSecret = "" // from here on nobody can show it
		c := newClient(m)
		c.Declared, c.secrets, c.guessable = true, secrets, short
		r.declared[m.ClientID] = c
	}
	return errs
}

// checkResources checks the declared resources. No identifier may be the issuer's, a client's or another's (K05: the aud of one
// token must never fit a second verifier).
func (r *Registry) checkResources() (errs []error) {
	for i, res := range r.o.Resources {
		bad := func(err error) { errs = append(errs, fmt.Errorf("resources[%d] (%s): %w", i, res.Identifier, err)) }
		if err := res.Validate(); err != nil {
			bad(err)
		}
		if sameIdentifier(res.Identifier, r.o.Issuer) || r.declared[res.Identifier] != nil {
			bad(errors.New("identifier: is the issuer's or a client's"))
		}
		if slices.ContainsFunc(r.o.Resources[:i], func(o Resource) bool { return sameIdentifier(o.Identifier, res.Identifier) }) {
			bad(errors.New("identifier: is declared twice"))
		}
	}
	return errs
}

// loadResources reads the resources.
func (r *Registry) loadResources(ctx context.Context) error {
	resources, err := r.readResources(ctx)
	if err != nil {
		return err
	}
	r.resources.Store(resources)
	return nil
}

// Client finds one, disabled ones included; ErrUnknown. Storage errors pass through.
func (r *Registry) Client(ctx context.Context, id string) (*Client, error) {
	if c := r.declared[id]; c != nil {
		return c, nil
	}
	v := r.view.Load()
	if c, ok := v.known.Get(id); ok {
		return r.current(v, c), nil
	}
	if _, ok := v.unknown.Get(id); ok || !validID(id) && !(Metadata{ClientID: id}).ByAddress() {
		return nil, ErrUnknown
	}
	got, err, _ := v.flight.Do(id, func() (any, error) {
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), readTime) // others may be waiting for it
		defer done()
		before := v.changed(id)
		c, err := r.read(ctx, id)
		v.keep(id, before, c, err)
		return c, err
	})
	if err != nil {
		return nil, err
	}
	return r.current(v, got.(*Client)), nil
}

// Remembers reports whether the client is declared, or was read a while ago and is kept in memory: it never asks the database.
func (r *Registry) Remembers(id string) bool {
	return r.declared[id] != nil || r.view.Load().known.Contains(id)
}

func (r *Registry) read(ctx context.Context, id string) (*Client, error) {
	row, secrets, err := r.o.Store.ClientByID(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, fmt.Errorf("read client %q: %w", id, err)
	}
	return fromRow(row, secrets)
}

func fromRow(row storage.Client, secrets []storage.ClientSecret) (*Client, error) {
	var m Metadata
	if err := json.Unmarshal(row.Metadata, &m); err != nil {
		return nil, fmt.Errorf("metadata of client %q: %w", row.ID, err)
	}
	m.ClientID = row.ID
	c := newClient(m)
	c.DisabledAt, c.CreatedAt = row.DisabledAt, row.CreatedAt
	for _, s := range secrets {
		mac, err := base64.RawURLEncoding.DecodeString(s.MAC)
		if err != nil {
			return nil, fmt.Errorf("secret of client %q: %w", row.ID, err)
		}
		c.secrets = append(c.secrets, secret{id: s.ID, mac: mac, expiresAt: s.ExpiresAt, usedAt: s.LastUsedAt, masterKey: s.MasterKey,
			sealed: s.Sealed})
	}
	return c, nil
}

// Resources at this moment.
func (r *Registry) Resources() *Resources { return r.resources.Load() }

// OriginAllowed reports whether a browser app of that origin is registered (an enabled client's redirect URI has it), or the operator lists
// it.
func (r *Registry) OriginAllowed(_ context.Context, origin string) bool {
	return slices.Contains(r.o.Origins, origin) || r.index.Load().allowed(origin)
}

// nobody's secret is what an unknown client's is compared with.
var nobody = []secret{{mac: make([]byte, sha256.Size)}}

// CheckSecret compares in constant time; for a nil client it does the same work and says no.
func (r *Registry) CheckSecret(_ context.Context, c *Client, presented string) bool {
	secrets := nobody
	if c != nil {
		secrets = c.secrets
	}
	now, used := time.Now(), -1
	for _, key := range r.o.SecretKeys {
		sum := mac(key, presented)
		for i, s := range secrets {
			if hmac.Equal(sum, s.mac) && (s.expiresAt.IsZero() || now.Before(s.expiresAt)) {
				used = i
			}
		}
	}
	if c == nil || used < 0 {
		return false
	}
	if !c.Declared {
		r.noteUse(secrets[used], presented, now)
	}
	return true
}

// Close waits for what is still being written. Call it when no request comes any more, before the database is closed.
func (r *Registry) Close() { r.notes.Wait() }

// noteUse writes last_used_at at most once an hour, off the request path and outside the caller's transaction. A MAC made under an
// older master key is made anew, so that the older one can be taken off the list (rule V09).
func (r *Registry) noteUse(s secret, presented string, now time.Time) {
	stale := len(r.o.MasterKeys) > 0 && s.masterKey != r.o.MasterKeys[0]
	last, noted := r.touched.Load(s.id)
	if t, ok := last.(time.Time); ok && now.Sub(t) < time.Hour || now.Sub(s.usedAt) < time.Hour && (!stale || noted) {
		return
	}
	if _, raced := r.touched.Swap(s.id, now); raced && last == nil {
		return
	}
	row, oldMAC := storage.ClientSecret{ID: s.id, LastUsedAt: now}, ""
	if stale {
		row.MasterKey, row.MAC = r.o.MasterKeys[0], encodeMAC(mac(r.o.SecretKeys[0], presented))
		oldMAC = encodeMAC(s.mac)
	}
	r.notes.Go(func() {
		ctx, done := context.WithTimeout(context.Background(), readTime)
		defer done()
		if err := r.o.Store.TouchClientSecret(ctx, row, oldMAC); err != nil {
			r.o.Log.Warn("note the use of a client secret", "error", err)
		}
	})
}

func encodeMAC(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum) }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// newSecret is 256 bits, prefixed so that scanners know it; of a client that signs with it 384 bits, which are 68 bytes of text, enough for
// each of algs.Secrets (RFC 7518 section 3.2).
func (m Metadata) newSecret() string {
	b := make([]byte, 32)
	if m.signsWithSecret() {
		b = make([]byte, 48)
	}
	rand.Read(b)
	return "sgn_" + base64.RawURLEncoding.EncodeToString(b)
}
