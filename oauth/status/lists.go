package status

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// The times of a list. From an act to the refusal of an API: at most fresh, the same of a cache between, and what is left of ttl.
const (
	fresh    = 2 * time.Second // how old the state behind a list is at most
	ttl      = 10              // seconds after which an API fetches anew
	good     = 5 * time.Minute // how long a list counts while the database cannot be read
	overlap  = time.Minute     // what is read again: transactions that took long, clocks that differ
	anew     = 5 * time.Minute // when everything is read again
	settled  = time.Minute     // after a client was disabled nobody makes grants for it any more
	leeway   = time.Minute     // after the end of a token that verifiers take it still
	patience = 3 * time.Second // with the database
	pathPart = "/oauth2/status/"
)

// Shared is how long a cache between may keep a list.
const Shared = 2 * time.Second

// Errors of Serve.
var (
	ErrNone        = errors.New("no such status list")
	ErrUnavailable = errors.New("what was revoked cannot be read")
)

// Store is where places are given; *storage.DB.
type Store interface {
	ReserveStatus(ctx context.Context, n int64) (first int64, err error)
	ClientStatus(ctx context.Context, clientID string, place func(ctx context.Context) (int64, error)) (int64, error)
}

// Changes are which places were given, and what ended of late; *storage.DB knows.
type Changes interface {
	LastStatus(ctx context.Context) (int64, error)
	EndedStatus(ctx context.Context, since time.Time, each func(index int64, at time.Time)) error
	DisabledClients(ctx context.Context, since time.Time, each func(id string, at time.Time, index int64)) error
	PausedStatus(ctx context.Context, since time.Time, each func(index int64)) error
	GrantStatusOfClient(ctx context.Context, clientID string, each func(index int64)) error
}

// Options of New; all are required but Count.
type Options struct {
	Store   Store
	Changes Changes
	Issuer  string
	Longest time.Duration                    // life of an access token
	Sign    func(claims any) (string, error) // tokens.Issuer.SignStatus
	Count   func(outcome string)             // made, unavailable; nil counts nothing
}

// Claims of a status list (Token Status List section 5.1), times in seconds.
type Claims struct {
	Subject   string `json:"sub"` // the address of the list
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
	TTL       int64  `json:"ttl"`
	List      Bits   `json:"status_list"`
}

// Bits are those of a list.
type Bits struct {
	Size int    `json:"bits"`
	List string `json:"lst"`
}

// Lists makes the lists. It is safe for concurrent use.
type Lists struct {
	Places
	o Options

	mu       sync.Mutex
	at       time.Time // of the state
	tried    time.Time
	whole    time.Time // when everything was read last
	newest   time.Time // revocation that was read
	last     int64     // place that was given
	ended    map[int64]time.Time
	disabled map[string]*disabledClient
	paused   map[int64]bool // grants of agents
	lists    map[int64]*list
}

// disabledClient are the places of a client that was disabled.
type disabledClient struct {
	at     time.Time
	read   bool // after nobody makes grants for it any more
	places map[int64]bool
}

// list is one as it was made last.
type list struct {
	bits   map[int64]int // how often a place ended: revoked, its client disabled
	packed string        // "" = to be made again
	signed string
	at     time.Time // of the state that was signed
}

// New makes the lists.
func New(o Options) (*Lists, error) {
	if o.Store == nil || o.Changes == nil || o.Issuer == "" || o.Longest <= 0 || o.Sign == nil {
		return nil, errors.New("status: all options are required")
	}
	if o.Count == nil {
		o.Count = func(string) {}
	}
	ofs, err := lru.New[string, clientPlace](rememberers)
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	return &Lists{
		Places: Places{store: o.Store, base: strings.TrimRight(o.Issuer, "/") + pathPart, ofs: ofs},
		o:      o, ended: map[int64]time.Time{}, disabled: map[string]*disabledClient{}, lists: map[int64]*list{},
	}, nil
}

// Serve gives a list, signed, by its number. ErrNone: there is none. ErrUnavailable: the database could not be read for longer than lists
// count.
func (l *Lists) Serve(ctx context.Context, number string) (signed string, err error) {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != number {
		return "", ErrNone
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.at) >= fresh && now.Sub(l.tried) >= fresh/2 {
		l.tried = now
		if err := l.readNow(ctx, now); err != nil {
			l.o.Count("unavailable")
			if now.Sub(l.at) >= good {
				return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
			}
		}
	}
	switch {
	case now.Sub(l.at) >= good:
		return "", ErrUnavailable
	case n > l.last/perList:
		return "", ErrNone
	}
	one := l.list(n)
	if one.signed != "" && one.at.Equal(l.at) {
		return one.signed, nil
	}
	if err := l.sign(n, one); err != nil {
		return "", err
	}
	l.o.Count("made")
	return one.signed, nil
}

// readNow is read, whatever becomes of the request that it is for: the state is everybody's.
func (l *Lists) readNow(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return l.read(ctx, now)
}

func (l *Lists) list(n int64) *list {
	if l.lists[n] == nil {
		l.lists[n] = &list{bits: map[int64]int{}}
	}
	return l.lists[n]
}

// sign makes the document of the state. What it says of its time is that of the state, not that of the signature.
func (l *Lists) sign(n int64, one *list) (err error) {
	if one.packed == "" {
		if one.packed, err = pack(one.bits); err != nil {
			return err
		}
	}
	address := l.base + strconv.FormatInt(n, 10)
	one.signed, err = l.o.Sign(Claims{
		Subject: address, IssuedAt: l.at.Unix(), ExpiresAt: l.at.Add(good).Unix(), TTL: ttl, List: Bits{1, one.packed},
	})
	one.at = l.at
	return err
}
