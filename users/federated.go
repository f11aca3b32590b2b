package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"signet/audit"
	"signet/storage"
)

// ByAddress finds whose address it is, as addresses are compared here. ErrNotFound; ErrEmail.
func (s *Service) ByAddress(ctx context.Context, email string) (storage.User, error) {
	key, err := EmailKey(email)
	if err != nil {
		return storage.User{}, err
	}
	u, err := s.store.UserByKey(ctx, key, "")
	return u, notFound(err, email)
}

// Allowed tells whether an address is of a domain that may register (security notes D12).
func (s *Service) Allowed(email string) bool {
	key, err := EmailKey(email)
	return err == nil && s.allowed(key)
}

// RegisterProven makes the account of somebody whose address was proven elsewhere: by an upstream that runs its mailboxes. As
// RegisterWith else; sign-ups of the address that wait to be proven are void (security notes N04).
func (s *Service) RegisterProven(ctx context.Context, n NewPerson, id string, with func(ctx context.Context) error) (storage.User, error) {
	if s.closed && !n.Vouched {
		return storage.User{}, ErrClosed
	}
	u, err := s.newcomer(n.WithPasskey())
	if err != nil {
		return storage.User{}, err
	}
	taken, err := s.taken(ctx, u)
	if err == nil {
		err = taken.orNil()
	}
	if err != nil {
		return storage.User{}, err
	}
	u.ID, u.EmailVerified = id, true
	return s.insertWith(ctx, u, audit.SignUpSucceeded, func(ctx context.Context) error {
		if err := s.tickets.Void(ctx, purposeSignup, u.EmailKey); err != nil {
			return err
		}
		if err := s.audit.Record(ctx, audit.Event{Name: audit.EmailProven, UserID: u.ID}); err != nil {
			return err
		}
		return with(ctx)
	})
}

// ProvenElsewhere notes that an upstream that runs the address's mailboxes knows the person by it, in the transaction of ctx: if
// it is the one they have here, it is proven. ErrNotFound.
func (s *Service) ProvenElsewhere(ctx context.Context, userID, email string) error {
	u, err := s.user(ctx, userID)
	if err != nil {
		return err
	}
	key, err := EmailKey(email)
	if err != nil || u.EmailVerified || key != u.EmailKey {
		return nil
	}
	u.EmailVerified, u.UpdatedAt = true, time.Now()
	if err := s.store.UpdateUser(ctx, u); err != nil {
		return fmt.Errorf("note proven address: %w", err)
	}
	return s.audit.Record(ctx, audit.Event{Name: audit.EmailProven, UserID: userID, Detail: map[string]string{"by": "upstream"}})
}

// TakeOver writes what an upstream says of a person into their profile, in the transaction of ctx if there is one: standard
// claims by their names, never the address. With onlyMissing, what the profile has already stays. What is not of a form that is
// taken is left out: nobody can mend it here. ErrNotFound.
func (s *Service) TakeOver(ctx context.Context, userID string, claims map[string]any, onlyMissing bool) error {
	c := change{profile: map[string]any{}}
	for name, value := range claims {
		raw, err := json.Marshal(value)
		if err != nil || name == "email" || name == "email_verified" || name == "preferred_username" || value == nil || len(raw) > maxClaims {
			continue
		}
		one := change{profile: map[string]any{}}
		if one.take(name, raw) == nil {
			maps.Copy(c.profile, one.profile)
		}
	}
	if len(c.profile) == 0 {
		return nil
	}
	return s.store.Tx(ctx, func(ctx context.Context) error {
		u, err := s.user(ctx, userID)
		if err != nil {
			return err
		}
		var before map[string]any
		if err := json.Unmarshal(u.Profile, &before); err != nil {
			return fmt.Errorf("read profile: %w", err)
		}
		if onlyMissing {
			maps.DeleteFunc(c.profile, func(name string, _ any) bool { _, there := before[name]; return there })
		}
		changed := differing(before, c.profile)
		if len(changed) == 0 {
			return nil
		}
		if err := c.apply(&u); err != nil {
			return err
		}
		u.UpdatedAt = time.Now()
		if err := s.store.UpdateUser(ctx, u); err != nil {
			return fmt.Errorf("take over profile: %w", err)
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.UserChanged, UserID: userID, Detail: map[string]any{"claims": changed, "by": "upstream"}})
	})
}

// differing names the claims whose values are not the same.
func differing(before, after map[string]any) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		old, err := json.Marshal(before[name])
		now, err2 := json.Marshal(after[name])
		if errors.Join(err, err2) != nil || string(old) != string(now) {
			names = append(names, name)
		}
	}
	return names
}
