package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/clients/keyset"
	"signet/internal/egress"
	"signet/oauth/clientauth"
	"signet/server/servertest"
)

// A pretend platform: its discovery document, its keys, its tokens.
func TestFederated_KeysByTheIssuersDiscoveryDocument(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	var named atomic.Value
	var site *httptest.Server
	site = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": named.Load().(string), "jwks_uri": site.URL + "/keys"})
		case "/keys":
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(site.Close)
	cache, err := keyset.New(egress.New(egress.Options{MaxBody: 1 << 20, Allow: []string{"127.0.0.1"}}))
	if err != nil {
		t.Fatal(err)
	}
	fits := func(k jose.JSONWebKey) bool { return k.KeyID == "k" }
	named.Store("https://evil.example")
	if _, err := cache.OfIssuer(t.Context(), site.URL, fits); err == nil {
		t.Error("the document of another issuer counted")
	}
	before := asked.Load()
	if _, err := cache.OfIssuer(t.Context(), site.URL, fits); err == nil || asked.Load() != before {
		t.Errorf("asked again at once: %v", err)
	}
	named.Store(site.URL)
	fresh, err := keyset.New(egress.New(egress.Options{MaxBody: 1 << 20, Allow: []string{"127.0.0.1"}}))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if keys, err := fresh.OfIssuer(t.Context(), site.URL, fits); err != nil || len(keys) != 1 {
			t.Fatalf("%v, %v", keys, err)
		}
	}
	if asked.Load() != before+2 {
		t.Errorf("%d requests for three tokens", asked.Load()-before)
	}
}

func TestFederated_AWorkloadGetsATokenWithoutASecret(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, servertest.HandlerOnly())
	app := s.App(t, "worker", func(m *clients.Metadata) {
		m.GrantTypes, m.RedirectURIs, m.TokenEndpointAuthMethod = []string{clients.ClientCredentials}, nil, clients.MethodJWTKey
		m.FederatedCredentials = []clients.FederatedCredential{{Issuer: "https://cluster.example", Subject: "system:serviceaccount:shop:worker",
			JWKS: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public()}}}}}
	})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: "https://cluster.example", Subject: "system:serviceaccount:shop:worker",
		Audience: jwt.Audience{s.URL}, Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour))}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	status, got := app.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"worker"},
		"client_assertion_type": {clientauth.AssertionType}, "client_assertion": {token}})
	if status != 200 || got["access_token"] == nil {
		t.Fatalf("%d %v", status, got)
	}
	if claims := claimsOf(t, got["access_token"].(string)); claims["sub"] != "worker" {
		t.Errorf("%v", claims)
	}
}
