package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// soakReadings is how often memory is read in a soak.
const soakReadings = 30

// soakCommand is the command of that name: what the server's memory does under a mixed load that lasts.
func soakCommand(ctx context.Context, args []string, out io.Writer) error {
	s := &side{options: options{concurrency: 16}}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.StringVar(&s.signet, "signet", "", "the signet binary; empty = build it from this checkout")
	flags.StringVar(&s.dsn, "postgres", "", "DSN of a fresh Postgres database; empty = SQLite")
	flags.IntVar(&s.crowd.grants, "grants", 0, "grants that are there before, of a tenth as many people")
	lasts := flags.Duration("for", time.Hour, "how long")
	rate := flags.Int("rate", 200, "requests a second")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s.crowd.people = max(1, s.crowd.grants/10)
	dir, err := os.MkdirTemp("", "signet-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := s.start(ctx, filepath.Join(dir, "one")); err != nil {
		return err
	}
	defer s.server.stop()
	return s.soak(ctx, out, *lasts, *rate)
}

// soak sends a mixed load at a steady rate and tells what the server's memory does: the medians of its first, second and last third.
func (s *side) soak(ctx context.Context, out io.Writer, lasts time.Duration, rate int) error {
	w := s.world
	kinds := []func(ctx context.Context, i int) error{
		func(ctx context.Context, _ int) error { _, err := w.clientCredentials(ctx, "cc"); return err },
		func(ctx context.Context, i int) error { _, err := w.refresh(ctx, "web", w.chains[i]); return err },
		func(ctx context.Context, i int) error {
			_, err := w.refresh(ctx, "web-rs256", w.chainsRS[i])
			return err
		},
		func(ctx context.Context, i int) error {
			t, err := w.codeFlow(ctx, w.browsers[i%people], "flow")
			if err != nil {
				return err
			}
			return w.userinfo(ctx, t.AccessToken)
		},
		func(ctx context.Context, _ int) error {
			t, err := w.clientCredentials(ctx, "cc")
			if err != nil {
				return err
			}
			return w.introspect(ctx, t.AccessToken)
		},
		func(ctx context.Context, _ int) error { return w.read(ctx, "/oauth2/jwks") },
		func(ctx context.Context, _ int) error { return w.read(ctx, "/signin") },
	}
	ctx, stop := context.WithTimeout(ctx, lasts)
	defer stop()
	workers := min(s.concurrency, 16)
	var done, failed atomic.Int64
	var last atomic.Value
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for n := i; ; n++ {
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Second * time.Duration(workers) / time.Duration(max(1, rate))):
				}
				do := kinds[n%len(kinds)]
				if n%200 == 199 { // a hash is 50 ms
					do = func(ctx context.Context, i int) error { return w.signInAnew(ctx, person(i%people)) }
				}
				if err := do(ctx, i); err != nil && ctx.Err() == nil {
					failed.Add(1)
					last.Store(err.Error())
				}
				done.Add(1)
			}
		})
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "minute\tresident MiB\trequests\n")
	var memory []float64
	began := time.Now()
	for range soakReadings {
		time.Sleep(lasts / (soakReadings + 1))
		memory = append(memory, s.server.rssMiB())
		fmt.Fprintf(t, "%.1f\t%.1f\t%d\n", time.Since(began).Minutes(), memory[len(memory)-1], done.Load())
	}
	<-ctx.Done()
	wg.Wait()
	if err := t.Flush(); err != nil {
		return err
	}
	third := soakReadings / 3
	fmt.Fprintf(out, "%d requests in %s, %d failed; resident MiB, medians of the thirds: %.1f, %.1f, %.1f\n", done.Load(),
		time.Since(began).Round(time.Second), failed.Load(), medianOf(memory[:third]).median, medianOf(memory[third:2*third]).median,
		medianOf(memory[2*third:]).median)
	if why := last.Load(); why != nil {
		return fmt.Errorf("%d of %d requests failed, the last: %v", failed.Load(), done.Load(), why)
	}
	return nil
}

// signInAnew signs a person in with a browser of its own.
func (w *world) signInAnew(ctx context.Context, email string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	return w.signIn(ctx, &http.Client{Transport: w.client.Transport, CheckRedirect: stay, Timeout: 60 * time.Second, Jar: jar}, email)
}
