// Package picture keeps the pictures that people show of themselves: one a person, uploaded by them, made anew and small, and served from
// our own host at an address that nobody guesses, which is their claim picture (M07).
//
// What a file says of its size is read before it is decoded (header.go); what is kept is a JPEG of our own making (remake.go). It knows
// neither pages nor HTTP. Begin with Service.Begin and Service.Set.
package picture

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"signet/audit"
	"signet/internal/ratelimit"
	"signet/internal/turns"
	"signet/storage"
)

// Store is the part of *storage.DB that pictures use.
type Store interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	PutPicture(ctx context.Context, id, userID string, jpeg []byte, now time.Time) error
	PictureByID(ctx context.Context, id string) ([]byte, error)
}

// Profile is the part of *users.Service that writes the claim; it also drops the picture that the claim named before.
type Profile interface {
	EditProfile(ctx context.Context, userID string, fields map[string]string) (storage.User, error)
}

// Options of New.
type Options struct {
	Store   Store
	Limits  ratelimit.Store
	Profile Profile
	Issuer  string // whose host serves them
}

// Service takes and shows pictures.
type Service struct {
	store   Store
	profile Profile
	limits  *ratelimit.Limiter
	issuer  string
	turn    *turns.Queue

	arrivals *turns.Shares // by network: accounts cost whoever has many of them little
	mu       sync.Mutex
	arriving map[string]bool // by person
}

const (
	mostArriving = 32               // files that this process takes in at once, of 1 MiB each
	decodeWait   = 10 * time.Second // for the one turn to decode
	freeUploads  = 20               // an hour, until a person has to wait
)

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Limits == nil || o.Profile == nil || o.Issuer == "" {
		return nil, errors.New("pictures need a store, limits, profiles and an issuer")
	}
	return &Service{
		store: o.Store, profile: o.Profile, limits: ratelimit.New(o.Limits), issuer: strings.TrimSuffix(o.Issuer, "/"),
		turn: turns.New(1, mostArriving, decodeWait), arrivals: turns.NewShares(mostArriving), arriving: map[string]bool{},
	}, nil
}

// ErrBusy: another file of the person's is arriving, or too many of others' are.
var ErrBusy = errors.New("other pictures are being taken in")

// Throttled says how long a person has to wait who sent many.
type Throttled = ratelimit.Throttled

// Begin lets a person send a file, one at a time: it comes before a byte is read. done is called when all is over. ErrBusy, *Throttled.
func (s *Service) Begin(ctx context.Context, userID string) (done func(), err error) {
	from := caller(ctx)
	s.mu.Lock()
	busy := s.arriving[userID] || !s.arrivals.Enter(from)
	if !busy {
		s.arriving[userID] = true
	}
	s.mu.Unlock()
	if busy {
		return nil, ErrBusy
	}
	done = func() {
		s.mu.Lock()
		delete(s.arriving, userID)
		s.arrivals.Leave(from)
		s.mu.Unlock()
	}
	_, err = s.limits.Charge(ctx, ratelimit.Limit{
		Key: "picture " + userID, Free: freeUploads, Window: time.Hour, First: time.Minute, Max: 15 * time.Minute, OnSuccess: ratelimit.Never,
	})
	if err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// caller is whose turn a file takes: its network's, so that whoever has many accounts waits for themselves.
func caller(ctx context.Context) turns.Caller { return turns.Caller{Key: audit.OriginOf(ctx).Network} }

// Set makes a file the person's picture, instead of the one before. ErrFormat, ErrBytes, ErrSide, ErrBroken, ErrBusy, and what EditProfile
// returns.
func (s *Service) Set(ctx context.Context, userID string, file []byte) error {
	jpeg, err := s.make(ctx, file)
	if err != nil {
		return err
	}
	id := rand.Text()
	return s.store.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.profile.EditProfile(ctx, userID, map[string]string{"picture": s.issuer + path + id}); err != nil {
			return err
		}
		return s.store.PutPicture(ctx, id, userID, jpeg, time.Now())
	})
}

// make waits for the turn to decode: one picture at a time, for each takes memory.
func (s *Service) make(ctx context.Context, file []byte) ([]byte, error) {
	if _, err := readHeader(file); err != nil {
		return nil, err
	}
	leave, err := s.turn.Enter(ctx, caller(ctx))
	if errors.Is(err, turns.ErrBusy) {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	if err != nil {
		return nil, err
	}
	defer leave()
	return remake(file)
}

// Remove takes a person's picture away, and the claim with it, if it is one of ours.
func (s *Service) Remove(ctx context.Context, u storage.User) error {
	if s.Of(u) == "" {
		return nil
	}
	_, err := s.profile.EditProfile(ctx, u.ID, map[string]string{"picture": ""})
	return err
}

// Read is the JPEG of an id; storage.ErrNotFound.
func (s *Service) Read(ctx context.Context, id string) ([]byte, error) {
	if len(id) != idLength {
		return nil, storage.ErrNotFound
	}
	return s.store.PictureByID(ctx, id)
}
