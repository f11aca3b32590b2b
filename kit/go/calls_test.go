package kit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestCallsAtOnce: of many calls at a time as many are taken as the person allows, and Retry-After says when there are more.
func TestCallsAtOnce(t *testing.T) {
	m := newMaker(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(at, 0)))
		api, err := New(issuer, resource, Options{HTTP: &http.Client{Transport: serving(issuer, string(m.jwks()))}})
		if err != nil {
			t.Fatal(err)
		}
		token := m.token(body{"call_limit": body{"calls": 50, "seconds": 60}, "grant_id": "G1"})
		send := func(h http.Handler) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, bearer(token).request(t))
			return w
		}
		twice := api.Require()(api.Require()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // which counts once
			api.Demand(w, r, AnyScope("read", "write"))
		})))
		send(api.Require(Scopes("admin"))(twice)) // a call that is refused is not counted
		var taken atomic.Int64
		var group sync.WaitGroup
		for range 200 {
			group.Go(func() {
				if w := send(twice); w.Code != http.StatusTooManyRequests {
					taken.Add(1)
				} else if w.Header().Get("Retry-After") != "61" || w.Header().Get("WWW-Authenticate") != "" {
					t.Errorf("%v", w.Header())
				}
			})
		}
		group.Wait()
		if taken.Load() != 50 {
			t.Errorf("%d of 50 calls", taken.Load())
		}
	})
}

// TestCallsCannotBeForgotten: whoever has many grants makes nobody's calls forgotten, and what cannot be counted is refused.
func TestCallsCannotBeForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counted{}
		for i := range mostCounted {
			if _, _, err := c.Count(t.Context(), fmt.Sprint(i), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if n, _, err := c.Count(t.Context(), "0", time.Minute); n != 2 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		if _, _, err := c.Count(t.Context(), "one more", time.Minute); err == nil {
			t.Error("counted without end")
		}
		time.Sleep(time.Minute)
		if n, _, err := c.Count(t.Context(), "one more", time.Minute); n != 1 || err != nil {
			t.Errorf("%d %v", n, err)
		}
	})
	api := &API{o: Options{Calls: away{}}}
	if err := api.count(t.Context(), &Token{CallLimit: CallLimit{1, time.Minute}}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

type away struct{}

func (away) Count(context.Context, string, time.Duration) (int64, time.Time, error) {
	return 0, time.Time{}, errors.New("down")
}
