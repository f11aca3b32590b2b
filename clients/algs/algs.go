// Package algs says which algorithms clients can register for what they get (RFC 7518, RFC 8037).
package algs

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Signing are those that a client can have its answers signed with. The keys of all but the first two are made when a client wants one.
var Signing = []string{"ES256", "RS256", "PS256", "ES384", "ES512", "EdDSA"}

// Issuers are those of what others sign whom an operator trusts: platforms of workloads, issuers of assertions and of software statements.
// They choose what they sign with; Amazon's STS also has ES384.
var Issuers = []string{"ES256", "PS256", "RS256", "EdDSA", "ES384"}

// Secrets are those that a client can sign with its secret (client_secret_jwt); the first is the default.
var Secrets = []string{"HS256", "HS384", "HS512"}

// Keys are the algorithms by which a client can have the key of what is encrypted for it brought over. RSA1_5 is none of them (RFC 8725
// section 3.2).
var Keys = []string{"RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"}

// Contents are those that what is encrypted for it is encrypted with; the first is the default (OpenID Connect Dynamic Registration
// section 2).
var Contents = []string{"A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"}

// Encryption is how a client wants something encrypted; the zero value is not at all.
type Encryption struct{ Key, Content string }

// On reports whether it is wanted.
func (e Encryption) On() bool { return e.Key != "" }

// Takes reports whether a public key is one to encrypt to with an algorithm of Keys: type, use and alg must all fit (RFC 7517 sections 4.2,
// 4.4).
func Takes(k jose.JSONWebKey, alg string) bool {
	if !k.Valid() || !k.IsPublic() || k.Algorithm != "" && k.Algorithm != alg || k.Use != "" && k.Use != "enc" {
		return false
	}
	switch k.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RSA-")
	case *ecdsa.PublicKey:
		return strings.HasPrefix(alg, "ECDH-ES")
	}
	return false
}
