package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"signet/config"
	"signet/oauth/keys"
	"signet/server"
	"signet/server/servertest"
)

// TestTestServerMakesItsKeysItself: ES256 at the start, RS256 when somebody asks for it, and other ones in each server.
func TestTestServerMakesItsKeysItself(t *testing.T) {
	kids := map[string]bool{}
	for range 2 {
		c, err := config.LoadSeed(config.Sources{Listen: "127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		h, err := server.Open(t.Context(), server.Options{Config: c})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = h.Close() })
		s, err := server.New(h)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(path string) string {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.Server.Issuer+path, nil))
			return w.Body.String()
		}
		if !h.Keys.Signs(keys.ES256) || h.Keys.Signs(keys.RS256) {
			t.Error("at the start: want a key for ES256 and none for RS256")
		}
		if doc := ask("/.well-known/openid-configuration"); !strings.Contains(doc, "RS256") || h.Keys.Signs(keys.RS256) {
			t.Errorf("discovery: want RS256 in it, and no key for it yet: %s", doc)
		}
		if set := ask("/oauth2/jwks"); strings.Count(set, `"kid"`) != 2 || !h.Keys.Signs(keys.RS256) {
			t.Errorf("the first key set: want two keys, both good: %s", set)
		}
		list, err := h.Keys.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range list {
			if kids[k.KID] && k.Alg != keys.Refresh { // whose name is a number
				t.Errorf("two servers have the key %s", k.KID)
			}
			kids[k.KID] = true
		}
	}
}

// TestOneClickIsForTestServersOnly: a server that is none knows nobody who signs in without a password, whatever is sent, and says nothing
// of tests.
func TestOneClickIsForTestServersOnly(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin")
	if strings.Contains(b.Body, "test-server") || strings.Contains(b.Body, "seeded") {
		t.Error("the page of a real server speaks of tests")
	}
	b.Post(t, "/signin", url.Values{"seeded": {ada.Email}})
	if b.Status != http.StatusForbidden {
		t.Errorf("one click: %d at %s", b.Status, b.URL)
	}
	seed := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) {
		ada := config.SeedUser{Email: "ada@example.com", Name: "Ada <b>", Password: config.NewSecret(servertest.Password)}
		c.Seed = &config.Seed{Users: []config.SeedUser{ada}}
	}))
	if err := seed.Services().Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	b = seed.Browser(t)
	b.Get(t, "/signin")
	if !strings.Contains(b.Body, "test-server") || strings.Contains(b.Body, servertest.Password) || strings.Contains(b.Body, "Ada <b>") {
		t.Errorf("want a warning, no password, and names as text:\n%s", b.Body)
	}
	b.Post(t, "/signin", url.Values{"seeded": {"grace@example.com"}})
	if b.Status != http.StatusForbidden {
		t.Errorf("somebody who is not of the seed: %d", b.Status)
	}
	b.Get(t, "/signin")
	b.Post(t, "/signin", url.Values{"seeded": {"ada@example.com"}})
	if b.URL.Path != "/account" {
		t.Errorf("one click: %d at %s", b.Status, b.URL)
	}
}
