// Package jwe encrypts what a client gets to the client's own key (RFC 7516; OpenID Connect Core section 10.2). What is signed is signed
// first, by whoever calls. Begin with Seal.
package jwe

import (
	"context"
	"crypto/fips140"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/clients/algs"
	"signet/oauth/clientjwt"
)

// ErrNoKey: the client has no key that fits what it registered, or its keys cannot be had.
var ErrNoKey = errors.New("no key of the client to encrypt to")

// ErrFIPS: Go refuses what is not of its cryptographic module (GODEBUG=fips140=only), and this client registered such.
var ErrFIPS = errors.New("not with GODEBUG=fips140=only")

// Seal encrypts to a key of the client: of those that fit one that is for encryption only goes first. signed says that the text is a JWT
// itself (cty JWT, RFC 7519 section 5.2). source is asked for keys at a jwks_uri; nil = nobody is. Errors wrap ErrNoKey where there is
// none.
func Seal(ctx context.Context, source clientjwt.Keys, c *clients.Client, e algs.Encryption, text []byte, signed bool) (string, error) {
	key, err := keyOf(ctx, source, c, e.Key)
	if err != nil {
		return "", err
	}
	options := &jose.EncrypterOptions{}
	if signed {
		options = options.WithContentType("JWT")
	}
	content := e.Content
	if content == "" {
		content = algs.Contents[0]
	}
	if fips140.Enforced() && (e.Key == "RSA-OAEP" || strings.HasSuffix(content, "GCM")) {
		return "", fmt.Errorf("%w: %s with %s; RSA-OAEP-256 or ECDH-ES with A128CBC-HS256 is of the module", ErrFIPS, e.Key, content)
	}
	to := jose.Recipient{Algorithm: jose.KeyAlgorithm(e.Key), Key: key.Key, KeyID: key.KeyID}
	out, err := jose.NewEncrypter(jose.ContentEncryption(content), to, options)
	if err != nil {
		return "", fmt.Errorf("encrypt with %s, %s: %w", e.Key, content, err)
	}
	sealed, err := out.Encrypt(text)
	if err != nil {
		return "", fmt.Errorf("encrypt with %s, %s: %w", e.Key, content, err)
	}
	return sealed.CompactSerialize()
}

func keyOf(ctx context.Context, source clientjwt.Keys, c *clients.Client, alg string) (found jose.JSONWebKey, err error) {
	fits := func(k jose.JSONWebKey) bool { return algs.Takes(k, alg) && clients.GoodSize(k) }
	var all []jose.JSONWebKey
	switch {
	case c.JWKSURI == "" && c.JWKS != nil:
		all = c.JWKS.Keys
	case c.JWKSURI != "" && source != nil:
		if all, err = source.Keys(ctx, c, fits); err != nil {
			return found, fmt.Errorf("%w: %w", ErrNoKey, err)
		}
	}
	ok := false
	for _, k := range all {
		if !fits(k) {
			continue
		}
		if k.Use == "enc" {
			return k, nil
		}
		if !ok {
			found, ok = k, true
		}
	}
	if !ok {
		return found, fmt.Errorf("%w: none fits %s", ErrNoKey, alg)
	}
	return found, nil
}
