package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/config"
	"signet/oauth/clientauth"
	"signet/server/servertest"
)

// An app whose keys are at its jwks_uri proves itself with them; at an inner address they are never asked for.
func TestKeySet_AnAppProvesItselfByItsJWKSURI(t *testing.T) { // RFC 7523 section 3, RFC 7591 section 2
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}})
	}))
	defer site.Close()
	there, err := url.Parse(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		allow  []string
		status int
	}{"allowed": {[]string{there.Hostname()}, http.StatusOK}, "inner": {nil, http.StatusUnauthorized}} {
		s := servertest.New(t, servertest.HandlerOnly(),
			servertest.YAML(`resources: [{identifier: "https://api.example.com/", scopes: [api:read]}]`),
			servertest.Change(func(c *config.Config) { c.Egress.AllowHosts = tt.allow }))
		app := s.App(t, "robot", func(m *clients.Metadata) {
			m.GrantTypes, m.RedirectURIs, m.TokenEndpointAuthMethod = []string{clients.ClientCredentials}, nil, clients.MethodJWTKey
			m.Scope = "api:read"
			m.JWKSURI = "https://" + strings.TrimPrefix(site.URL, "http://")
		})
		if tt.allow != nil { // over http, which the allowed hosts may
			row, _, err := s.Services().DB.ClientByID(t.Context(), app.ClientID)
			if err != nil {
				t.Fatal(err)
			}
			changed := json.RawMessage(strings.Replace(string(row.Metadata), `"https://127`, `"http://127`, 1))
			if err := s.Services().DB.UpdateClient(t.Context(), app.ClientID, row.Metadata, changed, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		assertion, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: "robot", Subject: "robot", Audience: jwt.Audience{s.URL}, ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute))}).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.HTTP.PostForm(s.URL+"/oauth2/token",
			url.Values{"grant_type": {clients.ClientCredentials}, "client_assertion_type": {clientauth.AssertionType},
				"client_assertion": {assertion}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != tt.status {
			t.Errorf("%s: %d, keys asked for %d times", name, res.StatusCode, asked)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
