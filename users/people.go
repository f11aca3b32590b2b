package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/users/factor"
	"signet/users/identifier"
	"signet/users/profile"
)

func (s *Service) user(ctx context.Context, id string) (storage.User, error) {
	u, err := s.stores.People.UserByID(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return u, fmt.Errorf("person %q: %w", id, ErrNotFound)
	}
	if err != nil {
		return u, fmt.Errorf("read person: %w", err)
	}
	return u, nil
}

// notFound turns a missing row into ErrNotFound.
func notFound(err error, userID string) error {
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("person %q: %w", userID, ErrNotFound)
	}
	return err
}

// ByID reads a person. ErrNotFound.
func (s *Service) ByID(ctx context.Context, id string) (storage.User, error) { return s.user(ctx, id) }

// IsCalled reports whether what somebody typed is the person's address or user name.
func IsCalled(u storage.User, typed string) bool {
	l := loginOf(typed)
	return l.email != "" && l.email == u.EmailKey || l.username != "" && l.username == u.UsernameKey
}

// CheckPerson checks what is said of a new person, by the rules of forms, and makes a row of it without writing it. Whether
// somebody has the address or user name already is not checked.
func (s *Service) CheckPerson(r Registration) (storage.User, Mistakes) { return s.newUser(r) }

// Show finds a person by id, address or user name. ErrNotFound.
func (s *Service) Show(ctx context.Context, who string) (storage.User, error) {
	u, err := s.stores.People.UserByID(ctx, who)
	if errors.Is(err, storage.ErrNotFound) {
		l := loginOf(who)
		u, err = s.stores.People.UserByKey(ctx, l.email, l.username)
	}
	if errors.Is(err, storage.ErrNotFound) {
		return u, fmt.Errorf("person %q: %w", who, ErrNotFound)
	}
	if err != nil {
		return u, fmt.Errorf("read person: %w", err)
	}
	return u, nil
}

// List pages through people by id after the given one.
func (s *Service) List(ctx context.Context, after string, limit int) ([]storage.User, error) {
	return s.stores.People.Users(ctx, after, limit)
}

// SetClaims merges a JSON object of standard claims into those of the permit's person (factor.ChangeAddress); null removes one. A new
// address (email) counts as unverified unless email_verified says otherwise. ErrNotFound, Mistakes (ErrTaken, ErrDomain among their
// causes).
func (s *Service) SetClaims(ctx context.Context, permit factor.Permit, claims json.RawMessage) (storage.User, error) {
	change, err := parseClaims(claims)
	if err != nil {
		return storage.User{}, err
	}
	var u storage.User
	err = s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		u, err = s.setClaims(ctx, permit, change)
		return err
	})
	if errors.Is(err, storage.ErrConflict) {
		return storage.User{}, Mistakes{{FieldClaims, fmt.Errorf("email: %w", ErrTaken)}}
	}
	if err != nil {
		return storage.User{}, fmt.Errorf("set claims: %w", err)
	}
	return u, nil
}

// parseClaims is profile.Parse with Mistakes.
func parseClaims(raw json.RawMessage) (profile.Change, error) {
	change, wrong := profile.Parse(raw)
	var mistakes Mistakes
	for _, err := range wrong {
		mistakes.add(FieldClaims, err)
	}
	return change, mistakes.orNil()
}

// applyClaims is Change.Apply with Mistakes.
func applyClaims(change profile.Change, u *storage.User) error {
	err := change.Apply(u)
	if errors.Is(err, ErrEmail) {
		return Mistakes{{FieldClaims, err}}
	}
	return err
}

func (s *Service) setClaims(ctx context.Context, permit factor.Permit, change profile.Change) (u storage.User, err error) {
	if err := s.check(ctx, permit, factor.ChangeAddress); err != nil {
		return u, err
	}
	if u, err = s.user(ctx, permit.UserID()); err != nil {
		return u, err
	}
	before := u
	if err := applyClaims(change, &u); err != nil {
		return u, err
	}
	if u.EmailKey != before.EmailKey && !s.allowed(u.EmailKey) {
		return u, Mistakes{{FieldClaims, fmt.Errorf("email: %w", ErrDomain)}}
	}
	if u.Email != before.Email || u.EmailVerified != before.EmailVerified {
		if err := s.replaceAddress(ctx, permit, before, factor.Address{Email: u.Email, Key: u.EmailKey, Verified: u.EmailVerified}); err != nil {
			return u, err
		}
	}
	u.UpdatedAt = time.Now()
	if err := s.stores.Accounts.UpdateUser(ctx, before, u); err != nil {
		return u, err
	}
	if len(change.Claims) == 0 && (u.Email != before.Email || u.EmailVerified != before.EmailVerified) {
		return u, nil // the address has an event of its own
	}
	return u, s.audit.Record(ctx, audit.Event{Name: audit.UserChanged, UserID: u.ID, Detail: map[string]any{"claims": change.Names()}})
}

