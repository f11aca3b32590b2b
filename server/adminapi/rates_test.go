package adminapi

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"signet/admin"
	"signet/server/web"
)

func by(id string) admin.Actor { return admin.Actor{Kind: admin.KindClient, ID: id} }

// TestRates: what was not used is saved for ten seconds, what is refused is not counted, and credentials do not pay for one another.
func TestRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rates{of: Rates{Requests: 50, Writes: 10}}
		send := func(id string, writes bool, n int) (sent int) {
			for range n {
				if r.pay(by(id), writes) == nil {
					sent++
				}
			}
			return sent
		}
		if n := send("a", false, 1000); n != 500 {
			t.Errorf("%d at once", n)
		}
		if n := send("b", true, 1000); n != 100 {
			t.Errorf("%d changes at once, beside another that sends too much", n)
		}
		time.Sleep(time.Second)
		if n := send("a", false, 1000); n != 50 {
			t.Errorf("%d after a second", n)
		}
		if n := send("b", true, 1000); n != 10 {
			t.Errorf("%d changes after a second", n)
		}
		time.Sleep(time.Hour)
		if n := send("a", false, 1000); n != 500 {
			t.Errorf("%d after an hour", n)
		}
		p, ok := errors.AsType[*web.Problem](r.pay(by("a"), false))
		if !ok || p.Status != http.StatusTooManyRequests {
			t.Fatalf("got %v", p)
		}
		time.Sleep(time.Second) // what Retry-After says
		if r.pay(by("a"), false) != nil {
			t.Error("refused after the wait that it was told")
		}
		none := &rates{}
		if none.pay(by("a"), true) != nil || len(none.spent) > 0 {
			t.Error("counted without a bound")
		}
	})
}

// TestRatesAtOnce: together no more get in than one after another, and the memory has an end.
func TestRatesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rates{of: Rates{Requests: 10}}
		var in atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 100 {
					if r.pay(by("a"), false) == nil {
						in.Add(1)
					}
				}
			})
		}
		if all.Wait(); in.Load() != 100 {
			t.Errorf("%d got in", in.Load())
		}
		for i := range 3 * mostCallers {
			_ = r.pay(by(fmt.Sprint(i)), false)
		}
		if len(r.spent) > mostCallers {
			t.Errorf("%d are remembered", len(r.spent))
		}
	})
}
