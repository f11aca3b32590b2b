package clients

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"signet/storage"
)

// Errors of the registry.
var (
	ErrUnknown  = errors.New("unknown client")
	ErrDeclared = errors.New("declared in the configuration: change it there")
	ErrTaken    = errors.New("this client id is taken")
)

// Store is what the registry asks of the database.
type Store interface {
	InsertClient(ctx context.Context, c storage.Client) error
	UpdateClient(ctx context.Context, c storage.Client) error
	DeleteClient(ctx context.Context, id string, now time.Time) error
	ClientByID(ctx context.Context, id string) (storage.Client, []storage.ClientSecret, error)
	Clients(ctx context.Context, after string, limit int) ([]storage.Client, error)
	InsertClientSecret(ctx context.Context, s storage.ClientSecret, keepUntil time.Time) error
	TouchClientSecret(ctx context.Context, id string, now time.Time) error
	PutResource(ctx context.Context, r storage.Resource) error
	DeleteResource(ctx context.Context, identifier string) error
	Resources(ctx context.Context) ([]storage.Resource, error)
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// Options of New.
type Options struct {
	Store      Store
	Declared   []Metadata
	Resources  []Resource // declared ones
	Issuer     string
	SecretKeys [][]byte // derived from the master keys; the first makes MACs, all check
	Log        *slog.Logger
}

// Registry knows the clients and resources. What it hands out is immutable and may be up to a second old: Refresh drops the
// cache when another replica has written.
type Registry struct {
	o         Options
	declared  map[string]*Client
	cache     *lru.Cache[string, *Client] // nil value = known not to exist
	flight    singleflight.Group
	resources atomic.Pointer[Resources]
	origins   atomic.Pointer[map[string]bool]
	versions  atomic.Pointer[storage.Versions]
	epoch     atomic.Int64   // raised by each drop, so that a read under way is not cached
	notes     sync.WaitGroup // uses of secrets being written down
	touched   sync.Map       // secret id → time of the last note
	dummy     []byte
}

const cached = 4096

// New checks what is declared, every mistake at once.
func New(ctx context.Context, o Options) (*Registry, error) {
	cache, err := lru.New[string, *Client](cached)
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Registry{o: o, declared: map[string]*Client{}, cache: cache, dummy: make([]byte, sha256.Size)}
	var errs []error
	for i, m := range o.Declared {
		m = m.WithDefaults()
		if err := m.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("clients[%d] (%s): %w", i, m.ClientID, err))
			continue
		}
		if r.declared[m.ClientID] != nil {
			errs = append(errs, fmt.Errorf("clients[%d]: client_id %q is declared twice", i, m.ClientID))
		}
		if m.ClientSecret == "" && (m.TokenEndpointAuthMethod == MethodBasic || m.TokenEndpointAuthMethod == MethodPost) {
			errs = append(errs, fmt.Errorf("clients[%d] (%s): client_secret: missing; set it, or token_endpoint_auth_method: none", i, m.ClientID))
		}
		c := newClient(m)
		c.Declared = true
		r.declared[m.ClientID] = c
	}
	for i, res := range o.Resources {
		if err := res.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("resources[%d]: %w", i, err))
		}
		if res.Identifier == o.Issuer || r.declared[res.Identifier] != nil {
			errs = append(errs, fmt.Errorf("resources[%d]: %q is already the issuer or a client", i, res.Identifier))
		}
	}
	if r.declared[o.Issuer] != nil {
		errs = append(errs, fmt.Errorf("clients: %q is the issuer", o.Issuer))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, r.load(ctx)
}

// Warnings about what is declared, for the start's log and config check.
func (r *Registry) Warnings() []string {
	var w []string
	for id, c := range r.declared {
		if n := len(c.ClientSecret); n > 0 && n < 32 {
			w = append(w, fmt.Sprintf("client %s: client_secret has %d characters; use at least 32 random ones", id, n))
		}
	}
	slices.Sort(w)
	return w
}

