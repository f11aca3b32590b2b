package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"signet/storage"
	"signet/users/identifier"
)

// Change is what a claims document asks for. Its null removes a claim.
type Change struct {
	Email    *string
	Verified *bool
	Claims   map[string]any // those of the profile, by name; nil value = remove
}

// Parse checks a JSON object of standard claims and finds all mistakes, in the order of the claims' names.
func Parse(raw json.RawMessage) (c Change, mistakes []error) {
	c.Claims = map[string]any{}
	if len(raw) == 0 {
		return c, nil
	}
	members, err := object(raw)
	if err != nil {
		return c, []error{err}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := c.Take(name, members[name]); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", name, err))
		}
	}
	return c, mistakes
}

// Take checks one claim and asks for it.
func (c *Change) Take(name string, raw json.RawMessage) error {
	null := string(raw) == "null"
	switch name {
	case "email":
		email, err := asText(raw)
		c.Email = &email
		return err
	case "email_verified":
		is, err := truth(raw)
		if err != nil {
			return err
		}
		c.Verified = new(is.(bool))
		return nil
	case "sub", "updated_at":
		return errors.New("is given by the server")
	}
	check, known := profileClaims[name]
	if !known {
		return errors.New("is not a standard claim of OpenID Connect")
	}
	if null {
		c.Claims[name] = nil
		return nil
	}
	value, err := check(raw)
	c.Claims[name] = value
	return err
}

// Apply writes the change into a person's row. The address is re-keyed; a new one counts as unproven unless the change
// says otherwise (identifier.ErrEmail).
func (c Change) Apply(u *storage.User) error {
	claims, err := Read(u.Profile)
	if err != nil {
		return err
	}
	for name, value := range c.Claims {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	raw, err := claims.JSON()
	if err != nil {
		return err
	}
	u.Profile = raw
	if c.Email != nil && *c.Email != u.Email {
		key, err := identifier.EmailKey(*c.Email)
		if err != nil {
			return fmt.Errorf("email: %w", err)
		}
		u.EmailVerified = u.EmailVerified && key == u.EmailKey
		u.Email, u.EmailKey = *c.Email, key
	}
	if c.Verified != nil {
		u.EmailVerified = *c.Verified
	}
	return nil
}

// Names are those of the claims that a change is about; not their values, which are the person's.
func (c Change) Names() []string {
	list := slices.Sorted(maps.Keys(c.Claims))
	if c.Email != nil {
		list = append(list, "email")
	}
	if c.Verified != nil {
		list = append(list, "email_verified")
	}
	return list
}
