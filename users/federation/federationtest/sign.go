package federationtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// signer is the key an upstream signs with.
type signer struct {
	alg string
	key jose.JSONWebKey
}

func newSigner(t testing.TB, alg string) *signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch alg {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		err = fmt.Errorf("no keys for %q", alg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &signer{alg, jose.JSONWebKey{Key: key, KeyID: random(), Algorithm: alg, Use: "sig"}}
}

func (s *signer) sign(typ string, claims map[string]any) (string, error) {
	options := &jose.SignerOptions{}
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	with, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(s.alg), Key: s.key}, options)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := with.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// published is the key set as it is served.
func (s *signer) published() map[string]any {
	var set map[string]any
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.key.Public()}})
	if err == nil {
		err = json.Unmarshal(raw, &set)
	}
	if err != nil {
		panic(err)
	}
	return set
}
