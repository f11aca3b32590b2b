package kit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// world is an issuer and an API in a bubble of time.
type world struct {
	*maker
	api     *API
	fetches atomic.Int64 // of keys
	made    atomic.Int64 // tokens
	slow    time.Duration
	away    atomic.Bool
	jwks    atomic.Pointer[string]
}

func newWorld(t *testing.T, o Options) *world {
	time.Sleep(time.Until(time.Unix(at, 0)))
	w := &world{maker: newMaker(t)}
	w.jwks.Store(new(string(w.maker.jwks())))
	o.HTTP = &http.Client{Transport: issuerOf(func(r *http.Request) (int, string) {
		if r.URL.Path == "/jwks" {
			w.fetches.Add(1)
			time.Sleep(w.slow)
		}
		if w.away.Load() {
			return 0, ""
		}
		return serving(issuer, *w.jwks.Load())(r)
	})}
	var err error
	if w.api, err = New(issuer, resource, o); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) verify(token string) error {
	_, err := w.api.Verify(bearer(token).request(w.t.(*testing.T)))
	return err
}

// now is a good token at the present time, with an id of its own.
func (w *world) now(changes body) string {
	now := time.Now().Unix()
	return w.token(changed(body{"iat": now, "exp": now + 600, "jti": fmt.Sprint(w.made.Add(1))}, changes))
}

func TestMadeUpKeyIDsCauseFewFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.slow = 200 * time.Millisecond
		_, rest, _ := strings.Cut(w.token(nil), ".")
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range 10_000 {
			token := b64(fmt.Appendf(nil, `{"alg":"ES256","typ":"at+jwt","kid":"made-up-%d"}`, i)) + "." + rest
			wg.Go(func() {
				if err := w.verify(token); !errors.Is(err, ErrKey) {
					t.Errorf("%v", err)
				}
			})
			if i%100 == 99 {
				time.Sleep(time.Second)
			}
		}
		wg.Wait()
		most := 1 + int64(time.Since(begin)/(30*time.Second))
		if n := w.fetches.Load(); n > most || n < 2 {
			t.Errorf("%d fetches in %s, at most %d", n, time.Since(begin), most)
		}
		if err := w.verify(w.now(nil)); err != nil {
			t.Error(err)
		}
	})
}

func TestRequestsShareAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.slow = time.Second
		token := w.now(nil)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { // whoever came first goes away, which is nothing to the others
			r := bearer(token).request(t).WithContext(ctx)
			if _, err := w.api.Verify(r); !errors.Is(err, ErrUnavailable) {
				t.Errorf("gone: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		for range 100 {
			wg.Go(func() {
				if err := w.verify(token); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := w.fetches.Load(); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestKeysWhileTheIssuerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.away.Store(true)
		if err := w.verify(w.now(nil)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("never reached: %v", err)
		}
		w.away.Store(false)
		time.Sleep(time.Second)
		if err := w.verify(w.now(nil)); err != nil {
			t.Errorf("a second after it is back: %v", err)
		}
		w.away.Store(true)
		for hour := range 23 {
			time.Sleep(time.Hour)
			if err := w.verify(w.now(nil)); err != nil {
				t.Fatalf("away for %d hours: %v", hour+1, err)
			}
		}
		made := w.sign("es", "ES256", header{"alg": "ES256", "typ": "at+jwt", "kid": "new"}, good(nil))
		if err := w.verify(made); !errors.Is(err, ErrUnavailable) {
			t.Errorf("whether there is a new key is not known: %v", err)
		}
		time.Sleep(2 * time.Hour)
		if err := w.verify(w.now(nil)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("away for more than a day: %v", err)
		}
	})
}

func TestKeysAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		if err := w.verify(w.now(nil)); err != nil {
			t.Fatal(err)
		}
		stolen := *w.jwks.Load()
		w.jwks.Store(new(strings.Replace(stolen, `"kid":"es"`, `"kid":"es-2"`, 1)))
		time.Sleep(renewal)
		if err := w.verify(w.now(nil)); err != nil { // not held up by the fetch
			t.Error(err)
		}
		synctest.Wait()
		if err := w.verify(w.now(nil)); !errors.Is(err, ErrKey) {
			t.Errorf("a key that the issuer withdrew: %v", err)
		}
		time.Sleep(pause)
		w.jwks.Store(new(`{"keys":[]}`))
		if err := w.verify(w.now(nil)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("an issuer without keys: %v", err)
		}
	})
}

