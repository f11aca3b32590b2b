package clientauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"

	"github.com/go-jose/go-jose/v4"
)

// decoys are the keys an unknown client's assertion is checked with, so that it takes as long as a known one's (rule J04).
// Nobody has their private parts; whatever they would say, the client is refused.
var decoys = func() (keys []jose.JSONWebKey) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		if k, err := ecdsa.GenerateKey(curve, rand.Reader); err == nil {
			keys = append(keys, jose.JSONWebKey{Key: k.Public()})
		}
	}
	if k, _, err := ed25519.GenerateKey(rand.Reader); err == nil {
		keys = append(keys, jose.JSONWebKey{Key: k})
	}
	modulus := make([]byte, 256) // verifying asks for an odd number of 2048 bits, not for its factors
	rand.Read(modulus)
	modulus[0] |= 0x80
	modulus[255] |= 1
	return append(keys, jose.JSONWebKey{Key: &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}})
}()
