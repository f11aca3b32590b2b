// Package claims says what an application is told about a person: OpenID Connect's standard claims by granted scope (Core
// section 5.4) and by the claims parameter (section 5.5), built from the person's row.
//
// It does not decide which scopes were granted, nor who the person is to the application (sub). Package users validates and
// writes the profile that is read here; the claim names are the standard's. Begin reading with Userinfo.
package claims

import (
	"encoding/json"
	"maps"
	"slices"

	"signet/storage"
)

// The scopes that ask for claims.
const (
	ScopeProfile = "profile"
	ScopeEmail   = "email"
	ScopeAddress = "address"
	ScopePhone   = "phone"
	ScopeGroups  = "groups" // ours: the groups the person is in
	ScopeRoles   = "roles"  // ours: the roles the person holds
)

// scopeClaims is the table of Core section 5.4.
var scopeClaims = map[string][]string{
	ScopeProfile: {
		"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
		"gender", "birthdate", "zoneinfo", "locale", "updated_at",
	},
	ScopeEmail:   {"email", "email_verified"},
	ScopeAddress: {"address"},
	ScopePhone:   {"phone_number", "phone_number_verified"},
	ScopeGroups:  {"groups"},
	ScopeRoles:   {"roles"},
}

// scopeOf is the scope that asks for a claim.
var scopeOf = func() map[string]string {
	m := map[string]string{}
	for scope, names := range scopeClaims {
		for _, name := range names {
			m[name] = scope
		}
	}
	return m
}()

// Supported is claims_supported: what an ID token says by itself, then all about persons.
func Supported() []string {
	list := []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"}
	for _, scope := range []string{ScopeProfile, ScopeEmail, ScopeAddress, ScopePhone, ScopeGroups, ScopeRoles} {
		list = append(list, scopeClaims[scope]...)
	}
	return list
}

// Userinfo is the answer of the userinfo endpoint (Core section 5.3.2): sub, the claims of the granted scopes, and those the
// claims parameter asks for there. What the person has not given is left out.
func Userinfo(u storage.User, m Memberships, scopes []string, p Param) map[string]any {
	names := slices.Clone(p.userinfo)
	for _, scope := range scopes {
		names = append(names, scopeClaims[scope]...)
	}
	out := about(u, names)
	m.into(out)
	out["sub"] = u.ID
	return out
}

// IDToken is what is in the ID token beside the protocol's own claims: what the claims parameter asks for there, and the
// memberships; nil if nothing. Claims asked for by the standard's scopes are given at the userinfo endpoint, for there always
// is an access token (Core section 5.4); groups and roles are what applications look for in the ID token.
func IDToken(u storage.User, m Memberships, p Param) map[string]any {
	if len(p.idToken) == 0 && len(m) == 0 {
		return nil
	}
	out := about(u, p.idToken)
	m.into(out)
	return out
}

// IDTokenOf is IDToken with the claims of the granted scopes, for a client that registered id_token_claims.
func IDTokenOf(u storage.User, m Memberships, scopes []string, p Param) map[string]any {
	names := slices.Clone(p.idToken)
	for _, scope := range scopes {
		names = append(names, scopeClaims[scope]...)
	}
	out := about(u, names)
	m.into(out)
	return out
}

// profile is the person's stored claims.
type profile struct {
	Name                string `json:"name"`
	FamilyName          string `json:"family_name"`
	GivenName           string `json:"given_name"`
	MiddleName          string `json:"middle_name"`
	Nickname            string `json:"nickname"`
	PreferredUsername   string `json:"preferred_username"`
	Profile             string `json:"profile"`
	Picture             string `json:"picture"`
	Website             string `json:"website"`
	Gender              string `json:"gender"`
	Birthdate           string `json:"birthdate"`
	Zoneinfo            string `json:"zoneinfo"`
	Locale              string `json:"locale"`
	PhoneNumber         string `json:"phone_number"`
	PhoneNumberVerified bool   `json:"phone_number_verified"`
	Address             struct {
		Formatted     string `json:"formatted"`
		StreetAddress string `json:"street_address"`
		Locality      string `json:"locality"`
		Region        string `json:"region"`
		PostalCode    string `json:"postal_code"`
		Country       string `json:"country"`
	} `json:"address"`
}

// about gives the named claims that the person has, in the types of Core section 5.1.
func about(u storage.User, names []string) map[string]any {
	out := make(map[string]any, len(names)+1)
	if len(names) == 0 {
		return out
	}
	var p profile
	if len(u.Profile) > 0 {
		_ = json.Unmarshal(u.Profile, &p) // a member of a wrong type is left out, the others are read
	}
	if u.Username != "" {
		p.PreferredUsername = u.Username
	}
	for _, name := range names {
		switch name {
		case "updated_at":
			if !u.UpdatedAt.IsZero() {
				out[name] = u.UpdatedAt.Unix()
			}
		case "email_verified":
			if u.Email != "" {
				out[name] = u.EmailVerified
			}
		case "phone_number_verified":
			if p.PhoneNumber != "" {
				out[name] = p.PhoneNumberVerified
			}
		case "address":
			if a := addressOf(p); len(a) > 0 {
				out[name] = a
			}
		default:
			if text := p.text(name, &u); text != "" {
				out[name] = text
			}
		}
	}
	return out
}

// text is a claim that is a text, "" if it is unknown or not of that kind.
func (p *profile) text(name string, u *storage.User) string {
	switch name {
	case "name":
		return p.Name
	case "family_name":
		return p.FamilyName
	case "given_name":
		return p.GivenName
	case "middle_name":
		return p.MiddleName
	case "nickname":
		return p.Nickname
	case "preferred_username":
		return p.PreferredUsername
	case "profile":
		return p.Profile
	case "picture":
		return p.Picture
	case "website":
		return p.Website
	case "gender":
		return p.Gender
	case "birthdate":
		return p.Birthdate
	case "zoneinfo":
		return p.Zoneinfo
	case "locale":
		return p.Locale
	case "email":
		return u.Email
	case "phone_number":
		return p.PhoneNumber
	}
	return ""
}

// addressOf is the address claim (Core section 5.1.1), empty if nothing of it is known.
func addressOf(p profile) map[string]string {
	a := map[string]string{
		"formatted": p.Address.Formatted, "street_address": p.Address.StreetAddress, "locality": p.Address.Locality,
		"region": p.Address.Region, "postal_code": p.Address.PostalCode, "country": p.Address.Country,
	}
	maps.DeleteFunc(a, func(_, v string) bool { return v == "" })
	return a
}
