package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"signet/internal/ratelimit"
	"signet/storage"
	"signet/storage/storagetest"
)

func limit(per string) ratelimit.Limit {
	return ratelimit.Limit{
		Key: "account", Per: per, Free: 3, Window: 24 * time.Hour, First: 2 * time.Second, Max: time.Minute,
		OnSuccess: ratelimit.WholeStreak,
	}
}

// fail charges a try and lets it fail; it returns how long to wait if there was no try.
func fail(t *testing.T, l *ratelimit.Limiter, limits ...ratelimit.Limit) time.Duration {
	t.Helper()
	_, err := l.Charge(t.Context(), limits...)
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		return late.RetryAfter
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

func inBubble(t *testing.T, test func(t *testing.T, l *ratelimit.Limiter)) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		test(t, ratelimit.New(db))
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestF01_WaitsGrowToAMaximumAndPromisesAreKept(t *testing.T) {
	inBubble(t, func(t *testing.T, l *ratelimit.Limiter) {
		for i := range 3 {
			if wait := fail(t, l, limit("")); wait != 0 {
				t.Fatalf("free try %d waits %s", i, wait)
			}
		}
		for i, want := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
			got := fail(t, l, limit(""))
			if i == 0 && got != want*time.Second {
				t.Fatalf("first wait: got %s, want %s", got, want*time.Second)
			}
			if got > want*time.Second || got <= 0 {
				t.Fatalf("wait %d: got %s, want at most %s", i, got, want*time.Second)
			}
			for range 50 { // impatience neither helps nor makes it worse
				if again := fail(t, l, limit("")); again > got || again == 0 {
					t.Fatalf("wait %d: told %s, then %s", i, got, again)
				}
			}
			time.Sleep(got)
			if late := fail(t, l, limit("")); late != 0 {
				t.Fatalf("wait %d: came back after %s and must wait %s more", i, got, late)
			}
		}
	})
}

func TestF01_SuccessForgetsTheStreak(t *testing.T) {
	inBubble(t, func(t *testing.T, l *ratelimit.Limiter) {
		fail(t, l, limit(""))
		fail(t, l, limit(""))
		c, err := l.Charge(t.Context(), limit(""))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Succeeded(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if wait := fail(t, l, limit("")); wait != 0 {
				t.Errorf("try %d after a success waits %s", i, wait)
			}
		}
	})
}

