package turns_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/internal/turns"
)

// Somebody who sends as much as they can beside others who come once each: from another network, in a known browser.
func TestV07_WhoSendsMostWaitsLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := turns.New(1, 256, time.Minute)
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		come := func(c turns.Caller) {
			wg.Go(func() {
				leave, err := q.Enter(t.Context(), c)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					order = append(order, "refused "+c.Key)
					return
				}
				defer leave()
				order = append(order, c.Key)
			})
			synctest.Wait()
		}
		busy, err := q.Enter(t.Context(), turns.Caller{Key: "first"})
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			come(turns.Caller{Key: "flood"})
		}
		come(turns.Caller{Key: "honest"})
		come(turns.Caller{Key: "laptop", Known: true})
		busy()
		wg.Wait()
		served := slices.DeleteFunc(slices.Clone(order), func(s string) bool { return s == "refused flood" })
		if n := len(order) - len(served); n != 300-128 {
			t.Errorf("%d of the flood were refused", n)
		}
		if i := slices.Index(served, "honest"); i < 0 || i > 3 {
			t.Errorf("another network was served %d th", i)
		}
		if i := slices.Index(served, "laptop"); i < 0 || i > 2 {
			t.Errorf("a known browser was served %d th", i)
		}
	})
}

// Many networks at once fill what those may have who are not known; a known browser still comes in.
func TestV07_AKnownBrowserHasSharesOfItsOwn(t *testing.T) {
	s := turns.NewShares(64)
	in := 0
	for i := range 500 {
		if s.Enter(turns.Caller{Key: fmt.Sprint(i)}) {
			in++
		}
	}
	if in != 48 {
		t.Errorf("%d unknown ones", in)
	}
	laptop := turns.Caller{Key: "laptop", Known: true}
	for range 4 {
		if !s.Enter(laptop) {
			t.Fatal("a known browser may not")
		}
	}
	if s.Enter(laptop) {
		t.Error("it may have all the rest")
	}
	s.Leave(laptop)
	if !s.Enter(laptop) {
		t.Error("what was given back is gone")
	}
}

func TestWhoGoesAwayLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := turns.New(1, 64, 10*time.Second)
		leave, err := q.Enter(t.Context(), turns.Caller{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		gone := errors.New("gone")
		wg.Go(func() {
			if _, err := q.Enter(ctx, turns.Caller{Key: "a"}); !errors.Is(err, gone) {
				t.Errorf("got %v", err)
			}
		})
		wg.Go(func() {
			if _, err := q.Enter(t.Context(), turns.Caller{Key: "b"}); !errors.Is(err, turns.ErrBusy) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		cancel(gone)
		wg.Wait()
		leave()
		if leave, err = q.Enter(t.Context(), turns.Caller{}); err != nil {
			t.Fatalf("the place is gone: %v", err)
		}
		leave()
	})
}

// Places are neither lost nor made, whoever gives up at whatever moment.
func TestPlacesStayAsMany(t *testing.T) {
	q := turns.New(2, 1000, time.Hour)
	var mu sync.Mutex
	in, most := 0, 0
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*time.Millisecond)
			defer cancel()
			leave, err := q.Enter(ctx, turns.Caller{Key: fmt.Sprint(i % 5), Known: i%3 == 0})
			if err != nil {
				return
			}
			mu.Lock()
			in++
			most = max(most, in)
			mu.Unlock()
			runtime.Gosched()
			mu.Lock()
			in--
			mu.Unlock()
			leave()
		})
	}
	wg.Wait()
	if most > 2 {
		t.Errorf("%d at once", most)
	}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := q.Enter(ctx, turns.Caller{}); err != nil {
			t.Errorf("a place is gone: %v", err)
		}
	}
}

// Places that are added go to those who wait, and places that are taken away to nobody.
func TestResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := turns.New(1, 256, time.Minute)
		leave := make(chan func(), 8)
		for i := range 5 {
			go func() {
				done, err := q.Enter(t.Context(), turns.Caller{Key: fmt.Sprint(i)})
				if err != nil {
					t.Error(err)
				}
				leave <- done
			}()
		}
		for _, step := range []struct{ places, want int }{{1, 1}, {3, 3}, {2, 3}} {
			q.Resize(step.places)
			synctest.Wait()
			if got := q.Taken(); got != step.want {
				t.Errorf("%d places: %d are taken, want %d", step.places, got, step.want)
			}
		}
		for _, want := range []int{2, 2, 2, 1, 0} {
			(<-leave)()
			synctest.Wait()
			if got := q.Taken(); got != want {
				t.Errorf("%d are taken, want %d", got, want)
			}
		}
	})
}
