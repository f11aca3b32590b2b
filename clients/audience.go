package clients

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"signet/clients/detail"
)

// ErrTarget: an unknown resource, or one that is not the client's or the grant's to ask for (RFC 8707 section 2).
var ErrTarget = errors.New("invalid target")

// Ask is what the audience of an access token is decided from.
type Ask struct {
	Client    *Client
	Issuer    string
	Default   string   // tokens.default_audience, "" = the issuer
	Scopes    []string // granted, or asked for by a client that needs no grant
	Granted   []string // resources named at authorize
	Requested []string // resources named at the token endpoint
	Details   []string // resources that take the authorization details, as registered (RFC 9396)
	Grant     bool     // a person's grant, which bounds Requested even where it named no resources
}

// Audience is the answer.
type Audience struct {
	Audience []string // as registered, in the order named
	Scopes   []string // those of Ask.Scopes that belong to the audience
}

// Decide is the audience rule: resources named at the token endpoint (a subset of what the authorization is for) and nothing else;
// else what the authorization is for: resources named at authorize, else the owners of a granted scope, else the default; and whoever takes
// its authorization details. openid makes the issuer one of what an authorization is for, so that the token opens userinfo; a token that
// was asked for by resource opens it only where the issuer was named. The scopes are narrowed to the audience's; Signet's own belong to the
// issuer, and offline_access to none.
func (rs *Resources) Decide(a Ask) (Audience, error) {
	aud, err := rs.whole(a)
	if err != nil {
		return Audience{}, err
	}
	if len(a.Requested) > 0 {
		requested, err := rs.spelled(a, a.Requested)
		if err != nil {
			return Audience{}, err
		}
		for _, id := range requested { // RFC 8707 section 2.2
			if (a.Grant || len(a.Granted) > 0) && !slices.Contains(aud, id) {
				return Audience{}, fmt.Errorf("%w: %q was not part of the authorization", ErrTarget, id)
			}
		}
		aud = requested
	}
	return Audience{Audience: aud, Scopes: rs.Within(a.Scopes, aud, a.Issuer)}, nil
}

// whole is what the authorization is for when nothing narrower is asked for.
func (rs *Resources) whole(a Ask) ([]string, error) {
	aud, err := rs.granted(a)
	if err != nil {
		return nil, err
	}
	if len(aud) == 0 {
		for _, s := range a.Scopes {
			for _, r := range rs.Owners(s) {
				if a.Client.mayHave(r) && !slices.Contains(aud, r.Identifier) {
					aud = append(aud, r.Identifier)
				}
			}
		}
	}
	for _, id := range a.Details {
		if !slices.Contains(aud, id) {
			aud = append(aud, id)
		}
	}
	if slices.Contains(a.Scopes, "openid") && !slices.Contains(aud, a.Issuer) {
		aud = append(aud, a.Issuer)
	}
	if len(aud) == 0 {
		aud = []string{rs.fallback(a)}
	}
	return aud, nil
}

// fallback is the default audience, spelled as registered.
func (rs *Resources) fallback(a Ask) string {
	if r, ok := rs.Find(a.Default); ok {
		return r.Identifier
	}
	return cmp.Or(a.Default, a.Issuer)
}

// granted are the resources named at authorize. One that is gone since is left out; it is an error if none is left.
func (rs *Resources) granted(a Ask) (granted []string, err error) {
	for _, id := range a.Granted {
		var one []string
		if one, err = rs.spelled(a, []string{id}); err == nil && !slices.Contains(granted, one[0]) {
			granted = append(granted, one[0])
		}
	}
	if len(granted) > 0 {
		return granted, nil
	}
	return nil, err
}

func (rs *Resources) spelled(a Ask, ids []string) ([]string, error) {
	var out []string
	for _, id := range ids {
		spelled, err := rs.Spell(a.Client, a.Issuer, id)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, spelled) {
			out = append(out, spelled)
		}
	}
	return out, nil
}

// Named gives an identifier as registered: a resource's, or the issuer's, which may also be named as what it serves to bearers of a
// token: its userinfo endpoint, whose metadata has this name (RFC 9728).
func (rs *Resources) Named(issuer, identifier string) (spelled string, ok bool) {
	if sameIdentifier(identifier, issuer) || sameIdentifier(identifier, issuer+"/userinfo") {
		return issuer, true
	}
	r, ok := rs.Find(identifier)
	return r.Identifier, ok
}

// Spell gives a resource's identifier as registered if the client may ask for it: its registered scope holds one of the
// resource's scopes (or the resource has none), or one of the types of its authorization details. The issuer itself may be named by a
// client of openid.
func (rs *Resources) Spell(c *Client, issuer, identifier string) (string, error) {
	spelled, ok := rs.Named(issuer, identifier)
	if !ok {
		return "", fmt.Errorf("%w: unknown resource %q", ErrTarget, identifier)
	}
	if spelled == issuer {
		if c.HasScope("openid") {
			return issuer, nil
		}
		return "", fmt.Errorf("%w: the client has no openid scope", ErrTarget)
	}
	r, _ := rs.Find(spelled)
	if !c.mayHave(r) {
		return "", fmt.Errorf("%w: %q is for registered clients", ErrTarget, identifier)
	}
	details := slices.ContainsFunc(r.DetailsTypes, func(t detail.Type) bool { return slices.Contains(c.DetailsTypes, t.Type) })
	if len(r.Scopes) > 0 && !details && !slices.ContainsFunc(r.Scopes, c.HasScope) {
		return "", fmt.Errorf("%w: %q is not for this client", ErrTarget, identifier)
	}
	return r.Identifier, nil
}

// Within are those of the scopes that belong to an audience: Signet's own to the issuer, offline_access to every one.
func (rs *Resources) Within(scopes, aud []string, issuer string) []string {
	var out []string
	for _, s := range scopes {
		belongs := s == "offline_access"
		if slices.Contains(BuiltinScopes, s) {
			belongs = belongs || slices.Contains(aud, issuer)
		} else {
			belongs = slices.ContainsFunc(rs.Owners(s), func(r Resource) bool { return slices.Contains(aud, r.Identifier) })
		}
		if belongs {
			out = append(out, s)
		}
	}
	return out
}
