package kit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDemandsAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []Reason
		w := newWorld(t, Options{Observe: func(_ context.Context, r Reason) { seen = append(seen, r) }})
		served := false
		inner := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if w.api.Demand(rw, r, Scopes("notes:read")) && !w.api.Demand(rw, r, Class("2")) {
				return
			}
			served = true
		})
		h := w.api.Require(Bound())(w.api.Require(Scopes("profile"))(inner))
		token := w.bound()
		got := httptest.NewRecorder() // the proof is good once, and judged once
		h.ServeHTTP(got, withProof(token, w.proof(token, body{"iat": time.Now().Unix()})).request(t))
		if got.Code != 401 || served || !slices.Equal(seen, []Reason{"", ErrSignIn}) ||
			!strings.Contains(got.Header().Get("Www-Authenticate"), `DPoP error="insufficient_user_authentication"`) {
			t.Errorf("%d %v, served %v, %v", got.Code, got.Header(), served, seen)
		}
	})
}

// What one API verified is nothing to another, nor is it to a request with another token.
func TestContextIsOfOneAPIAndToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		other, err := New(issuer, "https://other.example", Options{HTTP: w.api.http})
		if err != nil {
			t.Fatal(err)
		}
		run := func(inner func(http.ResponseWriter, *http.Request)) int {
			got := httptest.NewRecorder()
			w.api.Require()(http.HandlerFunc(inner)).ServeHTTP(got, bearer(w.now(nil)).request(t))
			return got.Code
		}
		never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("served") })
		if code := run(other.Require()(never).ServeHTTP); code != 401 {
			t.Errorf("another API: %d", code)
		}
		if code := run(func(rw http.ResponseWriter, r *http.Request) {
			if other.Demand(rw, r, Scopes("notes:read")) {
				t.Error("served")
			}
		}); code != 401 {
			t.Errorf("a demand of another API: %d", code)
		}
		if code := run(func(rw http.ResponseWriter, r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+w.now(body{"exp": 1}))
			w.api.Require()(never).ServeHTTP(rw, r)
		}); code != 401 {
			t.Errorf("another token: %d", code)
		}
	})
}

func TestScripts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		for origin, want := range map[string]string{"https://app.example": "WWW-Authenticate, DPoP-Nonce", "": ""} {
			got := httptest.NewRecorder()
			if origin != "" {
				got.Header().Set("Access-Control-Allow-Origin", origin)
			}
			w.api.Require()(http.NotFoundHandler()).ServeHTTP(got, get().request(t))
			if e := got.Header().Get("Access-Control-Expose-Headers"); e != want {
				t.Errorf("%q: exposes %q", origin, e)
			}
		}
	})
}

func TestImpliedScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Implies: func(has, needs string) bool { return strings.HasPrefix(needs, has+":") }})
		r := func() *http.Request { return bearer(w.now(body{"scope": "notes"})).request(t) }
		if _, err := w.api.Verify(r(), Scopes("notes:read"), AnyScope("x", "notes:write")); err != nil {
			t.Error(err)
		}
		if _, err := w.api.Verify(r(), Scopes("profile")); !errors.Is(err, ErrScope) {
			t.Error(err)
		}
		if got := w.api.needed(join([]Demand{Scopes("notes"), AnyScope("notes:write", "x")})); !slices.Equal(got, []string{"notes"}) {
			t.Errorf("needed: %v", got)
		}
	})
}

// The log says why and who, and has no token; the caller learns nothing of it.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := newWorld(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		h := w.api.Require(Scopes("notes:write"))(http.NotFoundHandler())
		for _, token := range []string{w.now(nil), w.now(body{"aud": "https://other.example\nx"}), "secret-token"} {
			log.Reset()
			got := httptest.NewRecorder()
			h.ServeHTTP(got, bearer(token).request(t))
			if !strings.Contains(log.String(), "reason=") || strings.Count(log.String(), "\n") != 1 || strings.Contains(log.String(), token) {
				t.Errorf("log: %s", log.String())
			}
			if strings.Contains(got.Body.String(), "other.example") {
				t.Errorf("answer: %s", got.Body)
			}
		}
	})
}

