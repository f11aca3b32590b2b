package clientauth

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/internal/telemetry"
	"signet/oauth/clientjwt"
)

const (
	// typePlatform is the typ of SPIFFE's tokens, beside JWT and none (JWT-SVID section 2.3).
	typePlatform = "jose"
	// maxPlatformLife is how far ahead the end of a platform's token may be: they live for an hour or a day, and are presented many times.
	maxPlatformLife = 24 * time.Hour
)

// IssuerKeys finds the keys of an issuer by its discovery document; *keyset.Cache.
type IssuerKeys interface {
	OfIssuer(ctx context.Context, issuer string, fits func(jose.JSONWebKey) bool) ([]jose.JSONWebKey, error)
}

// checkFederated verifies a token of a platform that stands for the client (RFC 7523 section 3, with an issuer that is not the client). It
// may be presented again until it expires: pods get one an hour. Errors: *assertionError.
func (a *Authenticator) checkFederated(ctx context.Context, c *clients.Client, jws clientjwt.JWT, issuer string) error {
	credentials := c.Federated(issuer)
	if len(credentials) == 0 {
		_, _ = jws.Open(decoys, "") // it takes as long as for a client that is not known (rule J04)
		return refuse("iss is neither the client nor a platform that stands for it")
	}
	telemetry.Add(ctx, slog.String("federated_issuer", telemetry.Outside(issuer)))
	var last error
	for _, f := range credentials {
		if last = a.federated(ctx, jws, f); last == nil {
			return nil
		}
	}
	return last
}

func (a *Authenticator) federated(ctx context.Context, jws clientjwt.JWT, f clients.FederatedCredential) error {
	keys, err := a.platformKeys(ctx, jws, f)
	if err != nil {
		return refuse(err.Error())
	}
	payload, err := jws.Open(keys, "")
	if err != nil {
		return refuse(err.Error())
	}
	var claims assertionClaims
	var all map[string]json.RawMessage
	if clientjwt.Claims(payload, &claims) != nil || json.Unmarshal(payload, &all) != nil {
		return refuse("claims malformed")
	}
	return a.judgeFederated(claims, all, f, time.Now())
}

// platformKeys are pinned, at an address, or where the issuer's discovery document says.
func (a *Authenticator) platformKeys(ctx context.Context, jws clientjwt.JWT, f clients.FederatedCredential) ([]jose.JSONWebKey, error) {
	if f.JWKS != nil || f.JWKSURI != "" {
		return jws.Keys(ctx, a.o.Keys, &clients.Client{
			Metadata: clients.Metadata{ClientID: "federated " + f.Issuer, JWKS: f.JWKS, JWKSURI: f.JWKSURI}})
	}
	if a.o.IssuerKeys == nil {
		return nil, refuse("discovery documents are not asked here")
	}
	return a.o.IssuerKeys.OfIssuer(ctx, f.Issuer, jws.Fits)
}

func (a *Authenticator) judgeFederated(claims assertionClaims, all map[string]json.RawMessage, f clients.FederatedCredential,
	now time.Time) error {
	want := f.Audience
	if want == "" {
		want = a.o.Issuer
	}
	var audience string
	switch {
	case claims.Issuer != f.Issuer:
		return refuse("iss")
	case claims.Subject != f.Subject:
		return refuse("sub is not the one that was registered")
	case json.Unmarshal(claims.Audience, &audience) != nil && !single(claims.Audience, &audience) || audience != want:
		return refuse("aud must be the registered one alone")
	case claims.ExpiresAt == nil:
		return refuse("exp is missing")
	}
	for _, name := range slices.Sorted(maps.Keys(f.Claims)) {
		var got string
		if json.Unmarshal(all[name], &got) != nil && strings.Trim(string(all[name]), "0123456789truefals") == "" {
			got = string(all[name]) // a number or a truth value, as it is written
		}
		if len(all[name]) == 0 || got != f.Claims[name] {
			return refuse("claim " + name)
		}
	}
	expires := seconds(*claims.ExpiresAt)
	switch {
	case !now.Before(expires.Add(expGrace)):
		return refuse("expired")
	case expires.Sub(now) > maxPlatformLife+skew:
		return refuse("exp is too far ahead")
	case claims.NotBefore != nil && seconds(*claims.NotBefore).Sub(now) > skew, claims.IssuedAt != nil &&
		seconds(*claims.IssuedAt).Sub(now) > skew:
		return refuse("not valid yet")
	}
	return nil
}
