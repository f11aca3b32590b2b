package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// Bounds of an attack: honest requests that are served, what the database may grow by, and memory.
const (
	leastHonest = 99.0 // percent
	mostGrowth  = 48.0 // MiB: what strangers may leave is bounded by rows, and their failures are written down
	mostMemory  = 256.0
)

const attackServer = `, trusted_proxies: [127.0.0.0/8, "::1/128"]`

const attackMore = `  - {client_id: spa, client_name: SPA, redirect_uris: ["http://localhost:1/cb"],
     grant_types: [authorization_code, refresh_token, "urn:ietf:params:oauth:grant-type:device_code"], token_endpoint_auth_method: none,
     scope: "openid offline_access"}
registration: {mode: open, scopes: [openid, profile, email]}
`

// attack runs strangers beside honest callers, first from other networks and then from one /24, and fails where a bound is passed.
func attack(ctx context.Context, args []string, out io.Writer) error {
	var o options
	attackers := 0
	set := flag.NewFlagSet("attack", flag.ExitOnError)
	set.StringVar(&o.signet, "signet", "", "the signet binary; empty = build it from this checkout")
	set.StringVar(&o.dsn, "postgres", "", "DSN of a fresh Postgres database; empty = SQLite")
	set.IntVar(&attackers, "attackers", 32, "requests of strangers at once")
	set.IntVar(&o.concurrency, "honest", 4, "honest callers")
	set.DurationVar(&o.duration, "d", 30*time.Second, "length of each of the two attacks")
	set.StringVar(&o.only, "only", "", "run only the attacks whose name contains this")
	_ = set.Parse(args) // it ends the process
	o.server, o.more = attackServer, attackMore
	dir, err := os.MkdirTemp("", "signet-attack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	signet, err := startSignet(ctx, dir, o)
	if err != nil {
		return fmt.Errorf("start signet: %w", err)
	}
	defer signet.stop()
	w, err := newWorld(ctx, signet.url, o)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	var bad []error
	for _, one := range []bool{false, true} {
		f := &field{world: w, one: one, only: o.only}
		if err := f.prepare(ctx); err != nil {
			return err
		}
		size := databaseMiB(dir, o.dsn)
		peak := f.run(ctx, o, attackers, signet)
		bad = append(bad, f.report(out, peak, databaseMiB(dir, o.dsn)-size))
	}
	return errors.Join(bad...)
}

// field is one attack: who is at it, and what came of it.
type field struct {
	*world
	one   bool // strangers and honest callers are of one /24
	only  string
	known []*http.Client // browsers that somebody signed in with before

	mu      sync.Mutex
	results map[string]*result
	hits    atomic.Int64 // of strangers
}

// result is of one kind of honest request.
type result struct {
	good, bad int
	slowest   time.Duration
	last      error
}

func (f *field) name() string {
	if f.one {
		return "one /24"
	}
	return "other networks"
}

// run lets everybody go until the time is over, and returns the most memory that the server had.
func (f *field) run(ctx context.Context, o options, attackers int, signet *process) (peak float64) {
	ctx, stop := context.WithTimeout(ctx, o.duration)
	defer stop()
	var wg sync.WaitGroup
	for i := range attackers {
		wg.Go(func() { f.stranger(ctx, i) })
	}
	for i := range o.concurrency {
		wg.Go(func() { f.caller(ctx, i) })
	}
	for ctx.Err() == nil {
		peak = max(peak, signet.rssMiB())
		time.Sleep(100 * time.Millisecond)
	}
	wg.Wait()
	return peak
}

// caller makes one honest request after the other.
func (f *field) caller(ctx context.Context, i int) {
	kinds := f.honest(i)
	for n := 0; ctx.Err() == nil; n++ {
		k := kinds[n%len(kinds)]
		began := time.Now()
		err := k.do(ctx)
		if ctx.Err() != nil { // the time is over
			return
		}
		f.note(k.name, time.Since(began), err)
		time.Sleep(10 * time.Millisecond)
	}
}

func (f *field) note(kind string, took time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.results == nil {
		f.results = map[string]*result{}
	}
	r := f.results[kind]
	if r == nil {
		r = &result{}
		f.results[kind] = r
	}
	if r.slowest = max(r.slowest, took); err == nil {
		r.good++
		return
	}
	r.bad++
	r.last = err
}

// report prints what came of it; an error where a bound was passed.
func (f *field) report(out io.Writer, peak, grown float64) error {
	good, all := 0, 0
	var names []string
	for name, r := range f.results {
		names = append(names, name)
		good, all = good+r.good, all+r.good+r.bad
	}
	slices.Sort(names)
	share := 100 * float64(good) / float64(max(1, all))
	fmt.Fprintf(out, "\n%s: %d requests of strangers; %.2f %% of %d honest ones served; database +%.1f MiB; memory at most %.0f MiB\n",
		f.name(), f.hits.Load(), share, all, grown, peak)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "honest\tserved\trefused\tslowest ms\tthe last refusal\n")
	for _, name := range names {
		r := f.results[name]
		fmt.Fprintf(t, "%s\t%d\t%d\t%.0f\t%v\n", name, r.good, r.bad, ms(r.slowest), r.last)
	}
	t.Flush()
	if share < leastHonest || grown > mostGrowth || peak > mostMemory {
		return fmt.Errorf("%s: wants at least %v %% served, at most %v MiB more in the database and %v MiB of memory",
			f.name(), leastHonest, mostGrowth, mostMemory)
	}
	return nil
}

// databaseMiB is how large the database is, its log beside it not counted on Postgres.
func databaseMiB(dir, dsn string) float64 {
	size := int64(0)
	if dsn == "" {
		files, _ := filepath.Glob(filepath.Join(dir, "signet.db*"))
		for _, name := range files {
			if info, err := os.Stat(name); err == nil {
				size += info.Size()
			}
		}
		return float64(size) / (1 << 20)
	}
	_ = ask(context.Background(), dsn, "SELECT pg_database_size(current_database())", &size)
	return float64(size) / (1 << 20)
}
