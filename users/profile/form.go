package profile

import (
	"encoding/json"
	"maps"
	"slices"

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

// Fields lists the fields of the form that people fill in.
func Fields() []string { return slices.Concat(ownClaims, []string{"username"}, ownParts) }

// Values is what that form holds when it leaves everything as it is.
func Values(u storage.User) map[string]string {
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

// Set writes one of Fields but the user name, which is not in the profile; "" removes it. A new telephone number is unproven.
func (c Claims) Set(name, value string) error {
	if slices.Contains(ownParts, name) {
		return c.setPart(name, value)
	}
	if name == "phone_number" {
		delete(c, "phone_number_verified")
	}
	if value == "" {
		delete(c, name)
		return nil
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	kept, err := profileClaims[name](raw)
	c[name] = kept
	return err
}

// setPart writes one part of the address; the whole as one text (formatted) would contradict it and goes.
func (c Claims) setPart(name, value string) error {
	old, _ := c["address"].(map[string]any)
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
	c["address"] = parts
	if len(parts) == 0 {
		delete(c, "address")
	}
	return nil
}
