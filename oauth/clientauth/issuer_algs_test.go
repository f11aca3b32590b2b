package clientauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/oauth/clientauth"
	"signet/storage/storagetest"
)

// served are the keys at a client's jwks_uri.
type served []jose.JSONWebKey

func (k served) Keys(context.Context, *clients.Client, func(jose.JSONWebKey) bool) ([]jose.JSONWebKey, error) {
	return k, nil
}

// TestFederated_AnAlgorithmOfPlatformsIsNoClientsOwn: ES384 is taken from whom an operator trusts, and from nobody else.
func TestFederated_AnAlgorithmOfPlatformsIsNoClientsOwn(t *testing.T) {
	for _, test := range []struct {
		curve elliptic.Curve
		alg   jose.SignatureAlgorithm
		ok    bool
	}{{elliptic.P256(), jose.ES256, true}, {elliptic.P384(), jose.ES384, false}} {
		key, err := ecdsa.GenerateKey(test.curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		db, keys := storagetest.SQLite(t), served{{Key: key.Public()}}
		m := clients.Metadata{ClientID: "own", GrantTypes: []string{clients.ClientCredentials}, TokenEndpointAuthMethod: clients.MethodJWTKey}
		m.JWKS = &jose.JSONWebKeySet{Keys: keys}
		if err := m.WithDefaults().Validate(); (err == nil) != test.ok {
			t.Errorf("%s registered: %v", test.alg, err)
		}
		m.JWKS, m.JWKSURI = nil, "https://own.example/keys"
		r, err := clients.New(t.Context(), clients.Options{Store: db, Issuer: issuer, Declared: []clients.Metadata{m},
			SecretKeys: [][]byte{make([]byte, 32)}})
		if err != nil {
			t.Fatal(err)
		}
		auth, err := clientauth.New(clientauth.Options{Registry: r, Replay: db, Issuer: issuer, Keys: keys,
			Network: func(*http.Request) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: test.alg, Key: key}, nil)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.Signed(signer).Claims(map[string]any{"iss": "own", "sub": "own", "aud": issuer, "jti": "1",
			"exp": time.Now().Add(time.Minute).Unix()}).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		_, err = auth.Authenticate(t.Context(), httptest.NewRequestWithContext(t.Context(), "POST", endpoint, nil),
			url.Values{"client_assertion_type": {clientauth.AssertionType}, "client_assertion": {token}})
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.alg, err)
		}
	}
}
