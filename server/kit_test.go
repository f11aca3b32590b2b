package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"signet/clients"
	kit "signet/kit/go"
	"signet/oauth/dpop/dpoptest"
	"signet/server/servertest"
)

const kitResource = "https://api.example.com/v1"

const kitWorld = `
clients:
  - {client_id: api, client_secret: "a secret of the API, long enough", client_name: API, grant_types: [client_credentials]}
resources:
  - {identifier: "https://api.example.com/v1", name: API, scopes: ["api:read", "api:write"], introspected_by: [api, keyed]}
`

// guarded is an API that takes the server's tokens by the kit.
type guarded struct {
	*testing.T
	s   *servertest.Server
	api *kit.API
	mux *http.ServeMux
}

func newGuarded(t *testing.T, s *servertest.Server, o kit.Options) *guarded {
	t.Helper()
	g := &guarded{T: t, s: s, mux: http.NewServeMux()}
	o.HTTP = s.HTTP
	var err error
	if g.api, err = kit.New(s.URL, kitResource, o); err != nil {
		t.Fatal(err)
	}
	says := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := kit.From(r.Context())
		_, _ = w.Write([]byte(token.Subject + " by " + token.ClientID))
	})
	g.mux.Handle("GET /v1/notes", g.api.Require(kit.Scopes("api:read"))(says))
	g.mux.Handle("POST /v1/notes", g.api.Require(kit.Scopes("api:read", "api:write"))(says))
	g.mux.Handle("POST /v1/transfer", g.api.Require(kit.Fresh(5*time.Minute), kit.Class("2"))(says))
	g.api.Mount(g.mux)
	return g
}

// call sends a request with an Authorization header and a proof ("" = none).
func (g *guarded) call(method, path, authorization, proof string) *httptest.ResponseRecorder {
	g.Helper()
	r := httptest.NewRequest(method, "https://api.example.com"+path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if proof != "" {
		r.Header.Set("DPoP", proof)
	}
	w := httptest.NewRecorder()
	g.mux.ServeHTTP(w, r)
	return w
}

// wants checks an answer: status, and a piece of the first challenge or of the body.
func (g *guarded) wants(what string, w *httptest.ResponseRecorder, status int, piece string) {
	g.Helper()
	if w.Code != status || !strings.Contains(w.Header().Get("WWW-Authenticate")+w.Body.String(), piece) {
		g.Errorf("%s: %d %s %s, want %d with %s", what, w.Code, w.Header()["Www-Authenticate"], w.Body, status, piece)
	}
}

// TestKit_FromNothingToAnAnswer: a client that knows nothing but the API's address finds the server, signs a person in, and asks for more
// where the API wants more.
func TestKit_FromNothingToAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(kitWorld))
		g := newGuarded(t, s, kit.Options{})
		if found := g.issuer(g.call("GET", "/v1/notes", "", "")); found != s.URL {
			t.Fatalf("the API leads to %q", found)
		}
		ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
		app := s.App(t, "shop", func(m *clients.Metadata) { m.FirstParty = true; m.Scope += " api:read api:write" })
		read := app.With("openid", "api:read").Login(t, b, ada)
		g.wants("read", g.call("GET", "/v1/notes", "Bearer "+read.AccessToken, ""), 200, ada.ID+" by shop")
		g.wants("the ID token", g.call("GET", "/v1/notes", "Bearer "+read.Extra("id_token").(string), ""), 401, `error="invalid_token"`)
		g.wants("the refresh token", g.call("GET", "/v1/notes", "Bearer "+read.RefreshToken, ""), 401, `error="invalid_token"`)
		foreign := app.With("openid").Login(t, b, ada)
		g.wants("a token for userinfo", g.call("GET", "/v1/notes", "Bearer "+foreign.AccessToken, ""), 401, "another resource")

		refused := g.call("POST", "/v1/notes", "Bearer "+read.AccessToken, "")
		g.wants("write", refused, 403, `error="insufficient_scope"`)
		write := app.With(strings.Fields("openid "+param(refused, "scope"))...).Login(t, b, ada)
		g.wants("write, as the challenge says", g.call("POST", "/v1/notes", "Bearer "+write.AccessToken, ""), 200, ada.ID)

		refused = g.call("POST", "/v1/transfer", "Bearer "+write.AccessToken, "")
		g.wants("one factor", refused, 401, `error="insufficient_user_authentication"`)
		b.Get(t, "/account/second-step")
		secret, _ := b.AddAuthenticator(t)
		time.Sleep(10 * time.Minute)
		r := app.With("openid", "api:read").Begin(t, b, oauth2.SetAuthURLParam("acr_values", param(refused, "acr_values")),
			oauth2.SetAuthURLParam("max_age", param(refused, "max_age")))
		if b.Landed == nil && b.Has("login-submit") {
			b.SignIn(t, ada)
		}
		b.Submit(t, "factor-submit", url.Values{"code": {servertest.TOTP(t, secret)}})
		strong := r.Exchange(t, r.Code(t, b))
		g.wants("two factors", g.call("POST", "/v1/transfer", "Bearer "+strong.AccessToken, ""), 200, ada.ID)
		time.Sleep(6 * time.Minute)
		g.wants("too long ago", g.call("POST", "/v1/transfer", "Bearer "+strong.AccessToken, ""), 401, `max_age="300"`)
		time.Sleep(5 * time.Minute)
		g.wants("over", g.call("GET", "/v1/notes", "Bearer "+strong.AccessToken, ""), 401, "expired")
	})
}

