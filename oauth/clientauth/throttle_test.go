package clientauth_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/oauth/clientauth"
	"signet/oauth/refusal"
	"signet/storage/storagetest"
)

const shortSecret = "a-declared-secret-of-31-symbols"

// guesser adds to the clients of newWorld those whose credentials are of each kind: a short declared secret, and one made by Signet.
func guesser(t *testing.T) (w *world, made string) {
	t.Helper()
	w = newWorld(t, storagetest.SQLite(t))
	declared := func(id, secret, method string) clients.Metadata {
		return clients.Metadata{ClientID: id, RedirectURIs: []string{"https://x.example/cb"}, TokenEndpointAuthMethod: method,
			ClientSecret: secret}
	}
	keyed := declared("jwt", "", clients.MethodJWTKey)
	keyed.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: w.key.Public(), KeyID: "k"}}}
	r, err := clients.New(t.Context(), clients.Options{Store: w.db, Issuer: issuer, SecretKeys: [][]byte{bytes.Repeat([]byte{1}, 32)},
		Declared: []clients.Metadata{declared("short", shortSecret, clients.MethodBasic), declared("shortpost", shortSecret, clients.MethodPost),
			declared("long", secret, clients.MethodBasic), keyed}})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := r.Create(t.Context(), clients.Metadata{ClientID: "made", RedirectURIs: []string{"https://x.example/cb"}})
	if err != nil {
		t.Fatal(err)
	}
	w.auth, err = clientauth.New(clientauth.Options{Registry: r, Replay: w.db, Issuer: issuer,
		Network: func(r *http.Request) string { return r.Header.Get("X-Test-Network") }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return w, stored.ClientSecret
}

func TestV05_WrongCredentialsOfOneNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, made := guesser(t)
		stranger := newWorld(t, storagetest.SQLite(t))
		form := func(id, secret string) url.Values { return url.Values{"client_id": {id}, "client_secret": {secret}} }
		tests := map[string]struct {
			wrong, right func() error
			refused      bool // a right guess over the limit
		}{
			"secret made by Signet": {
				wrong: func() error { _, err := w.try(t.Context(), nil, "Authorization", basic("made", "wrong")); return err },
				right: func() error { _, err := w.try(t.Context(), nil, "Authorization", basic("made", made)); return err },
			},
			"secret made by Signet, one character off": {
				wrong: func() error {
					_, err := w.try(t.Context(), nil, "Authorization", basic("made", made[:len(made)-1]))
					return err
				},
				right: func() error { _, err := w.try(t.Context(), nil, "Authorization", basic("made", made)); return err },
			},
			"secret made by Signet, by the wrong method": {
				wrong: func() error { _, err := w.try(t.Context(), form("made", made)); return err },
				right: func() error { _, err := w.try(t.Context(), nil, "Authorization", basic("made", made)); return err },
			},
			"declared secret of 32 characters and more": {
				wrong: func() error { _, err := w.try(t.Context(), nil, "Authorization", basic("long", "wrong")); return err },
				right: func() error { _, err := w.try(t.Context(), nil, "Authorization", basic("long", secret)); return err },
			},
			"private key": {
				wrong: func() error { _, err := w.try(t.Context(), asserted(stranger.assertion(t, nil))); return err },
				right: func() error { _, err := w.try(t.Context(), asserted(w.assertion(t, nil))); return err },
			},
			"private key, an assertion that is no JWT": {
				wrong: func() error { _, err := w.try(t.Context(), asserted("e30.eyJzdWIiOiJqd3QifQ.x")); return err },
				right: func() error { _, err := w.try(t.Context(), asserted(w.assertion(t, nil))); return err },
			},
			"short declared secret": {
				wrong: func() error { _, err := w.try(t.Context(), nil, "Authorization", basic("short", "wrong")); return err },
				right: func() error {
					_, err := w.try(t.Context(), nil, "Authorization", basic("short", shortSecret))
					return err
				},
				refused: true,
			},
			"short declared secret in the body": {
				wrong:   func() error { _, err := w.try(t.Context(), form("shortpost", "wrong")); return err },
				right:   func() error { _, err := w.try(t.Context(), form("shortpost", shortSecret)); return err },
				refused: true,
			},
		}
		for name, tt := range tests {
			time.Sleep(time.Hour) // what another case counted is forgotten
			var last error
			for range 24 {
				last = tt.wrong()
			}
			if status(last) != http.StatusTooManyRequests {
				t.Errorf("%s: 24 wrong ones are not slowed down: %v", name, last)
			}
			err := tt.right()
			if got := status(err) == http.StatusTooManyRequests; got != tt.refused || !tt.refused && err != nil {
				t.Errorf("%s: the right one over the limit: got %v, want refused %v", name, err, tt.refused)
			}
			if !tt.refused && status(tt.wrong()) != http.StatusUnauthorized {
				t.Errorf("%s: the success did not forget the failures", name)
			}
			time.Sleep(2 * time.Minute)
			if err := tt.right(); err != nil {
				t.Errorf("%s: the right one after the pause: %v", name, err)
			}
		}
	})
}

func status(err error) int {
	if r, ok := errors.AsType[*refusal.Refusal](err); ok {
		return r.Status
	}
	return 0
}

func TestV05_ASuccessGivesAGuesserInTheNetworkNoMoreTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := guesser(t)
		tried := 0
		for range 100 {
			if _, err := w.try(t.Context(), nil, "Authorization", basic("short", "wrong")); status(err) == http.StatusUnauthorized {
				tried++
			}
			_, _ = w.try(t.Context(), nil, "Authorization", basic("short", shortSecret))
		}
		if tried > 21 {
			t.Errorf("%d guesses were judged at once, want at most 21", tried)
		}
	})
}

func TestV05_ManyGuessesAtOnceDoNotRunPastTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := guesser(t)
		var judged, refused atomic.Int64
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				switch _, err := w.try(t.Context(), nil, "Authorization", basic("short", fmt.Sprint(i))); status(err) {
				case http.StatusUnauthorized:
					judged.Add(1)
				case http.StatusTooManyRequests:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if judged.Load() > 22 || judged.Load()+refused.Load() != 200 {
			t.Errorf("%d judged, %d refused", judged.Load(), refused.Load())
		}
	})
}

func TestV05_MadeUpIdsPushOutNoClientsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := guesser(t)
		var last error
		for range 24 {
			_, last = w.try(t.Context(), nil, "Authorization", basic("short", "wrong"))
		}
		for i := range 9000 {
			_, _ = w.try(t.Context(), nil, "Authorization", basic(fmt.Sprint("nobody-", i), "wrong"))
		}
		if _, again := w.try(t.Context(), nil, "Authorization", basic("short", shortSecret)); status(last) != 429 || status(again) != 429 {
			t.Errorf("before %v, after %v", last, again)
		}
	})
}
