package registration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/sync/singleflight"

	"signet/clients"
	"signet/internal/egress"
	"signet/storage"
)

// Hosts is the mode of documents on listed hosts alone; Off and Open are the others.
const Hosts = "hosts"

// MaxDocument is how many bytes a metadata document may have.
const MaxDocument = 10 << 10

const (
	shortestLife = 30 * time.Second
	usualLife    = 5 * time.Minute
	longestLife  = 24 * time.Hour
	awayLife     = 24 * time.Hour // a document that cannot be read again counts so much longer
	retryAfter   = 5 * time.Second
	documentTime = 6 * time.Second // for one reading that many may wait for
	perDomain    = 200             // clients of one domain
	remembered   = 4096
)

// ErrNoDocument: a client that only its metadata document could make known is not, as there is none that counts. The text says why.
var ErrNoDocument = errors.New("no metadata document")

// ErrAway: the document of a known client has not been there for a day.
var ErrAway = errors.New("the metadata document has been away for a day")

// DocumentStore is what Documents need of *storage.DB.
type DocumentStore interface {
	InsertRegistration(ctx context.Context, r storage.Registration) error
	RegistrationOf(ctx context.Context, clientID string) (storage.Registration, error)
	NoteDocument(ctx context.Context, clientID string, fetched, goodUntil time.Time) error
	DocumentsOf(ctx context.Context, domain string) (n int64, since time.Time, err error)
}

// DocumentOptions are what Documents are made of. All but Hosts, Deny and Bound are required.
type DocumentOptions struct {
	Store    DocumentStore
	Registry *clients.Registry
	// Fetch reads documents of clients that are not known, Again those of known ones: what strangers ask for takes none of their places.
	Fetch, Again Fetcher
	Mode         string   // Off, Hosts or Open
	Hosts, Deny  []string // host names; one that begins with a dot is all below it
	Policy       func() Policy
	Bound        Bound // nil = none
	// Charge counts an address that is not known, before it is fetched: its error says that there were too many.
	Charge func(ctx context.Context, domain string) error
	// Note is told of what was done: "created" and "document_changed", in their transactions.
	Note func(ctx context.Context, done, clientID string) error
	Log  *slog.Logger
}

// Documents makes clients of metadata documents: the client id is the address of the document (OAuth Client ID Metadata Document). It is
// safe for concurrent use.
type Documents struct {
	DocumentOptions
	flight singleflight.Group
	known  *lru.Cache[string, reading]
	failed *lru.Cache[string, failure]
	busy   sync.WaitGroup
}

// reading is when a document was last read, and how long that is good.
type reading struct{ fetched, good, tried time.Time }

// early is when it is read anew though it is good still.
func (r reading) early() time.Time { return r.fetched.Add(r.good.Sub(r.fetched) * 4 / 5) }

type failure struct {
	at  time.Time
	err error
}

// NewDocuments checks the options.
func NewDocuments(o DocumentOptions) (*Documents, error) {
	if o.Store == nil || o.Registry == nil || o.Fetch == nil || o.Again == nil || o.Policy == nil || o.Charge == nil || o.Note == nil ||
		o.Log == nil || o.Mode != Off && o.Mode != Hosts && o.Mode != Open {
		return nil, errors.New("metadata documents need a store, a registry, a way out, a policy, limits, a log and a mode")
	}
	known, err1 := lru.New[string, reading](remembered)
	failed, err2 := lru.New[string, failure](remembered)
	return &Documents{DocumentOptions: o, known: known, failed: failed}, errors.Join(err1, err2)
}

// Close waits for what is being read.
func (d *Documents) Close() { d.busy.Wait() }

// On reports whether any document can make a client known: the mode says so, and a resource is open to such clients.
func (d *Documents) On() bool { return d.Mode != Off && d.Registry.Resources().AnyOpen() }

// MayBe reports whether the operator lets a document count.
func MayBe(mode string, hosts, deny []string, id string) bool {
	u, err := url.Parse(id)
	if mode == Off || err != nil || !(clients.Metadata{ClientID: id}).ByAddress() {
		return false
	}
	listed := func(list []string) bool {
		return slices.ContainsFunc(list, func(one string) bool {
			one = strings.ToLower(one)
			return one == u.Hostname() || strings.HasPrefix(one, ".") && strings.HasSuffix(u.Hostname(), one)
		})
	}
	return !listed(deny) && (mode == Open || listed(hosts))
}