func TestDemandsThatMeanNothing(t *testing.T) {
	for name, f := range map[string]func(){
		"no scope": func() { Scopes() }, "an empty one": func() { Scopes("") }, "two in one": func() { Scopes("a b") },
		"a quote": func() { AnyScope(`a"`) }, "no class": func() { Class() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: taken", name)
				}
			}()
			f()
		}()
	}
}

func TestMetadata(t *testing.T) {
	for _, c := range []struct {
		resource, path string
		root           bool
		more           map[string]int
	}{
		{"https://api.example", "/.well-known/oauth-protected-resource", false, map[string]int{"/.well-known/oauth-protected-resource/v1": 404}},
		{"https://api.example/", "/.well-known/oauth-protected-resource", false, nil},
		{"https://api.example/v1", "/.well-known/oauth-protected-resource/v1", false,
			map[string]int{"/.well-known/oauth-protected-resource": 404, "/.well-known/oauth-protected-resource/v1/": 404}},
		{"https://api.example/v1", "/.well-known/oauth-protected-resource/v1", true,
			map[string]int{"/.well-known/oauth-protected-resource": 200}},
		{"https://api.example/v1/", "/.well-known/oauth-protected-resource/v1/", false,
			map[string]int{"/.well-known/oauth-protected-resource/v1/x": 404}},
		{"https://api.example/a%2Fb", "/.well-known/oauth-protected-resource/a%2Fb", false, nil},
		{"https://api.example/v1?tenant=a", "/.well-known/oauth-protected-resource/v1?tenant=a", false, nil},
	} {
		api, err := New(issuer, c.resource, Options{Document: Document{Root: c.root, Scopes: []string{"notes:read"}, Name: "Notes"}})
		if err != nil {
			t.Fatal(err)
		}
		if api.metadata != "https://api.example"+c.path {
			t.Errorf("%s: %s", c.resource, api.metadata)
		}
		mux := http.NewServeMux()
		api.Mount(mux)
		ask := func(method, path string, header ...string) *httptest.ResponseRecorder {
			w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
			for pair := range slices.Chunk(header, 2) {
				r.Header.Set(pair[0], pair[1])
			}
			mux.ServeHTTP(w, r)
			return w
		}
		got := ask("GET", c.path)
		if got.Code != 200 ||
			!strings.Contains(got.Body.String(), `{"resource":"`+c.resource+`","authorization_servers":["https://id.example"]`) ||
			got.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s", c.resource, got.Code, got.Body)
		}
		if again := ask("GET", c.path, "If-None-Match", got.Header().Get("Etag")); again.Code != 304 || again.Body.Len() > 0 {
			t.Errorf("again: %d", again.Code)
		}
		if pre := ask("OPTIONS", c.path, "Access-Control-Request-Headers", "mcp-protocol-version"); pre.Code != 204 ||
			pre.Header().Get("Access-Control-Allow-Headers") != "mcp-protocol-version" {
			t.Errorf("preflight: %d %v", pre.Code, pre.Header())
		}
		if post := ask("POST", c.path); post.Code != 405 {
			t.Errorf("POST: %d", post.Code)
		}
		for path, want := range c.more {
			if got := ask("GET", path); got.Code != want {
				t.Errorf("%s of %s: %d", path, c.resource, got.Code)
			}
		}
	}
	id, _ := url.Parse("https://https/https/v1") // a host that is named like other parts
	if got := wellKnown(id); got != "https://https/.well-known/oauth-protected-resource/https/v1" {
		t.Error(got)
	}
	api, err := New(issuer, "urn:notes", Options{BaseURL: "https://api.example"})
	if err != nil {
		t.Fatal(err)
	}
	got := httptest.NewRecorder()
	api.Mount(http.NewServeMux())
	if api.Require()(http.NotFoundHandler()).ServeHTTP(got, get().request(t)); got.Header().Get("Www-Authenticate") != "Bearer" {
		t.Errorf("a name that is no address: %v", got.Header())
	}
}
