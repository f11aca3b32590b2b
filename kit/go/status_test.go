package kit

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// listing is an issuer whose status list changes.
type listing struct {
	*world
	mu      sync.Mutex
	gives   given
	fetches atomic.Int64
}

// given is what the issuer does when it is asked.
type given struct {
	lst    string
	away   bool
	stalls time.Duration // before it answers, beside what it takes
	late   time.Duration // how old the list is that it gives
}

// change changes it: a fetch may be under way.
func (l *listing) change(do func(now *given)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do(&l.gives)
}

func (l *listing) present() given {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gives
}

func newListing(t *testing.T, o Options) *listing {
	l := &listing{world: newWorld(t, o), gives: given{lst: packed(make([]byte, 16))}}
	inner := l.api.http.Transport
	l.api.http.Transport = issuerOf(func(r *http.Request) (int, string) {
		if r.URL.Path != "/status/3" {
			return inner.(issuerOf)(r)
		}
		l.fetches.Add(1)
		time.Sleep(100*time.Millisecond + l.present().stalls)
		gives := l.present()
		if gives.away {
			return 0, ""
		}
		now := time.Now().Add(-gives.late).Unix()
		return 200, l.list(nil, body{"iat": now, "exp": now + 60, "status_list": body{"bits": 1, "lst": gives.lst}})
	})
	return l
}

// TestRevokedWithinTheTTL: a token of which the list says that it ended is refused after ttl and a fetch at most, for a fetch in eight
// seconds however many requests come.
func TestRevokedWithinTheTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newListing(t, Options{})
		token := l.now(body{"status": in(listURL, 9), "exp": time.Now().Unix() + 3600})
		begin := time.Now()
		for time.Since(begin) < 5*time.Minute {
			if err := l.verify(token); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if n := l.fetches.Load(); n > 40 || n < 25 {
			t.Errorf("%d fetches in five minutes", n)
		}
		l.change(func(now *given) { now.lst = packed([]byte{0, 2, 0}) })
		ended := time.Now()
		for l.verify(token) == nil {
			time.Sleep(50 * time.Millisecond)
		}
		if err := l.verify(token); !errors.Is(err, ErrInactive) || time.Since(ended) > 9*time.Second {
			t.Errorf("refused after %s: %v", time.Since(ended), err)
		}
		// nobody asked for an hour: the first one does not get what was true an hour ago
		l.change(func(now *given) { now.lst = packed([]byte{0, 0, 0}) })
		time.Sleep(10 * time.Second)
		if err := l.verify(token); err != nil {
			t.Fatal(err)
		}
		l.change(func(now *given) { now.lst = packed([]byte{0, 2, 0}) })
		time.Sleep(time.Minute)
		if err := l.verify(token); !errors.Is(err, ErrInactive) {
			t.Errorf("after a minute without a request: %v", err)
		}
	})
}

// TestManyAtOnceFetchOnce: the first requests wait for one fetch.
func TestManyAtOnceFetchOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newListing(t, Options{})
		var wg sync.WaitGroup
		for range 100 {
			token := l.now(body{"status": in(listURL, 1)})
			wg.Go(func() {
				if err := l.verify(token); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := l.fetches.Load(); n != 1 {
			t.Errorf("%d fetches for a hundred tokens at once", n)
		}
	})
}

