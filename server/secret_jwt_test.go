package server_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/oauth/clientauth"
	"signet/server/servertest"
)

// assertedBy is a client assertion, signed with a secret.
func assertedBy(t *testing.T, s *servertest.Server, id, secret string, alg jose.SignatureAlgorithm, change func(c map[string]any)) string {
	t.Helper()
	now := time.Now()
	claims := map[string]any{"iss": id, "sub": id, "aud": s.URL, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	if change != nil {
		change(claims)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: []byte(secret)}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// prove asks for a token with an assertion.
func prove(t *testing.T, s *servertest.Server, assertion string) int {
	t.Helper()
	resp, err := s.HTTP.PostForm(s.URL+"/oauth2/token", url.Values{"grant_type": {"client_credentials"},
		"client_assertion_type": {clientauth.AssertionType}, "client_assertion": {assertion}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// A client signs with its secret, which never goes over the wire; at rest it is sealed.
func TestClientSecretJWT(t *testing.T) { // OpenID Connect Core section 9, RFC 7523 section 2.2
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		machine := func(id, method, alg string) *servertest.App {
			return s.App(t, id, func(m *clients.Metadata) {
				m.TokenEndpointAuthMethod, m.TokenEndpointAuthSigningAlg = method, alg
				m.GrantTypes, m.ResponseTypes, m.RedirectURIs = []string{clients.ClientCredentials}, nil, nil
			})
		}
		robot, strong, plain := machine("robot", clients.MethodJWTSecret, ""), machine("strong", clients.MethodJWTSecret, "HS512"),
			machine("plain", clients.MethodBasic, "")
		if len(robot.ClientSecret) < 64 || !strings.HasPrefix(robot.ClientSecret, "sgn_") {
			t.Fatalf("secret of %d bytes", len(robot.ClientSecret))
		}
		ask := func(assertion string) int {
			return prove(t, s, assertion)
		}
		good := func(change func(c map[string]any)) string {
			return assertedBy(t, s, "robot", robot.ClientSecret, jose.HS256, change)
		}
		once := good(nil)
		for name, tt := range map[string]struct {
			assertion string
			status    int
		}{
			"HS512":                             {assertedBy(t, s, "strong", strong.ClientSecret, jose.HS512, nil), 200},
			"to the token endpoint":             {good(func(c map[string]any) { c["aud"] = s.URL + "/oauth2/token" }), 200},
			"not the registered algorithm":      {assertedBy(t, s, "strong", strong.ClientSecret, jose.HS256, nil), 401},
			"not the default":                   {assertedBy(t, s, "robot", robot.ClientSecret, jose.HS384, nil), 401},
			"another's secret":                  {assertedBy(t, s, "robot", strong.ClientSecret, jose.HS256, nil), 401},
			"of a client that sends its secret": {assertedBy(t, s, "plain", plain.ClientSecret, jose.HS256, nil), 401},
			"of nobody":                         {assertedBy(t, s, "nobody", robot.ClientSecret, jose.HS256, nil), 401},
			"expired":                           {good(func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }), 401},
			"to somebody else":                  {good(func(c map[string]any) { c["aud"] = "https://other.example" }), 401},
			"a request object":                  {good(func(c map[string]any) { c["response_type"] = "code" }), 401},
			"changed":                           {good(nil) + "A", 401}, "without a signature": {once[:strings.LastIndexByte(once, '.')+1], 401},
		} {
			if status := ask(tt.assertion); status != tt.status {
				t.Errorf("%s: %d", name, status)
			}
		}
		if first, again := ask(once), ask(once); first != 200 || again != 401 {
			t.Errorf("once: %d, again: %d", first, again)
		}
		if status, _ := robot.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}}); status != 401 { // by Basic
			t.Errorf("the secret itself: %d", status)
		}

		// at rest
		h := s.Services()
		_, rows, err := h.DB.ClientByID(t.Context(), "robot")
		if err != nil || len(rows) != 1 || rows[0].Sealed == nil || bytes.Contains(rows[0].Sealed, []byte(robot.ClientSecret)) {
			t.Fatalf("%v, %v", rows, err)
		}
		if _, rows, err := h.DB.ClientByID(t.Context(), "plain"); err != nil || rows[0].Sealed != nil {
			t.Fatalf("kept without need: %v", err)
		}
		// rotation: both count until the old one expires
		next, err := h.Clients.RotateSecret(t.Context(), "robot", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{next, robot.ClientSecret} {
			if status := ask(assertedBy(t, s, "robot", secret, jose.HS256, nil)); status != 200 {
				t.Errorf("after a rotation: %d", status)
			}
		}
		// who changes to it gets a secret, for of the one before only a MAC is kept
		changed, err := h.Clients.Change(t.Context(), "plain", func(m *clients.Metadata) error {
			m.TokenEndpointAuthMethod = clients.MethodJWTSecret
			return nil
		})
		if err != nil || changed.ClientSecret == "" {
			t.Fatalf("%v, %v", changed.ClientSecret != "", err)
		}
		if status := ask(assertedBy(t, s, "plain", changed.ClientSecret, jose.HS256, nil)); status != 200 {
			t.Errorf("after the change: %d", status)
		}
		if status := ask(assertedBy(t, s, "plain", plain.ClientSecret, jose.HS256, nil)); status != 401 {
			t.Errorf("the secret before: %d", status)
		}
		again, err := h.Clients.Change(t.Context(), "plain", func(m *clients.Metadata) error { m.ClientName = "x"; return nil })
		if err != nil || again.ClientSecret != "" {
			t.Errorf("a change of another kind makes a secret: %v", err)
		}
	})
}

// The public key of a client is no secret: whoever signs with it as one is nobody.
func TestClientSecretJWT_APublicKeyIsNoSecret(t *testing.T) { // RFC 8725 section 2.1
	s := servertest.New(t, servertest.HandlerOnly())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	s.App(t, "keyed", func(m *clients.Metadata) {
		m.TokenEndpointAuthMethod = clients.MethodJWTKey
		m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}}
		m.GrantTypes, m.ResponseTypes, m.RedirectURIs = []string{clients.ClientCredentials}, nil, nil
	})
	for _, alg := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512} {
		if status := prove(t, s, assertedBy(t, s, "keyed", string(der), alg, nil)); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", alg, status)
		}
	}
	var told struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		Algs    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	}
	resp, err := s.HTTP.Get(s.URL + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(told.Methods, "client_secret_jwt") || !slices.Contains(told.Algs, "HS256") || !slices.Contains(told.Algs, "ES256") {
		t.Errorf("%v", told)
	}
}
