// Package dpoptest makes DPoP proofs for tests (RFC 9449 section 4), good ones and bad ones.
package dpoptest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Key is a caller's key pair, for ES256.
type Key struct{ Private *ecdsa.PrivateKey }

// New makes a key.
func New(t testing.TB) Key {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Key{k}
}

// Thumbprint is the key's jkt (RFC 7638).
func (k Key) Thumbprint(t testing.TB) string {
	t.Helper()
	sum, err := (&jose.JSONWebKey{Key: k.Private}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// Claims are those of a proof for a request that is made now.
func Claims(method, target string) map[string]any {
	return map[string]any{"jti": rand.Text(), "htm": method, "htu": target, "iat": time.Now().Unix()}
}

// Hash is the claim ath for an access token (RFC 9449 section 4.2).
func Hash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Sign makes the proof; header replaces members of the right header, nil removes one.
func (k Key) Sign(t testing.TB, claims, header map[string]any) string {
	t.Helper()
	public := (&jose.JSONWebKey{Key: k.Private}).Public()
	head := map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": &public}
	for name, value := range header {
		if head[name] = value; value == nil {
			delete(head, name)
		}
	}
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	input := part(head) + "." + part(claims)
	sum := sha256.Sum256([]byte(input))
	r, v, err := ecdsa.Sign(rand.Reader, k.Private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(signature[:])
}

// Proof is a good one for a request.
func (k Key) Proof(t testing.TB, method, target string) string {
	t.Helper()
	return k.Sign(t, Claims(method, target), nil)
}
