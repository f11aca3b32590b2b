package register_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
)

// among is a server with so many clients that registered themselves, and what is measured there.
type among struct {
	*servertest.Server
	seen *statements
	b    *servertest.Browser
	app  string // what Ada has agreed to
	net  int
	cpu  map[string][]time.Duration
	took map[string][]time.Duration
	cost map[string][2]int64
}

// mostUnused of them nobody has used yet. There are never more than ten thousand (rule V06), which are counted again once a second at most.
const mostUnused = 1_000

func newAmong(t *testing.T, db *storage.DB, n int) *among {
	t.Helper()
	a := &among{seen: &statements{}, cpu: map[string][]time.Duration{}, took: map[string][]time.Duration{}, cost: map[string][2]int64{}}
	a.Server = servertest.New(t, servertest.HandlerOnly(), servertest.On(db), yaml("open"), servertest.Quiet(), servertest.Log(a.seen))
	fill(t, db, min(n, mostUnused), "waiting", time.Now().Add(7*24*time.Hour))
	fill(t, db, max(n-mostUnused, 0), "used", time.Time{})
	ada := a.Person(t, "ada@example.com")
	a.app = text(a.register(t), "client_id")
	a.b = a.Browser(t)
	if a.authorize(t); a.b.Landed == nil {
		if a.b.SignIn(t, ada).Allow(t); a.b.Landed == nil {
			t.Fatalf("at %s (%d): %s", a.b.URL, a.b.Status, a.b.Text("main"))
		}
	}
	return a
}

// register is from a network of its own, as one may have twenty an hour.
func (a *among) register(t *testing.T) document {
	t.Helper()
	a.net++
	a.Address = fmt.Sprintf("10.%d.%d.1", a.net/250, a.net%250)
	status, _, made := send(t, a.Server, "POST", at, "", document{"redirect_uris": []string{"https://app.example/cb"}})
	if status != http.StatusCreated {
		t.Fatalf("%d %v", status, made)
	}
	return made
}

func (a *among) authorize(t *testing.T) {
	t.Helper()
	a.b.Get(t, "/oauth2/authorize?"+url.Values{"client_id": {a.app}, "response_type": {"code"}, "scope": {"openid"},
		"redirect_uri": {"https://app.example/cb"}}.Encode())
}

// step does a thing so many times.
func (a *among) step(what string, times int, do func(i int)) {
	began, cpu := time.Now(), used()
	for i := range times {
		do(i)
	}
	a.cpu[what] = append(a.cpu[what], (used()-cpu)/time.Duration(times))
	a.took[what] = append(a.took[what], time.Since(began)/time.Duration(times))
	a.cost[what] = a.seen.last()
}

func (a *among) round(t *testing.T) {
	t.Helper()
	const times = 10
	var made [times]document
	id := func(i int) string { return text(made[i], "client_id") }
	token := func(i int) string { return text(made[i], "registration_access_token") }
	a.step("POST", times, func(i int) { made[i] = a.register(t) })
	a.step("GET", times, func(i int) {
		if status, _, got := send(t, a.Server, "GET", at+"/"+id(i), token(i), nil); status != http.StatusOK {
			t.Fatalf("%d %v", status, got)
		}
	})
	a.step("PUT", times, func(i int) {
		status, _, got := send(t, a.Server, "PUT", at+"/"+id(i), token(i),
			document{"client_id": id(i), "redirect_uris": []string{"https://app.example/other"}})
		if made[i] = got; status != http.StatusOK {
			t.Fatalf("%d %v", status, got)
		}
	})
	a.step("authorization", times, func(int) {
		if a.authorize(t); a.b.Landed == nil || a.b.Landed.Query().Get("code") == "" {
			t.Fatalf("at %s (%d): %s", a.b.URL, a.b.Status, a.b.Text("main"))
		}
	})
	a.step("DELETE", times, func(i int) {
		if status, _, got := send(t, a.Server, "DELETE", at+"/"+id(i), token(i), nil); status != http.StatusNoContent {
			t.Fatalf("%d %v", status, got)
		}
	})
}

// used is the CPU that this process has had: times of a busy machine say little.
func used() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestRegistration_CostsTheSameAmong100000: what a registration, a look at one, a change, a deletion and an authorization cost among
// 100,000 clients is what it costs where there are none: the same statements, and no more CPU. docs/benchmarks.md has what it said.
func TestRegistration_CostsTheSameAmong100000(t *testing.T) {
	if os.Getenv("SIGNET_TEST_MANY") == "" {
		t.Skip("SIGNET_TEST_MANY is not set: 100,000 clients are written in .ci/run full")
	}
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		few, many := newAmong(t, open(t), 0), newAmong(t, open(t), 100_000)
		few.round(t)
		many.round(t)
		clear(few.cpu)
		clear(many.cpu)
		clear(few.took)
		clear(many.took)
		for i := range 30 {
			pair := []*among{few, many}
			if i%2 == 1 {
				slices.Reverse(pair)
			}
			for _, one := range pair {
				one.round(t)
			}
		}
		for what := range few.cpu {
			if few.cost[what] != many.cost[what] {
				t.Errorf("%s: %v reads and writes among none, %v among many", what, few.cost[what], many.cost[what])
			}
			cpu, took := ratios(many.cpu[what], few.cpu[what]), ratios(many.took[what], few.took[what])
			t.Logf("%s: CPU %.2f [%.2f–%.2f], time %.2f [%.2f–%.2f]; %v among none, reads and writes %v", what, cpu[len(cpu)/2], cpu[1],
				cpu[len(cpu)-2], took[len(took)/2], took[1], took[len(took)-2], middle(few.cpu[what]), few.cost[what])
			if cpu[len(cpu)/2] > 1.3 {
				t.Errorf("%s: %.2f times the CPU among many", what, cpu[len(cpu)/2])
			}
		}
	})
}

// ratios are those of each pair, in order.
func ratios(many, few []time.Duration) (all []float64) {
	for i := range many {
		all = append(all, float64(many[i])/float64(few[i]))
	}
	slices.Sort(all)
	return all
}

func middle(all []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(all))[len(all)/2].Round(time.Microsecond)
}
