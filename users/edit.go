package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/users/identifier"
	"signet/users/profile"
)

// EditProfile changes what a person says of themselves: fields by name (profile.Fields), "" removes one, those not named stay
// as they are. A new telephone number is unproven. Mistakes, each with its field (ErrTaken, ErrUsername among their causes);
// ErrNotFound; ErrChanged if everything of the person ended meanwhile.
func (s *Service) EditProfile(ctx context.Context, userID string, fields map[string]string) (storage.User, error) {
	u, err := s.user(ctx, userID)
	if err != nil {
		return u, err
	}
	err = s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if err := s.LockEpoch(userID, u.Epoch)(ctx); err != nil { // nothing else changes the row until this is written
			return err
		}
		if u, err = s.user(ctx, userID); err != nil {
			return err
		}
		before := u
		changed, err := edit(&u, fields)
		if err != nil || len(changed) == 0 {
			return err
		}
		u.UpdatedAt = time.Now()
		if err := s.stores.Accounts.UpdateUser(ctx, before, u); err != nil {
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.UserChanged, UserID: u.ID, Detail: map[string]any{"claims": changed}})
	})
	switch {
	case errors.Is(err, storage.ErrConflict):
		return u, Mistakes{{"username", ErrTaken}}
	case errors.Is(err, storage.ErrStale):
		return u, ErrChanged
	}
	if err != nil {
		return u, fmt.Errorf("edit profile: %w", err)
	}
	return u, nil
}

// edit writes the fields into the row and names those that differ.
func edit(u *storage.User, fields map[string]string) ([]string, error) {
	claims, err := profile.Read(u.Profile)
	if err != nil {
		return nil, err
	}
	before := profile.Values(*u)
	var mistakes Mistakes
	var changed []string
	for _, name := range profile.Fields() {
		value, named := fields[name]
		value = strings.TrimSpace(strings.ReplaceAll(value, "\r\n", "\n"))
		if !named || value == before[name] {
			continue
		}
		changed = append(changed, name)
		mistakes.add(Field(name), put(u, claims, name, value))
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	raw, err := claims.JSON()
	if err != nil {
		return nil, err
	}
	if len(raw) > profile.MaxBytes {
		return nil, Mistakes{{FieldClaims, fmt.Errorf("longer than %d bytes", profile.MaxBytes)}}
	}
	u.Profile = raw
	return changed, nil
}

// put writes one field.
func put(u *storage.User, claims profile.Claims, name, value string) error {
	if name == "username" {
		return putUsername(u, value)
	}
	return claims.Set(name, value)
}

func putUsername(u *storage.User, value string) error {
	if value == "" {
		u.Username, u.UsernameKey = "", ""
		return nil
	}
	key, err := identifier.UsernameKey(value)
	u.Username, u.UsernameKey = value, key
	return err
}