// domainOf is the registrable domain of an address, or its host where that has none.
func domainOf(id string) string {
	u, err := url.Parse(id)
	if err != nil {
		return ""
	}
	if d, err := publicsuffix.EffectiveTLDPlusOne(u.Hostname()); err == nil {
		return d
	}
	return u.Hostname()
}

// Learn reads the document of a client that is not known, and makes it known. Errors wrap ErrNoDocument, or are Charge's or the storage's.
func (d *Documents) Learn(ctx context.Context, id string) error {
	if !d.On() || !MayBe(d.Mode, d.Hosts, d.Deny, id) {
		return ErrNoDocument
	}
	if f, ok := d.failed.Get(id); ok && time.Since(f.at) < retryAfter {
		return f.err
	}
	if err := d.Charge(ctx, domainOf(id)); err != nil {
		return err
	}
	_, err, _ := d.flight.Do(id, func() (any, error) {
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), documentTime) // others may be waiting for it
		defer done()
		err := d.learn(ctx, id)
		if errors.Is(err, ErrNoDocument) {
			d.failed.Add(id, failure{time.Now(), err})
		}
		return nil, err
	})
	return err
}

func (d *Documents) learn(ctx context.Context, id string) error {
	domain := domainOf(id)
	n, _, err := d.Store.DocumentsOf(ctx, domain)
	if err != nil {
		return fmt.Errorf("count the clients of a domain: %w", err)
	}
	if n >= perDomain {
		return fmt.Errorf("%w: %d clients of %s are known already", ErrNoDocument, n, domain)
	}
	m, now, err := d.fetch(ctx, d.Fetch, id)
	if err != nil {
		return err
	}
	if d.Bound != nil {
		if err := d.Bound.Admit(ctx, now.fetched); err != nil {
			return fmt.Errorf("make place for a client: %w", err)
		}
	}
	_, err = d.Registry.CreateAlso(ctx, m, func(ctx context.Context, id string) error {
		row := storage.Registration{ClientID: id, CreatedAt: now.fetched, ExpiresAt: now.fetched.Add(unusedLife), Domain: domain,
			FetchedAt: now.fetched, GoodUntil: now.good, Holder: domain}
		if err := d.Store.InsertRegistration(ctx, row); err != nil {
			return fmt.Errorf("note a metadata document: %w", err)
		}
		return d.Note(ctx, "created", id)
	})
	if errors.Is(err, clients.ErrTaken) { // another replica was quicker, or an operator registered it
		return d.change(ctx, id, m, now)
	}
	if err == nil {
		d.known.Add(id, now)
		if d.Bound != nil {
			d.Bound.Came(domain, middleSize)
		}
	}
	return err
}

// Try reads the document of a client, and writes nothing. Errors wrap ErrNoDocument.
func (d *Documents) Try(ctx context.Context, id string) (clients.Metadata, error) {
	if !MayBe(d.Mode, d.Hosts, d.Deny, id) {
		return clients.Metadata{}, fmt.Errorf("%w: the configuration lets none of this host count", ErrNoDocument)
	}
	m, _, err := d.fetch(ctx, d.Again, id)
	return m, err
}

// fetch reads a document. A redirect, another status than 200 and another type are none (section 4).
func (d *Documents) fetch(ctx context.Context, out Fetcher, id string) (clients.Metadata, reading, error) {
	at := time.Now()
	got, err := out.Fetch(ctx, egress.Request{URL: id, Header: map[string]string{"Accept": "application/json"}})
	if err != nil || got.Status != http.StatusOK {
		d.Log.DebugContext(ctx, "read a metadata document", "status", got.Status, "error", err)
		return clients.Metadata{}, reading{}, fmt.Errorf("%w: it could not be fetched", ErrNoDocument) // no more: whoever asks may be probing
	}
	if got.Type != "application/json" && !strings.HasSuffix(got.Type, "+json") {
		return clients.Metadata{}, reading{}, fmt.Errorf("%w: it is not application/json", ErrNoDocument)
	}
	if len(got.Body) > MaxDocument {
		return clients.Metadata{}, reading{}, fmt.Errorf("%w: it has more than %d bytes", ErrNoDocument, MaxDocument)
	}
	m, err := fromDocument(id, got.Body, d.Policy())
	if err != nil {
		return m, reading{}, fmt.Errorf("%w: %w", ErrNoDocument, err)
	}
	life := usualLife
	if got.MaxAge > 0 {
		life = min(max(got.MaxAge, shortestLife), longestLife)
	}
	return m, reading{fetched: at, good: at.Add(life), tried: at}, nil
}

