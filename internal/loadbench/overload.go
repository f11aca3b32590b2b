package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Bounds of an overload: what sign-ins keep of their rate without it, and what is served that needs no database while that hangs.
const (
	leastSignIns = 0.25
	leastServed  = 99.0 // percent
)

// overload shows that nobody starves: sign-ins beside far more requests for tokens than the server can answer, and, on Postgres, what needs
// no database while it answers nothing.
func overload(ctx context.Context, args []string, out io.Writer) error {
	var o options
	var flood int
	var times float64
	set := flag.NewFlagSet("overload", flag.ExitOnError)
	set.StringVar(&o.signet, "signet", "", "the signet binary; empty = build it from this checkout")
	set.StringVar(&o.dsn, "postgres", "", "DSN of a fresh Postgres database in a cluster that may be stopped (SIGSTOP); empty = SQLite")
	set.IntVar(&flood, "flood", 700, "requests at once")
	set.Float64Var(&times, "times", 0, "offer so many times the refreshes that one core can answer, and nothing else; needs taskset")
	set.DurationVar(&o.duration, "d", 8*time.Second, "length of each part")
	_ = set.Parse(args) // it ends the process
	o.concurrency, o.server = 4, attackServer
	if times > 0 {
		o.core, o.crowd = serverCore, crowd{grants: cold * connections, people: 30 * connections}
	}
	dir, err := os.MkdirTemp("", "signet-overload-")
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
	if times > 0 {
		return w.timesPeak(ctx, o, signet, times, out)
	}
	w.client.Transport = via{honest, w.client.Transport}
	for _, b := range w.browsers {
		b.Transport = w.client.Transport
	}
	bad := w.besideTokens(ctx, o, flood, out)
	if o.dsn != "" {
		bad = errors.Join(bad, w.whileHung(ctx, o, flood, out))
	}
	return bad
}

// counted is how often something was done, and how often it was refused.
type counted struct{ good, bad atomic.Int64 }

func (c *counted) note(err error) {
	if err == nil {
		c.good.Add(1)
	} else {
		c.bad.Add(1)
	}
}

func (c *counted) percent() float64 {
	return 100 * float64(c.good.Load()) / float64(max(1, c.good.Load()+c.bad.Load()))
}

// many does something with so many workers until the context ends; what its end cut off is not counted.
func many(ctx context.Context, wg *sync.WaitGroup, workers int, do func(ctx context.Context, worker int) error) *counted {
	c := &counted{}
	for i := range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := do(ctx, i); ctx.Err() == nil {
					c.note(err)
				}
			}
		})
	}
	return c
}

// crowd is a process of its own that sends requests from many networks: it is not to keep those of this process waiting.
func (w *world) crowd(ctx context.Context, wg *sync.WaitGroup, workers int, what string) *counted {
	c := &counted{}
	if workers == 0 {
		return c
	}
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	until, _ := ctx.Deadline()
	cmd := exec.Command(self, "crowd", w.url, w.seen, what, strconv.Itoa(workers), time.Until(until).String())
	cmd.Stderr = os.Stderr
	wg.Go(func() {
		out, err := cmd.Output()
		good, bad := int64(0), int64(0)
		if _, scanErr := fmt.Sscan(string(out), &good, &bad); err != nil || scanErr != nil {
			fmt.Fprintln(os.Stderr, "loadbench: the crowd:", err, scanErr)
		}
		c.good.Store(good)
		c.bad.Store(bad)
	})
	return c
}

