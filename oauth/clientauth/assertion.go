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

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
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
}

// unverifiedSubject names the client whose keys shall verify the assertion; "" if it names none.
func unverifiedSubject(assertion string) string {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 || len(assertion) > maxAssertion {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var c struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(raw, &c) != nil {
		return ""
	}
	return c.Subject
}

var assertionAlgs = func() (algs []jose.SignatureAlgorithm) {
	for _, a := range clients.AssertionAlgs {
		algs = append(algs, jose.SignatureAlgorithm(a))
	}
	return algs
}()

// checkAssertion verifies an assertion with the client's registered keys and spends its jti. For a nil client it parses and
// refuses. Errors: *assertionError, or the storage's.
func (a *Authenticator) checkAssertion(ctx context.Context, c *clients.Client, assertion string) error {
	if len(assertion) > maxAssertion {
		return refuse("too long")
	}
	jws, err := jose.ParseSignedCompact(assertion, assertionAlgs)
	if err != nil {
		return refuse("malformed")
	}
	known := c != nil && (c.JWKS != nil || c.JWKSURI != "")
	keys, alg := decoys, ""
	if known {
		if keys, err = a.keys(ctx, c, jws.Signatures[0].Protected); err != nil {
			return refuse(err.Error())
		}
		alg = c.TokenEndpointAuthSigningAlg
	}
	payload, err := verify(jws, keys, alg)
	if !known {
		return refuse("unknown client or no keys")
	}
	if err != nil {
		return err
	}
	var claims assertionClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
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

// keys are the client's; those at an address are fetched anew if none fits the header.
func (a *Authenticator) keys(ctx context.Context, c *clients.Client, h jose.Header) ([]jose.JSONWebKey, error) {
	if c.JWKSURI == "" {
		return c.JWKS.Keys, nil
	}
	if a.o.Keys == nil {
		return nil, errors.New("jwks_uri is not asked here")
	}
	return a.o.Keys.Keys(ctx, c, func(k jose.JSONWebKey) bool { return may(k, h) })
}

// may reports whether the key could have made a signature with the header.
func may(k jose.JSONWebKey, h jose.Header) bool {
	return (h.KeyID == "" || k.KeyID == "" || k.KeyID == h.KeyID) && clients.Verifies(k, h.Algorithm)
}

// verify returns the payload if one of the keys, of the registered algorithm if there is one, made the signature. Keys named in
// the header count for nothing, and what would change the meaning of the rest is refused (RFC 7515 section 4.1, RFC 8725).
func verify(jws *jose.JSONWebSignature, keys []jose.JSONWebKey, registered string) ([]byte, error) {
	h := jws.Signatures[0].Protected
	for _, name := range []jose.HeaderKey{"crit", "b64", "zip"} {
		if _, ok := h.ExtraHeaders[name]; ok {
			return nil, refuse("header has " + string(name))
		}
	}
	if typ, ok := h.ExtraHeaders[jose.HeaderType]; ok {
		if text, _ := typ.(string); !strings.EqualFold(text, "JWT") && !strings.EqualFold(text, "client-authentication+jwt") {
			return nil, refuse("typ")
		}
	}
	if registered != "" && h.Algorithm != registered {
		return nil, refuse("alg is not the registered one")
	}
	for _, k := range keys {
		if !may(k, h) {
			continue
		}
		if payload, err := jws.Verify(k.Key); err == nil {
			return payload, nil
		}
	}
	return nil, refuse("no registered key fits")
}

// judge checks the claims (rule J03) and returns when the assertion expires.
func (a *Authenticator) judge(claims assertionClaims, c *clients.Client, now time.Time) (time.Time, error) {
	var audience string
	switch {
	case claims.Issuer != c.ClientID || claims.Subject != c.ClientID:
		return time.Time{}, refuse("iss and sub must be the client id")
	case json.Unmarshal(claims.Audience, &audience) != nil && !single(claims.Audience, &audience):
		return time.Time{}, refuse("aud must be one value")
	case audience != a.o.Issuer && !slices.Contains(a.o.Audiences, audience):
		return time.Time{}, refuse("aud is not this server")
	case claims.ExpiresAt == nil:
		return time.Time{}, refuse("exp is missing")
	case claims.ID == "" || len(claims.ID) > 256:
		return time.Time{}, refuse("jti is missing or too long")
	}
	expires := seconds(*claims.ExpiresAt)
	switch {
	case !now.Before(expires.Add(expGrace)):
		return time.Time{}, refuse("expired")
	case expires.Sub(now) > maxLife+skew:
		return time.Time{}, refuse("exp is too far ahead")
	case claims.NotBefore != nil && seconds(*claims.NotBefore).Sub(now) > skew, claims.IssuedAt != nil && seconds(*claims.IssuedAt).Sub(now) > skew:
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