// Renew reads the document of a known client again where it is time to: before it is out of date, and without that anybody waits, if there
// is time for that. Errors are ErrAway and the storage's.
func (d *Documents) Renew(ctx context.Context, id string) error {
	r, ok := d.known.Get(id)
	if !ok {
		row, err := d.Store.RegistrationOf(ctx, id)
		if errors.Is(err, storage.ErrNotFound) {
			return nil // deleted this moment
		} else if err != nil {
			return fmt.Errorf("read when a metadata document was read: %w", err)
		}
		r = reading{fetched: row.FetchedAt, good: row.GoodUntil}
		d.known.Add(id, r)
	}
	now := time.Now()
	switch {
	case now.Before(r.early()), now.Sub(r.tried) < shortestLife && now.Before(r.good.Add(awayLife)):
		return nil
	case now.Before(r.good):
		d.busy.Go(func() { _ = d.again(context.WithoutCancel(ctx), id) }) // what fails is tried again; it is in the log
		return nil
	}
	if err := d.again(ctx, id); err != nil && now.After(r.good.Add(awayLife)) {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	return nil
}

// again reads a document once more, one at a time.
func (d *Documents) again(ctx context.Context, id string) error {
	_, err, _ := d.flight.Do(id, func() (any, error) {
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), documentTime)
		defer done()
		before, _ := d.known.Get(id)
		before.tried = time.Now()
		d.known.Add(id, before)
		if row, err := d.Store.RegistrationOf(ctx, id); err == nil && row.FetchedAt.After(before.fetched) && before.tried.Before(row.GoodUntil) {
			d.known.Add(id, reading{fetched: row.FetchedAt, good: row.GoodUntil}) // another replica has
			return nil, nil
		}
		m, now, err := d.fetch(ctx, d.Again, id)
		if err == nil {
			err = d.change(ctx, id, m, now)
		}
		if err != nil {
			d.Log.WarnContext(ctx, "read a metadata document again", "client_id", id, "error", err)
		}
		return nil, err
	})
	return err
}

var errSame = errors.New("nothing has changed")

// change writes what a document says now.
func (d *Documents) change(ctx context.Context, id string, m clients.Metadata, now reading) error {
	_, err := d.Registry.ChangeAlso(ctx, id, func(before *clients.Metadata) error {
		if before.DocumentHash == "" {
			return fmt.Errorf("%w: an operator registered a client of this id", ErrNoDocument)
		}
		m.AdminTools = before.AdminTools && before.DocumentHash == m.DocumentHash // else it is not what an administrator looked at
		same, err := alike(*before, m)
		if err == nil && same {
			err = errSame
		}
		*before = m
		return err
	}, func(ctx context.Context, id string) error {
		if err := d.Store.NoteDocument(ctx, id, now.fetched, now.good); err != nil {
			return err
		}
		return d.Note(ctx, "document_changed", id)
	})
	if errors.Is(err, errSame) {
		err = d.Store.NoteDocument(ctx, id, now.fetched, now.good)
	}
	if err == nil {
		d.known.Add(id, now)
	}
	return err
}

func alike(a, b clients.Metadata) (bool, error) {
	one, err1 := a.MarshalStored()
	two, err2 := b.MarshalStored()
	return string(one) == string(two), errors.Join(err1, err2)
}

// FirstOf reports whether no client of the document's domain was known a day ago: people are told that it is new here.
func (d *Documents) FirstOf(ctx context.Context, id string) (bool, error) {
	_, since, err := d.Store.DocumentsOf(ctx, domainOf(id))
	return err == nil && (since.IsZero() || time.Since(since) < 24*time.Hour), err
}