// serveCrowd is that process.
func serveCrowd(args []string) {
	workers, _ := strconv.Atoi(args[3])
	life, _ := time.ParseDuration(args[4])
	pool := &http.Transport{MaxIdleConnsPerHost: workers, MaxIdleConns: workers}
	everywhere := func() string { return fmt.Sprintf("198.%d.%d.1", 18+rand.IntN(2), rand.IntN(256)) }
	w := &world{url: args[0], seen: args[1],
		client: &http.Client{Transport: via{everywhere, pool}, CheckRedirect: stay, Timeout: time.Minute}}
	ctx, stop := context.WithTimeout(context.Background(), life)
	defer stop()
	var wg sync.WaitGroup
	c := many(ctx, &wg, workers, func(ctx context.Context, _ int) error {
		if args[2] == "introspect" {
			return w.introspect(ctx, w.seen)
		}
		_, err := w.clientCredentials(ctx, "cc")
		return err
	})
	wg.Wait()
	fmt.Println(c.good.Load(), c.bad.Load())
}

// besideTokens compares the rate of sign-ins alone with that beside a flood of requests for tokens.
func (w *world) besideTokens(ctx context.Context, o options, flood int, out io.Writer) error {
	signIns := func(ctx context.Context, i int) error { return w.again(ctx, w.browsers[i], person(i)) }
	part := func(flood int) (people, tokens *counted) {
		ctx, stop := context.WithTimeout(ctx, o.duration)
		defer stop()
		var wg sync.WaitGroup
		people = many(ctx, &wg, 4, signIns)
		tokens = w.crowd(ctx, &wg, flood, "tokens")
		wg.Wait()
		return people, tokens
	}
	alone, _ := part(0)
	beside, tokens := part(flood)
	kept := float64(beside.good.Load()) / float64(max(1, alone.good.Load()))
	seconds := o.duration.Seconds()
	fmt.Fprintf(out,
		"sign-ins alone: %.1f/s; beside %d requests for tokens at once: %.1f/s (%.2f), %.1f %% served; tokens %.0f/s, %.1f %% served\n",
		float64(alone.good.Load())/seconds, flood, float64(beside.good.Load())/seconds, kept, beside.percent(),
		float64(tokens.good.Load())/seconds, tokens.percent())
	if kept < leastSignIns {
		return fmt.Errorf("sign-ins keep %.2f of their rate, at least %v is wanted", kept, leastSignIns)
	}
	return nil
}

// whileHung stops the database, as a full disk or a lost network would, sends introspections that wait for it, and counts what is served
// that needs none.
func (w *world) whileHung(ctx context.Context, o options, flood int, out io.Writer) error {
	pids, err := backends(ctx, o.dsn)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, o.duration)
	defer stop()
	var wg sync.WaitGroup
	tell(pids, syscall.SIGSTOP)
	waiting := w.crowd(ctx, &wg, flood, "introspect")
	time.Sleep(time.Second)
	tokens := many(ctx, &wg, 4, func(ctx context.Context, _ int) error { _, err := w.clientCredentials(ctx, "cc"); return err })
	keys := many(ctx, &wg, 4, func(ctx context.Context, _ int) error { return w.read(ctx, "/oauth2/jwks") })
	wg.Wait()
	tell(pids, syscall.SIGCONT)
	fmt.Fprintf(out,
		"database stopped, %d introspections at once (%d refused): client_credentials %d, %.1f %% served; JWKS %d, %.1f %% served\n",
		flood, waiting.bad.Load(), tokens.good.Load(), tokens.percent(), keys.good.Load(), keys.percent())
	if tokens.percent() < leastServed || keys.percent() < leastServed || tokens.good.Load() == 0 {
		return fmt.Errorf("what needs no database is served to %.1f %% and %.1f %%, at least %v is wanted", tokens.percent(), keys.percent(),
			leastServed)
	}
	return nil
}

func tell(pids []int, s syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, s)
	}
}

// backends are the processes of the cluster that serve the database, and the one that starts them.
func backends(ctx context.Context, dsn string) (pids []int, err error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		pid := 0
		if err := rows.Scan(&pid); err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	if len(pids) == 0 {
		return nil, errors.New("no backend of the database is seen")
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pids[0]))
	if err != nil {
		return nil, fmt.Errorf("the cluster has to be on this machine: %w", err)
	}
	parent, err := strconv.Atoi(strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[1])
	return append(pids, parent), err
}