func TestAnswersOfTheIssuer(t *testing.T) {
	good := serving(issuer, string(newMaker(t).jwks()))
	discovery := func(body string) issuerOf {
		return func(r *http.Request) (int, string) {
			if r.URL.Path != "/jwks" {
				return 200, body
			}
			return 200, string(newMaker(t).jwks()) // wherever it is
		}
	}
	for name, c := range map[string]struct {
		answer issuerOf
		ok     bool
	}{
		"good":                      {good, true},
		"another issuer":            {discovery(`{"issuer":"https://evil.example","jwks_uri":"https://id.example/jwks"}`), false},
		"keys without TLS":          {discovery(`{"issuer":"https://id.example","jwks_uri":"http://id.example/jwks"}`), false},
		"no address of keys":        {discovery(`{"issuer":"https://id.example"}`), false},
		"two issuers":               {discovery(`{"issuer":"x","issuer":"https://id.example","jwks_uri":"https://id.example/jwks"}`), false},
		"a page":                    {discovery(`<html>`), false},
		"keys that are no list":     {serving(issuer, `{"keys":{}}`), false},
		"more keys than are read":   {serving(issuer, `{"keys":[`+strings.Repeat(`{},`, 200)+`{}]}`), false},
		"more than 256 KiB":         {serving(issuer, string(newMaker(t).jwks())+strings.Repeat(" ", maxAnswer)), false},
		"a redirect is no answer":   {func(*http.Request) (int, string) { return 302, "" }, false},
		"it closes the connection":  {func(*http.Request) (int, string) { return 0, "" }, false},
		"an answer without success": {func(*http.Request) (int, string) { return 201, "{}" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			api, err := New(issuer, resource, Options{HTTP: &http.Client{Transport: c.answer}})
			if err != nil {
				t.Fatal(err)
			}
			if err := api.Warm(t.Context()); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrUnavailable) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	reached := false
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer target.Close()
	server := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusFound))
	defer server.Close()
	for _, client := range []*http.Client{nil, server.Client()} {
		api, err := New(server.URL, resource, Options{HTTP: client})
		if err != nil {
			t.Fatal(err)
		}
		if err := api.Warm(t.Context()); !errors.Is(err, ErrUnavailable) || reached {
			t.Errorf("reached %v, %v", reached, err)
		}
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	private := newMaker(t).keys["es"]
	public := private.Public()
	for name, c := range map[string]struct {
		issuer, resource string
		o                Options
	}{
		"nothing":               {},
		"an issuer without TLS": {issuer: "http://id.example", resource: resource},
		"no resource":           {issuer: issuer},
		"a relative resource":   {issuer: issuer, resource: "/v1"},
		"a fragment":            {issuer: issuer, resource: resource + "#x"},
		"a name without an URL": {issuer: issuer, resource: "urn:example:notes"},
		"another host":          {issuer: issuer, resource: resource, o: Options{BaseURL: "https://other.example"}},
		"HS256":                 {issuer: issuer, resource: resource, o: Options{Algorithms: []string{"HS256"}}},
		"none":                  {issuer: issuer, resource: resource, o: Options{Algorithms: []string{"none"}}},
		"a short key of nonces": {issuer: issuer, resource: resource, o: Options{DPoP: DPoP{NonceKeys: [][]byte{[]byte("short")}}}},
		"a header of nobody":    {issuer: issuer, resource: resource, o: Options{Proxy: Proxy{Header: "Client-Cert"}}},
		"nobody who asks":       {issuer: issuer, resource: resource, o: Options{Introspection: &Introspection{}}},
		"who asks by nothing":   {issuer: issuer, resource: resource, o: Options{Introspection: &Introspection{ClientID: "api"}}},
		"a public key":          {issuer: issuer, resource: resource, o: Options{Introspection: &Introspection{ClientID: "api", Key: &public}}},
		"a key and a secret": {issuer: issuer, resource: resource,
			o: Options{Introspection: &Introspection{ClientID: "api", Secret: "x", Key: &private}}},
		"keys without TLS":       {issuer: issuer, resource: resource, o: Options{JWKS: "http://id.example/jwks"}},
		"keys in a local file":   {issuer: issuer, resource: resource, o: Options{JWKS: "file:///etc/passwd"}},
		"time that runs back":    {issuer: issuer, resource: resource, o: Options{Past: -time.Second}},
		"proofs that never age":  {issuer: issuer, resource: resource, o: Options{DPoP: DPoP{MaxAge: time.Hour}}},
		"a base with a question": {issuer: issuer, resource: resource, o: Options{BaseURL: "https://api.example?x"}},
	} {
		if _, err := New(c.issuer, c.resource, c.o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, issuer := range []string{"http://localhost:9400", "http://127.0.0.1:1", "http://[::1]:1", "https://id.example/tenant"} {
		if _, err := New(issuer, "urn:example:notes", Options{BaseURL: "http://localhost:9420"}); err != nil {
			t.Error(err)
		}
	}
}

// An API that New did not make takes nothing.
func TestZeroAPI(t *testing.T) {
	for _, a := range []*API{nil, {}} {
		if _, err := a.Verify(bearer("x").request(t)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%v", err)
		}
	}
}

func TestVerifiedTokensAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		token := w.now(body{"exp": time.Now().Unix() + 30})
		for range 3 {
			if err := w.verify(token); err != nil {
				t.Fatal(err)
			}
		}
		if _, ok := w.api.seen.get(token); !ok {
			t.Error("not remembered")
		}
		time.Sleep(39 * time.Second)
		if err := w.verify(token); err != nil {
			t.Errorf("9 seconds after its end: %v", err)
		}
		time.Sleep(time.Second)
		if err := w.verify(token); !errors.Is(err, ErrExpired) {
			t.Errorf("10 seconds after its end: %v", err)
		}
		for i := range 3 * most { // what is remembered is bounded
			w.api.seen.put(fmt.Sprint(i), &Token{}, time.Now().Add(time.Hour))
		}
		if n := len(w.api.seen.young) + len(w.api.seen.old); n > most {
			t.Errorf("%d are remembered", n)
		}
	})
}

func TestClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		token := w.now(body{"groups": []string{"a"}, "roles": []string{"r"}, "amr": []string{"pwd"}, "acr": "1", "grant_id": "g",
			"auth_time": time.Now().Unix() - 5, "tenant": "blue", "act": body{"sub": "agent", "client_id": "bot"}})
		got, err := w.api.Verify(bearer(token).request(t))
		if err != nil {
			t.Fatal(err)
		}
		var tenant string
		has, err := got.Claim("tenant", &tenant)
		if !has || err != nil || tenant != "blue" {
			t.Errorf("%v %v %q", has, err, tenant)
		}
		if has, err := got.Claim("Tenant", &tenant); has || err != nil {
			t.Errorf("%v %v", has, err)
		}
		raw, _ := json.Marshal(got)
		want := `{"Issuer":"https://id.example","Subject":"ada","ClientID":"app","Audience":["https://api.example/v1"],` +
			`"Scopes":["notes:read","profile"],"ID":"` + got.ID + `","GrantID":"g","Issued":`
		if !strings.HasPrefix(string(raw), want) || !got.Has("profile") || got.Has("prof") || len(got.Actors) != 1 ||
			got.Actors[0] != (Actor{Subject: "agent", ClientID: "bot"}) || got.Roles[0] != "r" || got.Groups[0] != "a" ||
			time.Since(got.SignedIn) != 5*time.Second {
			t.Errorf("%s", raw)
		}
	})
}
