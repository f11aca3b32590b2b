// Package clientjwt verifies what clients sign: assertions (RFC 7523), request objects (RFC 9101). There is one list of algorithms and one
// way to choose a key; what is demanded of the claims is the caller's matter. Begin with Open.
package clientjwt

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/clients/algs"
	"signet/internal/exact"
)

// ErrRefused: the JWT is not one that the client may have signed. The text says why, for the log.
var ErrRefused = errors.New("JWT refused")

type refused struct{ why string }

func (r *refused) Error() string        { return r.why }
func (r *refused) Is(target error) bool { return target == ErrRefused }

func refuse(why string) error { return &refused{why} }

// Keys finds a client's public keys; *keyset.Cache.
type Keys interface {
	Keys(ctx context.Context, c *clients.Client, fits func(jose.JSONWebKey) bool) ([]jose.JSONWebKey, error)
}

// JWT is one that was parsed and not yet verified.
type JWT struct {
	jws *jose.JSONWebSignature
	// Type is the typ header in lower case, without "application/"; "" = none (RFC 7515 section 4.1.9).
	Type string
}

var byKeys, byIssuers, bySecrets = listOf(clients.AssertionAlgs), listOf(algs.Issuers), listOf(algs.Secrets)

func listOf(names []string) (list []jose.SignatureAlgorithm) {
	for _, a := range names {
		list = append(list, jose.SignatureAlgorithm(a))
	}
	return list
}

// Parse reads a compact JWS of an algorithm that clients may use; none is not among them. types are the typ headers that it may have,
// beside none. Errors are ErrRefused.
func Parse(token string, types ...string) (JWT, error) { return parse(token, byKeys, types) }

// ParseIssued is Parse of a JWS that may be an issuer's whom an operator trusts, of one of algs.Issuers. See Own.
func ParseIssued(token string, types ...string) (JWT, error) { return parse(token, byIssuers, types) }

// Own reports whether the algorithm is one that clients may use.
func (j JWT) Own() bool { return slices.Contains(clients.AssertionAlgs, j.Algorithm()) }

// ParseShared is Parse of a JWS of an algorithm of algs.Secrets, which nothing but OpenShared verifies.
func ParseShared(token string, types ...string) (JWT, error) { return parse(token, bySecrets, types) }

// Shared reports whether the header of a token says that it is signed with a secret. Nothing of it was verified.
func Shared(token string) bool {
	head, _, _ := strings.Cut(token, ".")
	const longest = 4 << 10
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil || len(raw) > longest {
		return false
	}
	var h struct {
		Alg string `json:"alg"`
	}
	return json.Unmarshal(raw, &h) == nil && slices.Contains(algs.Secrets, h.Alg)
}

func parse(token string, algs []jose.SignatureAlgorithm, types []string) (JWT, error) {
	jws, err := jose.ParseSignedCompact(token, algs)
	if err != nil {
		return JWT{}, refuse("malformed")
	}
	j := JWT{jws: jws}
	h := jws.Signatures[0].Protected
	for _, name := range []jose.HeaderKey{"crit", "b64", "zip"} { // what would change the meaning of the rest (RFC 7515 section 4.1, RFC 8725)
		if _, ok := h.ExtraHeaders[name]; ok {
			return j, refuse("header has " + string(name))
		}
	}
	if typ, ok := h.ExtraHeaders[jose.HeaderType]; ok {
		text, _ := typ.(string)
		j.Type = strings.TrimPrefix(strings.ToLower(text), "application/")
		if !slices.Contains(types, j.Type) {
			return j, refuse("typ")
		}
	}
	return j, nil
}

// Algorithm of the header.
func (j JWT) Algorithm() string { return j.jws.Signatures[0].Protected.Algorithm }

// Keys of the client that may have signed it; none of an algorithm that its profile does not allow. Errors are ErrRefused or those of the
// source.
func (j JWT) Keys(ctx context.Context, source Keys, c *clients.Client) ([]jose.JSONWebKey, error) {
	if !c.Strong(j.Algorithm()) {
		return nil, refuse("alg is not one of the client's profile")
	}
	if c.JWKSURI == "" {
		if c.JWKS == nil {
			return nil, refuse("the client registered no keys")
		}
		return c.JWKS.Keys, nil
	}
	if source == nil {
		return nil, refuse("jwks_uri is not asked here")
	}
	return source.Keys(ctx, c, j.Fits)
}

// Fits reports whether the key could have made the signature.
func (j JWT) Fits(k jose.JSONWebKey) bool {
	h := j.jws.Signatures[0].Protected
	return (h.KeyID == "" || k.KeyID == "" || k.KeyID == h.KeyID) && clients.Verifies(k, h.Algorithm)
}

// Open returns the payload if one of the keys, of the registered algorithm if there is one, made the signature. Keys named in the header
// count for nothing.
func (j JWT) Open(keys []jose.JSONWebKey, registered string) ([]byte, error) {
	if registered != "" && j.Algorithm() != registered {
		return nil, refuse("alg is not the registered one")
	}
	for _, k := range keys {
		if !j.Fits(k) {
			continue
		}
		if payload, err := j.jws.Verify(k.Key); err == nil {
			return payload, nil
		}
	}
	return nil, refuse("no registered key fits")
}

// OpenShared returns the payload if the secret, with the registered algorithm, made the signature.
func (j JWT) OpenShared(secret []byte, registered string) ([]byte, error) {
	if j.Algorithm() != registered {
		return nil, refuse("alg is not the registered one")
	}
	payload, err := j.jws.Verify(secret)
	if err != nil {
		return nil, refuse("no secret of the client fits")
	}
	return payload, nil
}

// Claims reads the claims of a payload by exactly their names: "Sub" is not sub, whoever may put claims of their own beside those of the
// issuer. A claim that is there twice is refused (RFC 7519 section 4).
func Claims(payload []byte, into any) error {
	if err := exact.Unmarshal(payload, into); err != nil {
		return refuse("claims malformed")
	}
	return nil
}
