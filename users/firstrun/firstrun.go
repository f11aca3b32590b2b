// Package firstrun makes the first administrator: by a link that whoever starts the server is shown, while nobody has ever been one.
//
// The link carries 256 random bits; the database holds their SHA-256, in one row, so that a later link replaces the one before. The row
// says as well that somebody, or a group, held the role admin: a trigger writes that, whoever gives the role, and from then on there is
// no link any more. Using the link compares and sets the row in the transaction that makes the account: of any number of tries at once,
// one succeeds. Begin with Service.Link and Service.Make.
package firstrun

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/internal/ratelimit"
	"signet/storage"
	"signet/users"
	"signet/users/membership"
)

// Life is how long a link is good.
const Life = 30 * time.Minute

// closed is the state of the row after which there are no links.
const closed = "closed"

// secretBytes of a link.
const secretBytes = 32

var (
	// ErrClosed: somebody is, or was, an administrator.
	ErrClosed = errors.New("there was an administrator before")
	// ErrGone: used, expired, replaced, or never made. Which, is not told.
	ErrGone = errors.New("link is gone")
)

// Store is the part of *storage.DB that the package uses.
type Store interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	FirstRun(ctx context.Context) (state string, expires time.Time, err error)
	SetFirstRun(ctx context.Context, old, state string, expires time.Time) error
}

// Accounts makes them: *users.Service.
type Accounts interface {
	CreateAccount(ctx context.Context, r users.Registration) (storage.User, error)
	CheckRegistration(ctx context.Context, r users.Registration) error
}

// Roles gives them: *membership.Service.
type Roles interface {
	CreateRole(ctx context.Context, name, description string) error
	Give(ctx context.Context, role string, to membership.Holder) (bool, error)
}

// Options of New; all are required.
type Options struct {
	Store    Store
	Accounts Accounts
	Roles    Roles
	Limits   *ratelimit.Limiter
	Audit    *audit.Log
}

// Service makes links and the administrator.
type Service struct{ o Options }

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Accounts == nil || o.Roles == nil || o.Limits == nil || o.Audit == nil {
		return nil, errors.New("firstrun needs a store, accounts, roles, limits and an audit log")
	}
	return &Service{o}, nil
}

// Open reports whether nobody was ever an administrator.
func (s *Service) Open(ctx context.Context) (bool, error) {
	state, _, err := s.o.Store.FirstRun(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil && state != closed, err
}

// Link makes the secret of a link; the one before is good for nothing any more. ErrClosed.
func (s *Service) Link(ctx context.Context) (secret string, err error) {
	raw := make([]byte, secretBytes)
	rand.Read(raw)
	secret = base64.RawURLEncoding.EncodeToString(raw)
	for range 10 { // another server that starts at the same moment shows one too
		if err = s.link(ctx, secret); !errors.Is(err, storage.ErrStale) {
			return secret, err
		}
	}
	return "", err
}

func (s *Service) link(ctx context.Context, secret string) error {
	return s.o.Store.Tx(ctx, func(ctx context.Context) error {
		state, _, err := s.o.Store.FirstRun(ctx)
		if err == nil && state == closed || errors.Is(err, storage.ErrNotFound) {
			return ErrClosed
		}
		if err != nil {
			return fmt.Errorf("read first run: %w", err)
		}
		if err := s.o.Store.SetFirstRun(ctx, state, hashOf(secret), time.Now().Add(Life)); err != nil {
			return fmt.Errorf("make link: %w", err)
		}
		return s.o.Audit.Record(ctx, audit.Event{Name: audit.FirstRunOffered})
	})
}

// Look reports whether the secret is the link's: ErrGone if not, *ratelimit.Throttled to a network that tried too many. While there is no
// link nothing is counted, so that strangers cause no writes.
func (s *Service) Look(ctx context.Context, secret string) error {
	_, err := s.look(ctx, secret)
	return err
}

// tries of a network in a minute.
const tries = 10

func (s *Service) look(ctx context.Context, secret string) (state string, err error) {
	state, expires, err := s.o.Store.FirstRun(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return "", ErrGone
	}
	if err != nil {
		return "", fmt.Errorf("read first run: %w", err)
	}
	if state == "" || state == closed || !time.Now().Before(expires) {
		return "", ErrGone
	}
	if hashOf(secret) == state { // of hashes: how far they agree tells nothing
		return state, nil
	}
	_, err = s.o.Limits.Charge(ctx, ratelimit.Limit{ // it cannot be guessed: only failures are slowed down (V05)
		Key: "first run " + audit.OriginOf(ctx).Network, Free: tries, Window: time.Minute, First: time.Minute, Max: time.Minute,
	})
	return "", errors.Join(err, ErrGone)
}

// Check tells what is wrong with what was typed, as users.Service.CheckRegistration does, to whoever has the link. Else as Look.
func (s *Service) Check(ctx context.Context, secret string, r users.Registration) error {
	if _, err := s.look(ctx, secret); err != nil {
		return err
	}
	r.Voucher = users.VouchedByOperator()
	return s.o.Accounts.CheckRegistration(ctx, r)
}

// Make makes the account of the first administrator and uses the link up. Errors as of Look and of users.Service.CreateAccount.
func (s *Service) Make(ctx context.Context, secret string, r users.Registration) (u storage.User, err error) {
	state, err := s.look(ctx, secret)
	if err != nil {
		return u, err
	}
	r.Voucher = users.VouchedByOperator() // who has the link read it where the server was started
	if err := s.o.Roles.CreateRole(ctx, membership.Admin, ""); err != nil && !errors.Is(err, membership.ErrExists) {
		return u, fmt.Errorf("make role: %w", err)
	}
	err = s.o.Store.Tx(ctx, func(ctx context.Context) error {
		if u, err = s.o.Accounts.CreateAccount(ctx, r); err != nil {
			return err
		}
		err := s.o.Store.SetFirstRun(ctx, state, closed, time.Time{})
		if errors.Is(err, storage.ErrStale) {
			return ErrGone
		}
		if err != nil {
			return fmt.Errorf("use link: %w", err)
		}
		if _, err := s.o.Roles.Give(ctx, membership.Admin, membership.Holder{UserID: u.ID}); err != nil {
			return fmt.Errorf("give role: %w", err)
		}
		return s.o.Audit.Record(ctx, audit.Event{Name: audit.FirstRunUsed, UserID: u.ID})
	})
	return u, err
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
