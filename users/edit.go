package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"signet/audit"
	"signet/storage"
)

// The profile's fields that people fill in themselves: claims of OpenID Connect Core section 5.1, parts of an address
// (section 5.1.1), and the user name, which apps see as preferred_username.
var (
	ownClaims = []string{
		"name", "given_name", "middle_name", "family_name", "nickname", "birthdate", "gender", "locale", "zoneinfo",
		"website", "profile", "picture", "phone_number",
	}
	ownParts = []string{"street_address", "postal_code", "locality", "region", "country"}
)

// ProfileFields lists the fields of EditProfile.
func ProfileFields() []string { return slices.Concat(ownClaims, []string{"username"}, ownParts) }

// ProfileValues is what EditProfile would be given to leave everything as it is.
func ProfileValues(u storage.User) map[string]string {
	var p map[string]any
	_ = json.Unmarshal(u.Profile, &p) // what cannot be read is not shown
	values := map[string]string{"username": u.Username}
	for _, name := range ownClaims {
		values[name], _ = p[name].(string)
	}
	address, _ := p["address"].(map[string]any)
	for _, name := range ownParts {
		values[name], _ = address[name].(string)
	}
	return values
}

// EditProfile changes what a person says of themselves: fields by name (ProfileFields), "" removes one, those not named stay
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
	profile := map[string]any{}
	if len(u.Profile) > 0 {
		if err := json.Unmarshal(u.Profile, &profile); err != nil {
			return nil, fmt.Errorf("read profile: %w", err)
		}
	}
	before := ProfileValues(*u)
	var mistakes Mistakes
	var changed []string
	for _, name := range ProfileFields() {
		value, named := fields[name]
		value = strings.TrimSpace(strings.ReplaceAll(value, "\r\n", "\n"))
		if !named || value == before[name] {
			continue
		}
		changed = append(changed, name)
		mistakes.add(Field(name), put(u, profile, name, value))
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	raw, err := json.Marshal(profile)
	if err != nil {
		return nil, fmt.Errorf("write profile: %w", err)
	}
	if len(raw) > maxClaims {
		return nil, Mistakes{{FieldClaims, fmt.Errorf("longer than %d bytes", maxClaims)}}
	}
	u.Profile = raw
	return changed, nil
}

// put writes one field.
func put(u *storage.User, profile map[string]any, name, value string) error {
	switch {
	case name == "username":
		return putUsername(u, value)
	case slices.Contains(ownParts, name):
		return putPart(profile, name, value)
	case name == "phone_number":
		delete(profile, "phone_number_verified")
	}
	if value == "" {
		delete(profile, name)
		return nil
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	kept, err := profileClaims[name](raw)
	profile[name] = kept
	return err
}

func putUsername(u *storage.User, value string) error {
	if value == "" {
		u.Username, u.UsernameKey = "", ""
		return nil
	}
	key, err := UsernameKey(value)
	u.Username, u.UsernameKey = value, key
	return err
}

// putPart writes one part of the address; the whole as one text (formatted) would contradict it and goes.
func putPart(profile map[string]any, name, value string) error {
	old, _ := profile["address"].(map[string]any)
	parts := maps.Clone(old)
	if parts == nil {
		parts = map[string]any{}
	}
	delete(parts, "formatted")
	delete(parts, name)
	if value != "" {
		raw, err := json.Marshal(map[string]string{name: value})
		if err != nil {
			return err
		}
		kept, err := postalAddress(raw)
		if err != nil {
			return err
		}
		maps.Copy(parts, kept.(map[string]any))
	}
	profile["address"] = parts
	if len(parts) == 0 {
		delete(profile, "address")
	}
	return nil
}
