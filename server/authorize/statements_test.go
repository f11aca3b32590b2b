package authorize_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"signet/server/servertest"
)

// recorder keeps wide events by pattern.
type recorder struct {
	slog.Handler
	mu   sync.Mutex
	seen map[string][]map[string]slog.Value
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }

func (r *recorder) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]slog.Value{}
	rec.Attrs(func(a slog.Attr) bool { all[a.Key] = a.Value; return true })
	p := all["pattern"].String()
	r.seen[p] = append(r.seen[p], all)
	return nil
}

func (r *recorder) last(pattern string) (reads, writes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, events := range r.seen {
		if strings.Contains(p, pattern) {
			e := events[len(events)-1]
			count := func(key string) int64 {
				if v := e[key]; v.Kind() == slog.KindInt64 {
					return v.Int64()
				}
				return 0
			}
			return count("db_reads"), count("db_writes")
		}
	}
	return -1, -1
}

func TestStatementsPerAuthorization(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		seen := &recorder{seen: map[string][]map[string]slog.Value{}}
		w := newWorld(t, engine, servertest.Log(seen))
		w.Browser(t).Get(t, w.ask())
		if r, n := seen.last("/oauth2/authorize"); r > 1 || n != 1 {
			t.Errorf("not signed in: %d reads, %d writes; want at most 1 and 1", r, n)
		}
		b := w.signedIn(t)
		b.Get(t, w.ask())
		if r, n := seen.last("/oauth2/authorize"); b.Landed == nil || r != 2 || n != 1 {
			t.Errorf("signed in, remembered: %d reads, %d writes; want 2 and 1", r, n)
		}
	})
}

// atMost wants the last request of the method and pattern to have taken no more statements than that.
func (r *recorder) atMost(t *testing.T, what, method, pattern string, reads, writes int64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range slices.Backward(r.seen[pattern]) {
		if e["method"].String() != method {
			continue
		}
		count := func(key string) (n int64) {
			if v := e[key]; v.Kind() == slog.KindInt64 {
				n = v.Int64()
			}
			return n
		}
		if got, made := count("db_reads"), count("db_writes"); got > reads || made > writes {
			t.Errorf("%s: %s %s: %d reads and %d writes, want at most %d and %d", what, method, pattern, got, made, reads, writes)
		}
		return
	}
	t.Errorf("%s: no %s %s among %v", what, method, pattern, slices.Sorted(maps.Keys(r.seen)))
}

// TestStatementsPerStep: no step of a sign-in takes more than it did before there was one dispatcher for all of them.
func TestStatementsPerStep(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		seen := &recorder{seen: map[string][]map[string]slog.Value{}}
		w := newWorld(t, engine, servertest.Log(seen))
		b := w.Browser(t)
		r := w.shop.Begin(t, b)
		seen.atMost(t, "nobody", "GET", "/signin", 1, 0)
		b.SignIn(t, w.ada)
		seen.atMost(t, "first visit", "POST", "/signin", 7, 14) // with the note that a form was sent (V06)
		seen.atMost(t, "to the question", "GET", "/oauth2/continue", 3, 0)
		seen.atMost(t, "first visit", "GET", "/consent", 3, 0)
		b.Allow(t)
		seen.atMost(t, "first visit", "POST", "/consent", 4, 4)
		seen.atMost(t, "to the app", "GET", "/oauth2/continue", 3, 2)
		r.Exchange(t, r.Code(t, b))

		w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "consent"))
		seen.atMost(t, "asked again", "GET", "/consent", 3, 0)
		b.Allow(t)
		seen.atMost(t, "asked again", "POST", "/consent", 4, 5)
		seen.atMost(t, "asked again", "GET", "/oauth2/continue", 3, 2)

		w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "login"))
		seen.atMost(t, "again", "GET", "/signin", 4, 0)
		b.SignIn(t, w.ada)
		seen.atMost(t, "again", "POST", "/signin", 8, 8)
		seen.atMost(t, "again", "GET", "/oauth2/continue", 3, 2)

		w.Browser(t).Get(t, "/signin").SignIn(t, w.ada)
		seen.atMost(t, "to the account", "POST", "/signin", 5, 12)
		seen.atMost(t, "to the account", "GET", "/account", 9, 0) // with what apps wait for (docs/ciba.md)
	})
}
