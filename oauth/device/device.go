// Package device is the protocol of apps on devices without a browser, or without a keyboard (RFC 8628): the device shows a code, its
// person types it in a browser elsewhere and decides there, and the device asks until there is an answer.
//
// What waits is a row of table waiting; of the code that the device asks with only a hash is kept. The grant is made when the person
// allows it (package oauth), and fetched like one of an authorization code. Begin with Requests.Begin.
package device

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/oauth/flow"
	"signet/oauth/ledger"
	"signet/oauth/quota"
	"signet/oauth/refusal"
	"signet/storage"
)

const (
	// Life is how long a person has to decide.
	Life = 10 * time.Minute
	// Interval is how long a device waits between its questions, if it is not told to be slower.
	Interval = 5 * time.Second
	// afterwards is how long there is at least to fetch what was allowed in the last moment.
	afterwards = time.Minute

	maxRequest = 8 << 10 // of the judged request, in bytes
	maxAgent   = 200     // of the program that asked, in bytes
)

// alphabet of user codes (RFC 8628 section 6.1): no vowels, so that no words come up, and nothing that looks like something else.
const alphabet = "BCDFGHJKLMNPQRSTVWXZ"

// How long a user code is, and how long where many wrong ones were typed lately.
const (
	short = 8
	long  = 12
)

// Store keeps what waits; *storage.DB does.
type Store interface {
	InsertWaiting(ctx context.Context, w storage.Waiting, share int) error
	WaitingByUserCode(ctx context.Context, kind, code string, now time.Time) (storage.Waiting, error)
	DecideWaiting(ctx context.Context, idHash, userID string, approved bool, until, now time.Time) error
}

// Bounds tell how many wait, and make some give way; *storage.DB does.
type Bounds interface {
	WaitingShares(ctx context.Context, kind string, now time.Time) (map[string][2]int64, error)
	EvictWaiting(ctx context.Context, kind, owner string, most int, now time.Time) (int64, error)
}

// ErrUnknown: no device waits with such a code, or not any more.
var ErrUnknown = errors.New("no device waits with this code")

// Requests are those of devices. It is safe for concurrent use.
type Requests struct {
	store Store
	quota *quota.Quota
	wrong wrong
	count func(outcome string)
}

// New makes it. count is of a metric: asked, evicted, approved, denied, unknown (a wrong code was typed); nil counts nothing.
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
	return s.WaitingShares(ctx, ledger.KindDevice, now)
}

// Evict implements quota.Bounds.
func (s shares) Evict(ctx context.Context, owner string, most int) (int64, error) {
	return s.EvictWaiting(ctx, ledger.KindDevice, owner, most, time.Now())
}

// Asking is the device that asks, and what for.
type Asking struct {
	Request flow.Request // judged
	Proven  bool         // the client proved to be itself
	Network string       // where the request came from; shown to the person
	Address string       // … within the network; not shown
	Agent   string       // User-Agent; likewise
}

// Codes are the answer to a device (RFC 8628 section 3.2).
type Codes struct {
	DeviceCode string // what it asks with
	UserCode   string // what the person types, as Spell shows it
}

// tries at one insert: a user code may be taken, and others may take the place that was made.
const tries = 4