// issuer follows a challenge to the API's metadata, and that to the server's.
func (g *guarded) issuer(w *httptest.ResponseRecorder) string {
	g.Helper()
	g.wants("no token", w, 401, `scope="api:read"`)
	at, err := url.Parse(param(w, "resource_metadata"))
	if err != nil {
		g.Fatal(err)
	}
	var doc struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
	}
	if err := json.Unmarshal(g.call("GET", at.Path, "", "").Body.Bytes(), &doc); err != nil || doc.Resource != kitResource {
		g.Fatalf("%+v, %v", doc, err)
	}
	return doc.Servers[0]
}

// param is a parameter of the first challenge.
func param(w *httptest.ResponseRecorder, name string) string {
	_, rest, _ := strings.Cut(w.Header().Get("WWW-Authenticate"), " "+name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// TestKit_DPoP: a token that the server bound to a key is good at the API with this key, once for each proof.
func TestKit_DPoP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(kitWorld))
		nonces := []byte("nonces of the API, for all its replicas")
		g := newGuarded(t, s, kit.Options{DPoP: kit.DPoP{Required: true, NonceKeys: [][]byte{nonces}}})
		bear := s.App(t, "bear", func(m *clients.Metadata) { m.Scope = "api:read" })
		b := bound{t, s, s.App(t, "worker", func(m *clients.Metadata) { m.Scope = "api:read" }), dpoptest.New(t)}
		get := func(app bound, proof string) string {
			status, answer, _ := app.post(s, url.Values{"grant_type": {"client_credentials"}, "scope": {"api:read"}}, proof)
			if status != 200 {
				t.Fatalf("%d %v", status, answer)
			}
			return answer["access_token"].(string)
		}
		token := get(b, b.proof())
		proof := func(key dpoptest.Key, nonce string) string {
			c := dpoptest.Claims("GET", kitResource+"/notes")
			c["ath"], c["nonce"] = dpoptest.Hash(token), nonce
			return key.Sign(t, c, nil)
		}
		first := g.call("GET", "/v1/notes", "DPoP "+token, proof(b.key, ""))
		g.wants("no nonce", first, 401, `DPoP error="use_dpop_nonce"`)
		nonce := first.Header().Get("DPoP-Nonce")
		good := proof(b.key, nonce)
		g.wants("with the nonce", g.call("GET", "/v1/notes", "DPoP "+token, good), 200, "worker by worker")
		g.wants("again", g.call("GET", "/v1/notes", "DPoP "+token, good), 401, `DPoP error="invalid_dpop_proof"`)
		g.wants("another key", g.call("GET", "/v1/notes", "DPoP "+token, proof(dpoptest.New(t), nonce)), 401, "invalid_token")
		g.wants("as Bearer", g.call("GET", "/v1/notes", "Bearer "+token, ""), 401, `DPoP error="invalid_token"`)
		g.wants("a plain token", g.call("GET", "/v1/notes", "Bearer "+get(bound{t, s, bear, b.key}, ""), ""), 401, `DPoP error="invalid_token"`)
		time.Sleep(5 * time.Minute)
		g.wants("an old nonce", g.call("GET", "/v1/notes", "DPoP "+token, proof(b.key, nonce)), 401, "use_dpop_nonce")
	})
}

// TestKit_Revoked: an API that asks the server refuses a token ten seconds after it was revoked.
func TestKit_Revoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(kitWorld))
		g := newGuarded(t, s, kit.Options{
			Introspection: &kit.Introspection{ClientID: "api", Secret: "a secret of the API, long enough", Always: true},
		})
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key := jose.JSONWebKey{Key: private, KeyID: "api-1", Algorithm: "ES256", Use: "sig"}
		s.App(t, "keyed", func(m *clients.Metadata) {
			m.TokenEndpointAuthMethod, m.GrantTypes, m.Scope = clients.MethodJWTKey, []string{clients.ClientCredentials}, ""
			m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}}
		})
		byKey := newGuarded(t, s, kit.Options{Introspection: &kit.Introspection{ClientID: "keyed", Key: &key, Always: true,
			Signed: true}})
		app := s.App(t, "shop", func(m *clients.Metadata) { m.FirstParty = true; m.Scope += " api:read" })
		token := app.Login(t, s.Browser(t), s.Person(t, "ada@example.com"))
		call := func() *httptest.ResponseRecorder { return g.call("GET", "/v1/notes", "Bearer "+token.AccessToken, "") }
		g.wants("good", call(), 200, "by shop")
		g.wants("asked by a key, with a signed answer", byKey.call("GET", "/v1/notes", "Bearer "+token.AccessToken, ""), 200, "by shop")
		if status, answer := app.Post(t, "/oauth2/revoke", url.Values{"token": {token.RefreshToken}}); status != 200 {
			t.Fatalf("%d %v", status, answer)
		}
		time.Sleep(10 * time.Second)
		g.wants("revoked", call(), 401, "not active")
		g.wants("revoked, with a signed answer", byKey.call("GET", "/v1/notes", "Bearer "+token.AccessToken, ""), 401, "not active")
		r := httptest.NewRequest("GET", kitResource+"/notes", nil)
		r.Header.Set("Authorization", "Bearer "+token.AccessToken)
		if _, err := g.api.Verify(r); !errors.Is(err, kit.ErrInactive) {
			t.Errorf("%v", err)
		}
	})
}
