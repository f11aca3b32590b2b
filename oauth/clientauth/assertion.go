package clientauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"signet/clients"
	"signet/oauth/clientjwt"
	"signet/storage"
)

// Bounds of a client assertion (RFC 7523 section 3).
const (
	maxAssertion = 16 << 10
	skew         = 30 * time.Second
	expGrace     = 10 * time.Second
	maxLife      = 10 * time.Minute
)

// assertionError says, for the log, why an assertion was refused.
type assertionError struct{ why string }

func (e *assertionError) Error() string { return "client assertion: " + e.why }

func refuse(why string) error { return &assertionError{why} }

type assertionClaims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  json.RawMessage `json:"aud"`
	ExpiresAt *float64        `json:"exp"`
	NotBefore *float64        `json:"nbf"`
	IssuedAt  *float64        `json:"iat"`
	ID        string          `json:"jti"`
	// of a request object, which everybody sees whose browser it passes through (RFC 9101 section 10.8)
	ResponseType json.RawMessage `json:"response_type"`
	RedirectURI  json.RawMessage `json:"redirect_uri"`
}

// unverifiedSubject names the client whose keys shall verify the assertion; "" if it names none.
func unverifiedSubject(assertion string) string { return unverified(assertion).Subject }

// unverified are the names that an assertion says, to choose the keys by; empty if it cannot be read.
func unverified(assertion string) (c struct {
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
}) {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 || len(assertion) > maxAssertion {
		return c
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return c
	}
	read := c
	if json.Unmarshal(raw, &read) != nil {
		return c
	}
	return read
}

// checkAssertion verifies an assertion with the client's registered keys, or its secret, and spends its jti. For a nil client it parses and
// refuses. Errors: *assertionError, or the storage's.
func (a *Authenticator) checkAssertion(ctx context.Context, c *clients.Client, cred credentials) error {
	assertion := cred.assertion
	if len(assertion) > maxAssertion {
		return refuse("too long")
	}
	if cred.method == clients.MethodJWTSecret {
		payload, err := a.openShared(ctx, c, assertion)
		if err != nil {
			return err
		}
		return a.spend(ctx, c, payload)
	}
	jws, err := clientjwt.ParseIssued(assertion, "jwt", "client-authentication+jwt", typePlatform)
	if err != nil {
		return refuse(err.Error())
	}
	if c != nil && len(c.FederatedCredentials) > 0 {
		if issuer := unverified(assertion).Issuer; issuer != c.ClientID {
			return a.checkFederated(ctx, c, jws, issuer)
		}
	}
	if jws.Type == typePlatform {
		return refuse("typ")
	}
	known := c != nil && (c.JWKS != nil || c.JWKSURI != "") && jws.Own()
	keys, alg := decoys, ""
	if known {
		if keys, err = jws.Keys(ctx, a.o.Keys, c); err != nil {
			return refuse(err.Error())
		}
		alg = c.TokenEndpointAuthSigningAlg
	}
	payload, err := jws.Open(keys, alg)
	if !known {
		return refuse("unknown client or no keys, or an algorithm of platforms only")
	}
	if err != nil {
		return refuse(err.Error())
	}
	return a.spend(ctx, c, payload)
}

// openShared is the payload of an assertion that the client signed with its secret (client_secret_jwt).
func (a *Authenticator) openShared(ctx context.Context, c *clients.Client, assertion string) (payload []byte, err error) {
	jws, err := clientjwt.ParseShared(assertion, "jwt", "client-authentication+jwt")
	if err != nil {
		return nil, refuse(err.Error())
	}
	alg := jws.Algorithm()
	if c != nil {
		alg = c.SecretAlg()
	}
	if !a.o.Registry.CheckShared(ctx, c, func(key []byte) bool {
		payload, err = jws.OpenShared(key, alg)
		return err == nil
	}) {
		return nil, refuse("unknown client, or no secret fits")
	}
	return payload, nil
}

// spend judges what was verified and uses its jti up.
func (a *Authenticator) spend(ctx context.Context, c *clients.Client, payload []byte) error {
	var claims assertionClaims
	if err := clientjwt.Claims(payload, &claims); err != nil {
		return refuse("claims malformed")
	}
	expires, err := a.judge(claims, c, time.Now())
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(claims.ID))
	err = a.o.Replay.SpendOnce(ctx, "client_assertion", c.ClientID, base64.RawURLEncoding.EncodeToString(sum[:]), expires.Add(expGrace))
	if errors.Is(err, storage.ErrConflict) {
		return refuse("used before")
	}
	return err
}

// judge checks the claims (rule J03) and returns when the assertion expires.
func (a *Authenticator) judge(claims assertionClaims, c *clients.Client, now time.Time) (time.Time, error) {
	var audience string
	switch {
	case claims.Issuer != c.ClientID || claims.Subject != c.ClientID:
		return time.Time{}, refuse("iss and sub must be the client id")
	case claims.ResponseType != nil || claims.RedirectURI != nil:
		return time.Time{}, refuse("is a request object")
	case json.Unmarshal(claims.Audience, &audience) != nil && !single(claims.Audience, &audience):
		return time.Time{}, refuse("aud must be one value")
	case audience != a.o.Issuer && !slices.Contains(a.o.Audiences, audience):
		return time.Time{}, refuse("aud is not this server")
	case c.FAPI() && (audience != a.o.Issuer || claims.Audience[0] != '"'): // section 5.3.2.1
		return time.Time{}, refuse("aud must be the issuer, as a text")
	case claims.ExpiresAt == nil:
		return time.Time{}, refuse("exp is missing")
	case claims.ID == "" || len(claims.ID) > 256:
		return time.Time{}, refuse("jti is missing or too long")
	}
	expires := seconds(*claims.ExpiresAt)
	switch {
	case !now.Before(expires.Add(expGrace)):
		return time.Time{}, refuse("expired")
	case expires.Sub(now) > maxLife+skew, c.FAPI() && expires.Sub(now) > maxLife/2+skew:
		return time.Time{}, refuse("exp is too far ahead")
	case claims.NotBefore != nil && seconds(*claims.NotBefore).Sub(now) > skew, claims.IssuedAt != nil &&
		seconds(*claims.IssuedAt).Sub(now) > skew:
		return time.Time{}, refuse("not valid yet")
	}
	return expires, nil
}

func single(raw json.RawMessage, out *string) bool {
	var list []string
	if json.Unmarshal(raw, &list) != nil || len(list) != 1 {
		return false
	}
	*out = list[0]
	return true
}

// seconds bounds the number first: a float beyond the range would wrap.
func seconds(f float64) time.Time {
	return time.Unix(int64(max(-1e11, min(1e11, f))), 0)
}