// Begin keeps the request of a device: one INSERT. At its owner's bound one of its own gives way, the oldest of the address that has most;
// at the server's one of the owner with the largest share. Errors are *refusal.Refusal or the storage's.
func (d *Requests) Begin(ctx context.Context, a Asking) (Codes, error) {
	now, secret := time.Now(), rand.Text()+rand.Text()
	data, err := json.Marshal(a.Request)
	if err != nil {
		return Codes{}, fmt.Errorf("begin a device: %w", err)
	}
	if len(data) > maxRequest {
		return Codes{}, refusal.InvalidRequest("The request is too large.")
	}
	if err := d.quota.Admit(ctx, now); err != nil {
		return Codes{}, fmt.Errorf("make place for a device: %w", err)
	}
	from, address := a.Network, a.Address
	if a.Proven {
		from, address = "", ""
	}
	owner, share := quota.Owner(a.Request.ClientID, from)
	w := storage.Waiting{
		IDHash: ledger.HashCode(secret), Kind: ledger.KindDevice, ClientID: a.Request.ClientID, Owner: owner, Request: data,
		Interval: Interval, Network: a.Network, Address: address, Agent: cut(a.Agent), CreatedAt: now, ExpiresAt: now.Add(Life),
	}
	for range tries {
		w.UserCode = d.userCode(now)
		switch err := d.store.InsertWaiting(ctx, w, share); {
		case err == nil:
			d.quota.Came(owner, len(data))
			d.count("asked")
			return Codes{DeviceCode: secret, UserCode: Spell(w.UserCode)}, nil
		case errors.Is(err, storage.ErrConflict): // the next one is another
		case errors.Is(err, storage.ErrTooMany):
			if err := d.quota.Evict(ctx, owner, share/10); err != nil {
				return Codes{}, fmt.Errorf("make place for a device: %w", err)
			}
		default:
			return Codes{}, fmt.Errorf("begin a device: %w", err)
		}
	}
	return Codes{}, refusal.TooMany("Too many devices of this app wait for their person.", Interval)
}

func cut(agent string) string {
	return strings.ToValidUTF8(agent[:min(len(agent), maxAgent)], "")
}

// userCode has each of the alphabet as often.
func (d *Requests) userCode(now time.Time) string {
	n := short
	if d.wrong.many(now) {
		n = long
	}
	code := make([]byte, 0, n)
	var b [32]byte
	for len(code) < n {
		_, _ = rand.Read(b[:]) // never fails
		for _, x := range b {
			if x < 240 && len(code) < n { // 240 = 12 × 20
				code = append(code, alphabet[x%20])
			}
		}
	}
	return string(code)
}

// Spell is a user code as it is shown: in groups of four.
func Spell(code string) string {
	var b strings.Builder
	for i, c := range code {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Read is a user code as it was typed, with whatever case and punctuation (RFC 8628 section 6.1); "" = it is none.
func Read(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	var b strings.Builder
	for _, c := range strings.ToUpper(typed) {
		switch {
		case strings.ContainsRune(alphabet, c):
			b.WriteRune(c)
		case c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			return ""
		}
	}
	if n := b.Len(); n != short && n != long {
		return ""
	}
	return b.String()
}

// Waiting is a device that waits for its person.
type Waiting struct {
	Request        flow.Request
	Network, Agent string
	Address        string // within the network; "" of a client that proved to be itself
	AskedAt        time.Time
	UserCode       string

	idHash string
	until  time.Time
}

// CodeHash is what its grant is found by, and Until when it has to be fetched.
func (w Waiting) CodeHash() (hash string, until time.Time) { return w.idHash, w.until }

// Find gives the device that shows a code; ErrUnknown. One read.
func (d *Requests) Find(ctx context.Context, code string) (Waiting, error) {
	now := time.Now()
	row, err := d.store.WaitingByUserCode(ctx, ledger.KindDevice, code, now)
	if errors.Is(err, storage.ErrNotFound) {
		d.wrong.add(now)
		d.count("unknown")
		return Waiting{}, ErrUnknown
	} else if err != nil {
		return Waiting{}, fmt.Errorf("find a device: %w", err)
	}
	w := Waiting{Network: row.Network, Address: row.Address, Agent: row.Agent, AskedAt: row.CreatedAt, UserCode: row.UserCode,
		idHash: row.IDHash, until: row.ExpiresAt}
	if late := now.Add(afterwards); w.until.Before(late) {
		w.until = late
	}
	if err := json.Unmarshal(row.Request, &w.Request); err != nil {
		return Waiting{}, fmt.Errorf("read the request of a device: %w", err)
	}
	return w, nil
}

// Decide notes what the person decided, in the transaction of ctx: once. ErrUnknown where it was decided before, or is too late.
func (d *Requests) Decide(ctx context.Context, w Waiting, userID string, approved bool) error {
	err := d.store.DecideWaiting(ctx, w.idHash, userID, approved, w.until, time.Now())
	if errors.Is(err, storage.ErrStale) {
		return ErrUnknown
	} else if err != nil {
		return fmt.Errorf("decide about a device: %w", err)
	}
	if approved {
		d.count("approved")
	} else {
		d.count("denied")
	}
	return nil
}
