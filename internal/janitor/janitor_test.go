package janitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// memoryLocks is the locks table.
type memoryLocks struct {
	mu   sync.Mutex
	rows map[string]struct {
		holder string
		until  time.Time
	}
	err error
}

func (l *memoryLocks) Lock(_ context.Context, name, holder string, now, until time.Time) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return false, l.err
	}
	if row, ok := l.rows[name]; ok && row.holder != holder && row.until.After(now) {
		return false, nil
	}
	if l.rows == nil {
		l.rows = map[string]struct {
			holder string
			until  time.Time
		}{}
	}
	l.rows[name] = struct {
		holder string
		until  time.Time
	}{holder, until}
	return true, nil
}

func (l *memoryLocks) Unlock(_ context.Context, name, holder string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rows[name].holder == holder {
		delete(l.rows, name)
	}
	return nil
}

func TestOneReplicaAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		locks := new(memoryLocks)
		var running, most, runs atomic.Int64
		job := Job{Name: "sweep", Every: time.Minute, Run: func(context.Context) error {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(30 * time.Second)
			running.Add(-1)
			runs.Add(1)
			return nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { New(Options{Locks: locks}).Run(ctx, job) })
		}
		wg.Wait()
		if most.Load() != 1 {
			t.Errorf("at once: got %d, want 1", most.Load())
		}
		if n := runs.Load(); n < 30 || n > 125 {
			t.Errorf("runs in an hour: got %d", n)
		}
	})
}

func TestFailuresAndPanicsDoNotEndTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		locks := new(memoryLocks)
		var runs atomic.Int64
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		New(Options{Locks: locks}).Run(ctx, Job{Name: "bad", Every: time.Minute, Run: func(context.Context) error {
			if runs.Add(1)%2 == 0 {
				panic("oops")
			}
			return errors.New("no")
		}})
		if runs.Load() < 5 {
			t.Errorf("runs: got %d", runs.Load())
		}
		if len(locks.rows) != 0 {
			t.Error("the lock was not given back")
		}
	})
}

func TestReplicaThatDiedDoesNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		locks := new(memoryLocks)
		now := time.Now()
		if ok, _ := locks.Lock(t.Context(), "job.sweep", "the dead", now, now.Add(longestRun)); !ok {
			t.Fatal("no lock")
		}
		var first atomic.Int64
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		New(Options{Locks: locks}).Run(ctx, Job{Name: "sweep", Every: time.Minute, Run: func(context.Context) error {
			first.CompareAndSwap(0, int64(time.Since(now)))
			return nil
		}})
		if took := time.Duration(first.Load()); took < longestRun || took > longestRun+2*time.Minute {
			t.Errorf("taken over after %v", took)
		}
	})
}

func TestDeletesInBatchesUntilNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, calls := int64(1234), 0
		run := DeleteExpired(nil, "grants", time.Hour, func(_ context.Context, before time.Time, limit int) (int64, error) {
			calls++
			if want := time.Now().Add(-time.Hour); !before.Equal(want) {
				t.Errorf("before: got %v, want %v", before, want)
			}
			n := min(left, int64(limit))
			left -= n
			return n, nil
		})
		if err := run(t.Context()); err != nil || left != 0 || calls != 3 {
			t.Errorf("got %v, left %d after %d calls", err, left, calls)
		}
	})
}

// TestBatchesAreAsSmallAsTheyMustBeToBeShort: a row takes a millisecond for a while, and then next to nothing.
func TestBatchesAreAsSmallAsTheyMustBeToBeShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limits []int
		perRow := time.Millisecond
		run := DeleteExpired(nil, "grants", time.Hour, func(_ context.Context, _ time.Time, limit int) (int64, error) {
			limits = append(limits, limit)
			if len(limits) == 7 {
				perRow = 10 * time.Microsecond
			}
			time.Sleep(time.Duration(limit) * perRow)
			if len(limits) == 13 {
				return int64(limit) - 1, nil
			}
			return int64(limit), nil
		})
		if err := run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []int{500, 250, 125, 62, 50, 50, 50, 100, 200, 400, 500, 500, 500}
		if !slices.Equal(limits, want) {
			t.Errorf("got %v, want %v", limits, want)
		}
	})
}

// TestAReplicaThatDoesNotFitLeavesTheWorkToOthers: but does for itself what every replica does.
func TestAReplicaThatDoesNotFitLeavesTheWorkToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		locks := new(memoryLocks)
		var wrong atomic.Bool
		var all, alone atomic.Int64
		wrong.Store(true)
		j := New(Options{Locks: locks, Fit: func(context.Context) error {
			if wrong.Load() {
				return errors.New("the clock is wrong")
			}
			return nil
		}})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go j.Run(ctx, Job{Name: "sweep", Every: time.Minute, Run: func(context.Context) error { all.Add(1); return nil }},
			Job{Name: "watch", Every: time.Minute, Alone: true, Run: func(context.Context) error { alone.Add(1); return nil }})
		time.Sleep(10 * time.Minute)
		if all.Load() != 0 || alone.Load() < 8 || len(locks.rows) != 0 {
			t.Errorf("%d runs for all, %d alone, locks %v", all.Load(), alone.Load(), locks.rows)
		}
		wrong.Store(false)
		time.Sleep(5 * time.Minute)
		if all.Load() < 3 {
			t.Errorf("%d runs once the clock is right", all.Load())
		}
	})
}

// TestWhatJobsFailByIsToldOnceAnHour, for each of them and whatever numbers it has, and anew when they failed again.
func TestWhatJobsFailByIsToldOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Minute)
		defer cancel()
		start := time.Now()
		fail := func(context.Context) error {
			return fmt.Errorf("the clock is %s ahead", 48*time.Hour+time.Since(start))
		}
		New(Options{Locks: new(memoryLocks), Log: slog.New(slog.NewTextHandler(&out, nil))}).Run(ctx,
			Job{Name: "one", Every: time.Minute, Run: fail}, Job{Name: "two", Every: time.Minute, Run: fail})
		if n := strings.Count(out.String(), "job failed"); n != 6 {
			t.Errorf("told %d times in two and a half hours, want 6: %s", n, &out)
		}
		j := New(Options{Locks: new(memoryLocks)})
		for _, step := range []struct {
			text string
			want bool
		}{{"no", true}, {"no", false}, {"", false}, {"no", true}, {"other", true}} {
			if got := j.tell("one", step.text); got != step.want {
				t.Errorf("%q: told %v, want %v", step.text, got, step.want)
			}
		}
	})
}
