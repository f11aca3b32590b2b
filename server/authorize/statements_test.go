package authorize_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

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

func TestStatementsPerAuthorization(t *testing.T) { // DESIGN section 2
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