func TestF01_RefundedTriesCostNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, l *ratelimit.Limiter) {
		for range 100 {
			c, err := l.Charge(t.Context(), limit(""))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Refund(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestF01_SuccessTakesBackTheFirstLimitInTheOthersToo(t *testing.T) {
	inBubble(t, func(t *testing.T, l *ratelimit.Limiter) {
		near := ratelimit.Limit{Key: "near", Free: 10, Window: time.Hour, First: time.Second, Max: time.Second, OnSuccess: ratelimit.WholeStreak}
		wide := ratelimit.Limit{Key: "wide", Free: 4, Window: time.Hour, First: time.Second, Max: time.Second, OnSuccess: ratelimit.FirstLimit}
		fail(t, l, wide) // a stranger's
		fail(t, l, near, wide)
		fail(t, l, near, wide)
		c, err := l.Charge(t.Context(), near, wide)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Succeeded(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 3 { // the stranger's failure stays
			if wait := fail(t, l, wide); wait != 0 {
				t.Errorf("try %d waits %s", i, wait)
			}
		}
		if wait := fail(t, l, wide); wait == 0 {
			t.Error("the stranger's failure was forgiven")
		}
	})
}

func TestF02_NobodyTakesAnothersTurn(t *testing.T) { // a network of its own waits once, whatever others do
	inBubble(t, func(t *testing.T, l *ratelimit.Limiter) {
		for i := range 1000 {
			fail(t, l, limit(fmt.Sprintf("network %d", i)))
		}
		wait := fail(t, l, limit("owner"))
		if wait == 0 || wait > time.Minute {
			t.Fatalf("the owner's network waits %s", wait)
		}
		for i := range 100 {
			time.Sleep(wait / 100)
			fail(t, l, limit(fmt.Sprintf("network %d", i)))
		}
		if late := fail(t, l, limit("owner")); late != 0 {
			t.Errorf("told to wait %s, then %s more", wait, late)
		}
	})
}

func TestF01_ManyAtOnceDoNotRunPastTheLimit(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		replicas := []*ratelimit.Limiter{ratelimit.New(db), ratelimit.New(db)}
		long := limit("")
		long.First, long.Max = time.Hour, time.Hour // no wait ends meanwhile, on whatever machine
		var mu sync.Mutex
		var through int
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				_, err := replicas[i%2].Charge(context.Background(), long)
				if _, throttled := errors.AsType[*ratelimit.Throttled](err); err != nil && !throttled {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					through++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if through > 3 || through == 0 {
			t.Errorf("%d of 50 tries at once got through, want 1 to 3", through)
		}
	})
}

func TestA18_NoCountersNoTry(t *testing.T) { // fail closed
	db := storagetest.SQLite(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ratelimit.New(db).Charge(t.Context(), limit("")); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

func TestF03_AFullLimitLetsNobodyThroughEvenAtOnce(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		l := ratelimit.New(open(t))
		closed := ratelimit.Limit{Key: "closed", Free: 5, Cap: 5, Window: time.Hour, OnSuccess: ratelimit.FirstLimit}
		other := ratelimit.Limit{Key: "other", Free: 100, Window: time.Hour}
		var through, refused atomic.Int64
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				switch _, err := l.Charge(t.Context(), other, closed); {
				case err == nil:
					through.Add(1)
				case errors.Is(err, ratelimit.ErrCapped):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if through.Load() > 5 || through.Load() == 0 || through.Load()+refused.Load() != 30 {
			t.Errorf("%d through, %d refused; want at most 5 and the rest", through.Load(), refused.Load())
		}
		for range 5 {
			l.Charge(t.Context(), other, closed)
		}
		if closed, err := l.Capped(t.Context(), closed); err != nil || !closed {
			t.Errorf("capped %v, %v", closed, err)
		}
		if err := l.Forget(t.Context(), closed); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Charge(t.Context(), other, closed); err != nil {
			t.Errorf("after it was forgotten: %v", err)
		}
	})
}

// A count that is spread over rows is one count: the sum decides, with the row of the release before among them, and a success takes its
// try back from where it was added.
func TestACountInSeveralRowsCountsAsOne(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		l := ratelimit.New(db)
		server := func(network int) []ratelimit.Limit {
			per := fmt.Sprint("network ", network)
			return []ratelimit.Limit{
				{Key: per, Free: 1000, Window: time.Hour, First: time.Second, Max: time.Second},
				{Key: "server", Per: per, Free: 40, Window: time.Hour, First: time.Minute, Max: time.Minute, Rows: 8},
			}
		}
		rows := func() (sum, used, most int64) {
			t.Helper()
			keys := []string{"n:server"}
			for i := range 8 {
				keys = append(keys, fmt.Sprint("n:server #", i))
			}
			read, err := db.CountersOf(t.Context(), keys, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range read {
				sum, most = sum+c.Count, max(most, c.Count)
				if c.Count > 0 {
					used++
				}
			}
			return sum, used, most
		}
		if _, err := db.AddToCounter(t.Context(), "n:server", 7, time.Now(), time.Hour); err != nil { // by a replica of the release before
			t.Fatal(err)
		}
		for i := range 33 {
			if wait := fail(t, l, server(i)...); wait != 0 {
				t.Fatalf("try %d waits %s", i, wait)
			}
		}
		if sum, used, most := rows(); sum != 40 || used < 6 || most > 12 {
			t.Errorf("40 tries are %d, in %d rows, %d in one", sum, used, most)
		}
		if wait := fail(t, l, server(100)...); wait != time.Minute {
			t.Errorf("the 41st waits %s", wait)
		}
		if sum, _, _ := rows(); sum != 40 {
			t.Errorf("whoever has to wait is counted: %d", sum)
		}
		if err := l.Forget(t.Context(), server(0)[1]); err != nil {
			t.Fatal(err)
		}
		if sum, _, _ := rows(); sum != 0 {
			t.Errorf("forgotten, %d are left", sum)
		}
		for i := range 20 {
			c, err := l.Charge(t.Context(), server(i)...)
			if err != nil {
				t.Fatal(err)
			}
			end := c.Succeeded
			if i%2 == 0 {
				end = c.Refund
			}
			if err := end(t.Context()); err != nil {
				t.Fatal(err)
			}
			if sum, _, _ := rows(); sum != 0 {
				t.Fatalf("try %d was taken back, %d are left", i, sum)
			}
		}
	})
}
