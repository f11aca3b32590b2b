package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/clients/algs"
	"signet/config"
	"signet/oauth/keys"
	"signet/server/servertest"
)

// published reads the key set of the server.
func published(t *testing.T, s *servertest.Server) (set jose.JSONWebKeySet) {
	t.Helper()
	res, err := s.HTTP.Get(s.URL + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	return set
}

// verified is the payload of a JWT that the server signed with the algorithm.
func verified(t *testing.T, set jose.JSONWebKeySet, token, alg string) (claims map[string]any) {
	t.Helper()
	sig, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatalf("%s: %v", alg, err)
	}
	found := set.Key(sig.Signatures[0].Protected.KeyID)
	if len(found) != 1 {
		t.Fatalf("%s: the key is not published", alg)
	}
	payload, err := sig.Verify(found[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// A client's ID tokens, userinfo and introspection answers are signed with what it registered; the keys come with the first that does.
func TestSigning_EveryAlgorithmThatAClientRegisters(t *testing.T) { // OpenID Connect Dynamic Registration section 2, RFC 9701
	s := servertest.New(t, servertest.HandlerOnly())
	if got := len(published(t, s).Keys); got != 2 {
		t.Errorf("%d keys that nobody needs", got)
	}
	ada := s.Person(t, "ada@example.com")
	further := algs.Signing[2:]
	for _, alg := range further {
		s.App(t, "app-"+alg, func(m *clients.Metadata) {
			m.IDTokenSignedResponseAlg, m.UserinfoSignedResponseAlg = alg, alg
			m.IntrospectionSignedResponseAlg, m.AccessTokenSignedResponseAlg = alg, alg
		})
	}
	if err := s.Services().Keys.Await(t.Context(), s.Services().Clients.NeededKeys()...); err != nil {
		t.Fatal(err)
	}
	set := published(t, s)
	for _, alg := range further {
		c, err := s.Services().Clients.Client(t.Context(), "app-"+alg)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := s.Services().Clients.RotateSecret(t.Context(), c.ClientID, 0)
		if err != nil {
			t.Fatal(err)
		}
		m := c.Metadata
		m.ClientSecret = secret
		app := s.Declared(m)
		got := app.Login(t, s.Browser(t), ada)
		idToken, _ := got.Extra("id_token").(string)
		id := verified(t, set, idToken, alg)
		verified(t, set, got.AccessToken, alg)
		if id["at_hash"] == nil {
			t.Errorf("%s: %v", alg, id)
		}
		if _, body := ask(t, s, app, got.AccessToken,
			"application/token-introspection+jwt"); verified(t, set, body, alg)["token_introspection"] == nil {
			t.Errorf("%s: %s", alg, body)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+got.AccessToken)
		res, err := s.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if told := verified(t, set, string(body), alg); err != nil || told["sub"] != ada.ID || told["aud"] != app.ClientID {
			t.Errorf("%s: userinfo %v, %v", alg, told, err)
		}
		// none is taken for another: an ID token, an answer of userinfo or of introspection at the API, an access token as a hint
		for _, other := range []string{idToken, string(body)} {
			if told := plainly(t, s, app, other); told["active"] != false {
				t.Errorf("%s: %s is taken for an access token", alg, other)
			}
		}
	}
}

// A server whose configuration names an algorithm makes its key when it starts.
func TestSigning_OfDeclaredClients(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) {
		c.Clients = append(c.Clients,
			config.Client{ClientID: "shop", ClientSecret: config.NewSecret("a secret that nobody guesses"), IDTokenSignedResponseAlg: "ES384",
				RedirectURIs: []string{"https://shop.example/cb"}})
	}))
	if len(published(t, s).Keys) != 3 {
		t.Error("it is not published")
	}
	if err := s.Services().Keys.Await(t.Context(), keys.ES384); err != nil {
		t.Fatal(err)
	}
	if !s.Services().Keys.Signs(keys.ES384) || s.Services().Keys.Signs(keys.ES512) {
		t.Errorf("ES384 %v, ES512 %v", s.Services().Keys.Signs(keys.ES384), s.Services().Keys.Signs(keys.ES512))
	}
}

func TestSigning_DiscoveryNamesWhatCanBeRegistered(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	res, err := s.HTTP.Get(s.URL + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var d map[string]any
	if err := json.NewDecoder(res.Body).Decode(&d); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"id_token", "userinfo", "introspection", "authorization"} {
		list, _ := d[name+"_signing_alg_values_supported"].([]any)
		for _, alg := range algs.Signing {
			if !slices.Contains(list, any(alg)) {
				t.Errorf("%s: %v", name, list)
			}
		}
		if len(list) != len(algs.Signing) {
			t.Errorf("%s: %v", name, list)
		}
	}
}