// TestTheListIsAway: what was known counts until it is over; then nobody knows, and the options say what that means.
func TestTheListIsAway(t *testing.T) {
	for _, o := range []Options{{}, {Status: Status{Lenient: true}}, {Status: Status{Off: true}}} {
		synctest.Test(t, func(t *testing.T) {
			l := newListing(t, o)
			token := l.now(body{"status": in(listURL, 1), "exp": time.Now().Unix() + 3600})
			if err := l.verify(token); err != nil {
				t.Fatal(err)
			}
			l.change(func(now *given) { now.away = true })
			for range 55 {
				if err := l.verify(token); err != nil {
					t.Fatalf("%+v: the list is good still: %v", o.Status, err)
				}
				time.Sleep(time.Second)
			}
			before := l.fetches.Load()
			time.Sleep(20 * time.Second)
			for range 1000 {
				err := l.verify(token)
				if o.Status == (Status{}) && !errors.Is(err, ErrUnavailable) || o.Status != (Status{}) && err != nil {
					t.Fatalf("%+v: the list is over: %v", o.Status, err)
				}
			}
			if n := l.fetches.Load() - before; n > 2 || o.Status.Off && l.fetches.Load() > 0 {
				t.Errorf("%+v: %d fetches of a list that is away", o.Status, n)
			}
			l.change(func(now *given) { now.away = false })
			time.Sleep(2 * time.Second)
			if err := l.verify(token); err != nil {
				t.Errorf("%+v: it is back: %v", o.Status, err)
			}
		})
	}
}

// TestAnIssuerThatStalls: it takes connections and answers late, and nothing in the end. One request waits, once; the others are answered
// by the list of before as long as that counts, and then refused.
func TestAnIssuerThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newListing(t, Options{})
		token := l.now(body{"status": in(listURL, 9), "exp": time.Now().Unix() + 3600})
		if err := l.verify(token); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		l.change(func(now *given) { now.away, now.stalls = true, 5*time.Second })
		waited, requests := time.Duration(0), 0
		for time.Since(begin) < 55*time.Second {
			at := time.Now()
			if err := l.verify(token); err != nil {
				t.Fatalf("after %s: %v", time.Since(begin), err)
			}
			waited += time.Since(at)
			requests++
			time.Sleep(100 * time.Millisecond)
		}
		if waited > 6*time.Second || requests < 400 {
			t.Errorf("%d requests waited %s", requests, waited)
		}
		time.Sleep(30 * time.Second)
		at := time.Now()
		if err := l.verify(token); !errors.Is(err, ErrUnavailable) || time.Since(at) > 6*time.Second {
			t.Errorf("when the list is over: %v, after %s", err, time.Since(at))
		}
		l.change(func(now *given) { now.away, now.stalls = false, 0 })
		l.change(func(now *given) { now.lst = packed([]byte{0, 2, 0}) })
		time.Sleep(10 * time.Second)
		if err := l.verify(token); !errors.Is(err, ErrInactive) {
			t.Errorf("when it answers again: %v", err)
		}
		synctest.Wait()
	})
}

// TestAnOldListBringsNothingBack: a list from before the one that is there, of a cache or of a replica that cannot read its database, takes
// no revocation back.
func TestAnOldListBringsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newListing(t, Options{})
		token := l.now(body{"status": in(listURL, 9), "exp": time.Now().Unix() + 3600})
		if err := l.verify(token); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		l.change(func(now *given) { now.lst = packed([]byte{0, 2, 0}) })
		l.verify(token)
		time.Sleep(time.Second)
		if err := l.verify(token); !errors.Is(err, ErrInactive) {
			t.Fatal(err)
		}
		l.change(func(now *given) { now.lst, now.late = packed([]byte{0, 0, 0}), 40*time.Second })
		for range 30 {
			time.Sleep(time.Second)
			if err := l.verify(token); err == nil {
				t.Fatal("an old list took a revocation back")
			}
		}
		l.change(func(now *given) { now.late = 0 })
		time.Sleep(2 * time.Second)
		if err := l.verify(token); err != nil {
			t.Errorf("a newer list: %v", err)
		}
	})
}

// TestManyLists: those of which tokens tell are bounded.
func TestManyLists(t *testing.T) {
	var l statusLists
	for i := range 3 * mostLists {
		l.of(fmt.Sprint(i), time.Unix(int64(i), 0))
	}
	if len(l.lists) != mostLists || l.lists[fmt.Sprint(3*mostLists-1)] == nil || l.lists["0"] != nil {
		t.Errorf("%d lists", len(l.lists))
	}
}
