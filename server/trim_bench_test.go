package server

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"signet/audit"
	"signet/internal/telemetry"
	"signet/storage"
)

// nobody keeps no events.
type nobody struct{}

func (nobody) Record(context.Context, audit.Event) error { return nil }

// BenchmarkTrimBesideWrites is the longest time that somebody else's write took while the surplus of grants was looked for and ended, and
// without it: among so many grants, 100 people have 50 too many. The job must not stop the writer.
func BenchmarkTrimBesideWrites(b *testing.B) {
	for _, grants := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(grants), func(b *testing.B) { trimBesideWrites(b, grants) })
	}
}

func trimBesideWrites(b *testing.B, grants int) {
	const each, crowded, surplus = 100, 100, 50
	ctx := b.Context()
	db, err := storage.Open(ctx, storage.Options{DSN: "sqlite:" + filepath.Join(b.TempDir(), "signet.db")})
	if err == nil {
		_, err = db.MigrateUp(ctx)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	n := 0
	add := func(ctx context.Context, user string) error {
		n++
		return db.InsertGrant(ctx,
			storage.Grant{ID: fmt.Sprint("g", n), UserID: user, ClientID: "shop", CreatedAt: time.Now(), ExpiresAt: future(1e6)})
	}
	fill := func(user string, many int) {
		if err := db.Tx(ctx, func(ctx context.Context) error {
			for range many {
				if err := add(ctx, user); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	for i := range grants / each {
		fill(fmt.Sprint("user", i), each)
	}
	slowest := func(act func()) time.Duration {
		done := make(chan struct{})
		var longest time.Duration
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				began := time.Now()
				if err := add(ctx, "somebody"+fmt.Sprint(n)); err != nil {
					b.Error(err)
					return
				}
				longest = max(longest, time.Since(began))
			}
		})
		act()
		close(done)
		wg.Wait()
		return longest
	}
	var beside, took time.Duration
	for b.Loop() {
		for i := range crowded {
			fill(fmt.Sprint("user", i), surplus)
		}
		t := &trimmer{store: db, events: nobody{}, metrics: telemetry.NewMetrics(), limit: hundred, slice: trimSlice}
		began := time.Now()
		beside = max(beside, slowest(func() {
			if err := t.run(ctx); err != nil {
				b.Error(err)
			}
		}))
		took = time.Since(began)
	}
	alone := slowest(func() { time.Sleep(took) })
	b.ReportMetric(float64(beside.Microseconds())/1000, "ms-longest-write")
	b.ReportMetric(float64(alone.Microseconds())/1000, "ms-longest-write-alone")
	b.ReportMetric(took.Seconds(), "s-run")
}