// SetEmail gives the permit's person (factor.ChangeAddress) an address at once. The one before is told as by the person's own change,
// with a link that undoes it. Mistakes (ErrEmail, ErrDomain, ErrSame, ErrTaken), ErrNotFound.
func (s *Service) SetEmail(ctx context.Context, permit factor.Permit, email string, verified bool) (u storage.User, err error) {
	email = strings.TrimSpace(email)
	key, err := identifier.EmailKey(email)
	switch {
	case email == "":
		return u, Mistakes{{FieldEmail, ErrMissing}}
	case err != nil:
		return u, Mistakes{{FieldEmail, err}}
	case !s.allowed(key):
		return u, Mistakes{{FieldEmail, ErrDomain}}
	}
	err = s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if err := s.check(ctx, permit, factor.ChangeAddress); err != nil {
			return err
		}
		before, err := s.user(ctx, permit.UserID())
		if err != nil {
			return err
		}
		if before.Email == email && before.EmailVerified == verified {
			return Mistakes{{FieldEmail, ErrSame}}
		}
		if err := s.replaceAddress(ctx, permit, before, factor.Address{Email: email, Key: key, Verified: verified}); err != nil {
			return err
		}
		u, err = s.user(ctx, permit.UserID())
		return err
	})
	if errors.Is(err, storage.ErrConflict) {
		return u, Mistakes{{FieldEmail, ErrTaken}}
	}
	if err != nil {
		return u, fmt.Errorf("set address: %w", err)
	}
	return u, nil
}

// replaceAddress writes an address for an operator, in the transaction of ctx. Another address is a change, which the one before is
// told of; the same one is verified, or no longer.
func (s *Service) replaceAddress(ctx context.Context, permit factor.Permit, before storage.User, to factor.Address) error {
	if to.Key != before.EmailKey {
		return s.moveAddress(ctx, permit, to)
	}
	if _, err := s.ways.SetAddress(ctx, permit, to); err != nil {
		return err
	}
	name := audit.UserChanged
	if to.Verified && !before.EmailVerified {
		name = audit.EmailProven
	}
	return s.audit.Record(ctx,
		audit.Event{Name: name, UserID: before.ID, Detail: map[string]any{"claims": []string{"email", "email_verified"}}})
}

// PasswordChanged is when a person's password was made; zero if they have none.
func (s *Service) PasswordChanged(ctx context.Context, userID string) (time.Time, error) {
	list, err := s.stores.Passwords.Credentials(ctx, userID, kindPassword)
	if err != nil {
		return time.Time{}, fmt.Errorf("read password's age: %w", err)
	}
	if len(list) == 0 {
		return time.Time{}, nil
	}
	return list[0].CreatedAt, nil
}

const (
	noticeAge    = 14 * 24 * time.Hour // how long a notice stands on the account page
	noticeEvents = 200                 // how far back it is looked for
)

// ReuseSeen is when a refresh token of the person was last used twice (RFC 9700 section 4.14.2), if that was in the last
// two weeks and the password was not changed since; zero if not.
func (s *Service) ReuseSeen(ctx context.Context, userID string) (time.Time, error) {
	events, err := s.stores.Events.EventsOfUser(ctx, userID, "", noticeEvents)
	if err != nil {
		return time.Time{}, fmt.Errorf("read notices: %w", err)
	}
	for _, e := range events { // newest first
		switch {
		case time.Since(e.At) > noticeAge, e.Name == string(audit.PasswordChanged), e.Name == string(audit.PasswordSet):
			return time.Time{}, nil
		case e.Name == string(audit.RefreshReused):
			return e.At, nil
		}
	}
	return time.Time{}, nil
}
