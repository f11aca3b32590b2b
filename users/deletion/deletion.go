package deletion

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/membership"
)

// ErrLastAdmin: nobody else could administer this server.
var ErrLastAdmin = errors.New("the last administrator")

// Store is the part of *storage.DB that Service uses.
type Store interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	SetUserErase(ctx context.Context, id string, at, now time.Time) error
}

// Rows is the part of *storage.DB that finds and deletes what is about people.
type Rows interface {
	UsersToErase(ctx context.Context, now time.Time, limit int) ([]storage.User, error)
	ClearUser(ctx context.Context, id string, now time.Time) (int64, error)
	EraseUser(ctx context.Context, id string) error
}

// People is the part of *users.Service that Service uses.
type People interface {
	ByID(ctx context.Context, id string) (storage.User, error)
	EndAll(ctx context.Context, userID, keepSession, why string) error
	SendEmail(ctx context.Context, u storage.User, l mail.Email) error
}

// Options of New.
type Options struct {
	Store  Store
	Rows   Rows
	Audit  *audit.Log
	People People
	// Administrators refuses that the last one goes by themselves.
	Administrators membership.Administrators
	Grace          time.Duration // between asking for deletion and erasure; 0 = erase at once
	Log            *slog.Logger  // nil discards
}

// Service deletes accounts.
type Service struct {
	store          Store
	rows           Rows
	audit          *audit.Log
	people         People
	administrators membership.Administrators
	grace          time.Duration
	log            *slog.Logger
}

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Rows == nil || o.Audit == nil || o.People == nil || o.Administrators.Store == nil {
		return nil, errors.New("deletion needs a store, its rows, an audit log and people")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{store: o.Store, rows: o.Rows, audit: o.Audit, people: o.People,
		administrators: o.Administrators, grace: o.Grace, log: o.Log}, nil
}

// Grace is how long an account is kept after its deletion was asked for; 0 = not at all.
func (s *Service) Grace() time.Duration { return s.grace }

// Request deletes a person's account because they asked for it: all their sessions and grants end now, and after the grace
// time the account is erased, unless Cancel comes before. Without a grace time it is erased at once. It returns when.
// ErrLastAdmin, users.ErrNotFound.
func (s *Service) Request(ctx context.Context, userID string) (eraseAt time.Time, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context) error {
		return s.administrators.Keep(ctx, func(ctx context.Context) (err error) {
			eraseAt, err = s.schedule(ctx, userID, s.grace)
			return err
		})
	})
	if errors.Is(err, membership.ErrLastAdmin) || errors.Is(err, membership.ErrNoWayIn) {
		err = fmt.Errorf("%w: %w", ErrLastAdmin, err)
	}
	return eraseAt, err
}

// Delete is Request by an operator, of the last administrator too; now leaves no grace time. users.ErrNotFound.
func (s *Service) Delete(ctx context.Context, userID string, now bool) (eraseAt time.Time, err error) {
	grace := s.grace
	if now {
		grace = 0
	}
	err = s.store.Tx(ctx, func(ctx context.Context) error {
		eraseAt, err = s.schedule(ctx, userID, grace)
		return err
	})
	return eraseAt, err
}

// schedule ends everything of the person and notes when the account is erased, in the transaction of ctx. Asked for again, the
// earlier time counts.
func (s *Service) schedule(ctx context.Context, userID string, grace time.Duration) (at time.Time, err error) {
	at = time.Now().Add(grace)
	if grace <= 0 {
		return at, s.erase(ctx, userID, time.Time{})
	}
	if err := s.people.EndAll(ctx, userID, "", string(audit.UserDeleteAsked)); err != nil {
		return at, err
	}
	u, err := s.people.ByID(ctx, userID)
	if err != nil {
		return at, err
	}
	if !u.EraseAt.IsZero() && u.EraseAt.Before(at) {
		return u.EraseAt, nil
	}
	if err := s.store.SetUserErase(ctx, userID, at, time.Now()); err != nil {
		return at, fmt.Errorf("note deletion: %w", err)
	}
	event := audit.Event{Name: audit.UserDeleteAsked, UserID: userID, Detail: map[string]time.Time{"at": at.UTC()}}
	if err := s.audit.Record(ctx, event); err != nil {
		return at, err
	}
	day := map[string]string{"Day": at.UTC().Format(time.RFC3339)}
	return at, s.people.SendEmail(ctx, u, mail.Email{Kind: mail.DeleteAsked, Link: "/signin", Args: day})
}

// Cancel undoes Request or Delete during the grace time; all sessions but keepSession end ("" = all). Cancelling twice is not
// an error. users.ErrNotFound.
func (s *Service) Cancel(ctx context.Context, userID, keepSession string) error {
	return s.store.Tx(ctx, func(ctx context.Context) error {
		if err := s.people.EndAll(ctx, userID, keepSession, string(audit.UserDeleteUndone)); err != nil {
			return err
		}
		u, err := s.people.ByID(ctx, userID)
		if err != nil || u.EraseAt.IsZero() {
			return err
		}
		if err := s.store.SetUserErase(ctx, userID, time.Time{}, time.Now()); err != nil {
			return fmt.Errorf("cancel deletion: %w", err)
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.UserDeleteUndone, UserID: userID})
	})
}