// load reads resources and the origins of all clients.
func (r *Registry) load(ctx context.Context) error {
	stored, err := r.o.Store.Resources(ctx)
	if err != nil {
		return fmt.Errorf("read resources: %w", err)
	}
	all := slices.Clone(r.o.Resources)
	for i := range all {
		all[i].Declared = true
	}
	for _, s := range stored {
		if !slices.ContainsFunc(all, func(d Resource) bool { return d.Identifier == s.Identifier }) {
			all = append(all, Resource{Identifier: s.Identifier, Name: s.Name, Scopes: s.Scopes, IntrospectedBy: s.IntrospectedBy})
		}
	}
	r.resources.Store(newResources(all))
	origins := map[string]bool{}
	list, err := r.List(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Enabled() {
			for _, o := range c.Origins() {
				origins[o] = true
			}
		}
	}
	r.origins.Store(&origins)
	return nil
}

// Refresh drops what is cached if the versions moved; the wiring calls it each second.
func (r *Registry) Refresh(ctx context.Context, v storage.Versions) error {
	before := r.versions.Load()
	if before != nil && before.Clients == v.Clients && before.Resources == v.Resources {
		return nil
	}
	if err := r.drop(ctx); err != nil {
		return err
	}
	r.versions.Store(&v)
	return nil
}

func (r *Registry) drop(ctx context.Context) error {
	r.epoch.Add(1)
	r.cache.Purge()
	return r.load(ctx)
}

// Client finds one, disabled ones included; ErrUnknown. Storage errors pass through.
func (r *Registry) Client(ctx context.Context, id string) (*Client, error) {
	if c := r.declared[id]; c != nil {
		return c, nil
	}
	if c, ok := r.cache.Get(id); ok {
		if c == nil {
			return nil, ErrUnknown
		}
		return c, nil
	}
	if !validID(id) {
		return nil, ErrUnknown
	}
	got, err, _ := r.flight.Do(id, func() (any, error) {
		epoch := r.epoch.Load()
		c, err := r.read(context.WithoutCancel(ctx), id)
		if (err == nil || errors.Is(err, ErrUnknown)) && r.epoch.Load() == epoch {
			r.cache.Add(id, c)
		}
		return c, err
	})
	if err != nil {
		return nil, err
	}
	return got.(*Client), nil
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
		c.secrets = append(c.secrets, secret{id: s.ID, mac: mac, expiresAt: s.ExpiresAt, usedAt: s.LastUsedAt, createdAt: s.CreatedAt})
	}
	return c, nil
}

// Resources at this moment.
func (r *Registry) Resources() *Resources { return r.resources.Load() }

// OriginAllowed tells whether a browser app of that origin is registered (an enabled client's redirect URI has it).
func (r *Registry) OriginAllowed(_ context.Context, origin string) bool {
	return (*r.origins.Load())[origin]
}

// CheckSecret compares in constant time; for a nil client it does the same work and says no.
func (r *Registry) CheckSecret(ctx context.Context, c *Client, presented string) bool {
	if c != nil && c.Declared {
		a, b := sha256.Sum256([]byte(c.ClientSecret)), sha256.Sum256([]byte(presented))
		return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && c.ClientSecret != ""
	}
	now, ok, used := time.Now(), false, secret{}
	for _, key := range r.o.SecretKeys {
		mac := mac(key, presented)
		if c == nil {
			subtle.ConstantTimeCompare(mac, r.dummy)
			continue
		}
		for _, s := range c.secrets {
			if (s.expiresAt.IsZero() || now.Before(s.expiresAt)) && hmac.Equal(mac, s.mac) {
				ok, used = true, s
			}
		}
	}
	if ok {
		r.noteUse(ctx, used, now)
	}
	return ok
}

// Close waits for what is still being written. Call it when no request comes any more, before the database is closed.
func (r *Registry) Close() { r.notes.Wait() }

// noteUse writes last_used_at at most once an hour, off the request path.
func (r *Registry) noteUse(ctx context.Context, s secret, now time.Time) {
	last, _ := r.touched.Load(s.id)
	if t, ok := last.(time.Time); ok && now.Sub(t) < time.Hour || now.Sub(s.usedAt) < time.Hour {
		return
	}
	if _, raced := r.touched.Swap(s.id, now); raced && last == nil {
		return
	}
	r.notes.Go(func() {
		if err := r.o.Store.TouchClientSecret(context.WithoutCancel(ctx), s.id, now); err != nil {
			r.o.Log.Warn("note the use of a client secret", "error", err)
		}
	})
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// newSecret is 256 bits, prefixed so that scanners know it.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return "sgn_" + base64.RawURLEncoding.EncodeToString(b)
}
