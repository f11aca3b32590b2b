package clients_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
)

func TestEncryption_IsCheckedWhenItIsRegistered(t *testing.T) { // OpenID Connect Dynamic Registration section 2, RFC 7517 section 4.2
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := func(use, alg string) *jose.JSONWebKeySet {
		return &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: use, Algorithm: alg}}}
	}
	for name, tt := range map[string]struct {
		alg, enc, uri string
		keys          *jose.JSONWebKeySet
		wrong         string // "" = it is right
	}{
		"fits":                 {alg: "ECDH-ES", keys: set("enc", "")},
		"for any use":          {alg: "ECDH-ES+A256KW", enc: "A256GCM", keys: set("", "")},
		"its own algorithm":    {alg: "ECDH-ES", keys: set("enc", "ECDH-ES")},
		"at an address":        {alg: "RSA-OAEP-256", uri: "https://shop.example/jwks"},
		"for signatures":       {alg: "ECDH-ES", keys: set("sig", ""), wrong: "id_token_encrypted_response_alg"},
		"another algorithm":    {alg: "ECDH-ES", keys: set("enc", "ECDH-ES+A128KW"), wrong: "id_token_encrypted_response_alg"},
		"another kind of key":  {alg: "RSA-OAEP", keys: set("enc", ""), wrong: "id_token_encrypted_response_alg"},
		"no key":               {alg: "ECDH-ES", wrong: "id_token_encrypted_response_alg"},
		"RSA1_5":               {alg: "RSA1_5", uri: "https://shop.example/jwks", wrong: "id_token_encrypted_response_alg"},
		"a password":           {alg: "PBES2-HS256+A128KW", uri: "https://shop.example/jwks", wrong: "id_token_encrypted_response_alg"},
		"enc alone":            {enc: "A128GCM", wrong: "id_token_encrypted_response_enc"},
		"enc of another world": {alg: "ECDH-ES", enc: "none", keys: set("enc", ""), wrong: "id_token_encrypted_response_enc"},
	} {
		m := clients.Metadata{ClientID: "shop", RedirectURIs: []string{"https://shop.example/cb"}, TokenEndpointAuthMethod: clients.MethodBasic,
			JWKS: tt.keys, JWKSURI: tt.uri, IDTokenEncryptedResponseAlg: tt.alg, IDTokenEncryptedResponseEnc: tt.enc}.WithDefaults()
		err := m.Validate()
		if tt.wrong == "" && err != nil || tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
