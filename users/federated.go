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
	"signet/users/factor"
	"signet/users/identifier"
	"signet/users/profile"
)

// ByAddress finds whose address it is, as addresses are compared here. ErrNotFound; ErrEmail.
func (s *Service) ByAddress(ctx context.Context, email string) (storage.User, error) {
	key, err := identifier.EmailKey(email)
	if err != nil {
		return storage.User{}, err
	}
	u, err := s.stores.People.UserByKey(ctx, key, "")
	return u, notFound(err, email)
}

// Allowed reports whether an address is of a domain that may register (D12).
func (s *Service) Allowed(email string) bool {
	key, err := identifier.EmailKey(email)
	return err == nil && s.allowed(key)
}

// ProvenElsewhere notes that an upstream that runs the address's mailboxes knows the person by it, in the transaction of ctx: if
// it is the one they have here, it is verified (factor.VerifyAddress). ErrNotFound.
func (s *Service) ProvenElsewhere(ctx context.Context, permit factor.Permit, email string) error {
	if err := permit.Is(permit.UserID(), factor.VerifyAddress); err != nil {
		return err
	}
	u, err := s.user(ctx, permit.UserID())
	if err != nil {
		return err
	}
	key, err := identifier.EmailKey(email)
	if err != nil || u.EmailVerified || key != u.EmailKey {
		return nil
	}
	return s.verifyAddress(ctx, permit, factor.Address{Email: u.Email, Key: u.EmailKey}, map[string]string{"by": "upstream"})
}

// TakeOver writes what an upstream says of a person into their profile, in the transaction of ctx if there is one: standard
// claims by their names, never the address. With onlyMissing, what the profile has already stays. What is not of a form that is
// taken is left out: nobody can fix it here. ErrNotFound.
func (s *Service) TakeOver(ctx context.Context, userID string, claims map[string]any, onlyMissing bool) error {
	c := profile.Change{Claims: map[string]any{}}
	for name, value := range claims {
		raw, err := json.Marshal(value)
		if err != nil || name == "email" || name == "email_verified" || name == "preferred_username" || value == nil ||
			len(raw) > profile.MaxBytes {
			continue
		}
		one := profile.Change{Claims: map[string]any{}}
		if one.Take(name, raw) == nil {
			maps.Copy(c.Claims, one.Claims)
		}
	}
	if len(c.Claims) == 0 {
		return nil
	}
	for tries := 1; ; tries++ {
		err := s.stores.Acts.Tx(ctx, func(ctx context.Context) error { return s.mergeProfile(ctx, userID, c, onlyMissing) })
		if tries == mergeTries || !errors.Is(err, storage.ErrStale) {
			return err
		}
	}
}

// mergeTries is how often a profile is merged anew because somebody else wrote it at the same time.
const mergeTries = 10

func (s *Service) mergeProfile(ctx context.Context, userID string, c profile.Change, onlyMissing bool) error {
	u, err := s.user(ctx, userID)
	if err != nil {
		return err
	}
	old := u
	var before map[string]any
	if err := json.Unmarshal(u.Profile, &before); err != nil {
		return fmt.Errorf("read profile: %w", err)
	}
	c.Claims = maps.Clone(c.Claims)
	if onlyMissing {
		maps.DeleteFunc(c.Claims, func(name string, _ any) bool { _, there := before[name]; return there })
	}
	changed := differing(before, c.Claims)
	if len(changed) == 0 {
		return nil
	}
	if err := c.Apply(&u); err != nil {
		return err
	}
	u.UpdatedAt = time.Now()
	if err := s.stores.Accounts.UpdateUser(ctx, old, u); err != nil {
		return fmt.Errorf("take over profile: %w", err)
	}
	return s.audit.Record(ctx,
		audit.Event{Name: audit.UserChanged, UserID: userID, Detail: map[string]any{"claims": changed, "by": "upstream"}})
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
