// Command campaign gives Signet bad days and looks at what is left of its promises: processes killed at random moments under a mixed load,
// a database that crashes, stalls or vanishes in the middle of a commit, a full disk, a wrong clock, one refresh token at two replicas at
// once. Every fact that was acknowledged (a code, a refresh token, a revocation, a sign-out, a person …) is asked for afterwards: none may
// be lost, and nothing may be spent twice.
//
//	go run ./internal/campaign                     # everything, some minutes
//	go run ./internal/campaign -only "disk full"   # the scenarios whose name has this in it
//	go run ./internal/campaign -rounds 50
//
// All of it happens on this machine, on the loopback interface, in processes and a folder of its own. docs/reliability.md has the method
// and the figures.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c := &campaign{say: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	only := flag.String("only", "", "run only the scenarios whose name contains this")
	flag.StringVar(&c.bin, "signet", "", "the signet binary; empty = build it from this checkout")
	flag.IntVar(&c.rounds, "rounds", 12, "how often harm is done in each scenario")
	flag.IntVar(&c.races, "races", 10_000, "how often one refresh token is presented to two replicas at once")
	flag.BoolVar(&c.noMount, "no-mount", false, "fill disks by a limit on the size of files, as where nothing may be mounted")
	keep := flag.Bool("keep", false, "keep the temporary folder")
	flag.Parse()
	if err := run(ctx, c, *only, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", err)
		os.Exit(1)
	}
}

// errBroken: a promise was broken.
var errBroken = errors.New("acknowledged facts were lost, or spent twice")

func run(ctx context.Context, c *campaign, only string, keep bool) (err error) {
	if c.dir, err = os.MkdirTemp("", "signet-campaign-"); err != nil {
		return err
	}
	if keep {
		c.say("everything is in %s", c.dir)
	} else {
		defer os.RemoveAll(c.dir)
	}
	if c.bin == "" {
		c.bin = filepath.Join(c.dir, "signet")
		if err := build(ctx, c.bin); err != nil {
			return err
		}
	}
	var all []*report
	for _, s := range scenarios() {
		if !strings.Contains(s.name, only) || ctx.Err() != nil {
			continue
		}
		r, e := c.try(ctx, s)
		all, err = append(all, r), errors.Join(err, e)
	}
	table(os.Stdout, all)
	return err
}

// try runs one scenario.
func (c *campaign) try(ctx context.Context, s scenario) (*report, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	r := &report{name: s.name}
	began := time.Now()
	err := s.run(c, ctx, r)
	if errors.Is(err, errSkipped) || errors.Is(err, errNoPostgres) {
		r.skipped, r.note = err, err.Error()
		if os.Getenv("CI") == "" { // there everything is required
			err = nil
		}
	}
	broken := slices.Concat(r.lost, r.twice)
	for _, text := range broken[:min(len(broken), 20)] {
		c.say("  %s: %s", s.name, text)
	}
	c.say("%s: %d times, %v, %s", s.name, r.harm, r.facts, time.Since(began).Round(time.Second))
	if err == nil && len(r.lost)+len(r.twice) > 0 {
		err = errBroken
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
	}
	return r, err
}

// table prints the figures as docs/reliability.md has them.
func table(out io.Writer, all []*report) {
	fmt.Fprintln(out, "| what happened | times | requests (without an answer) | facts checked | lost | spent twice | "+
		"ready again, median (longest) | |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|")
	for _, r := range all {
		facts := 0
		for n := range maps.Values(r.facts) {
			facts += n
		}
		slices.Sort(r.ready)
		ready := "–"
		if n := len(r.ready); n > 0 {
			ready = fmt.Sprintf("%s (%s)", r.ready[n/2].Round(time.Millisecond), r.ready[n-1].Round(time.Millisecond))
		}
		fmt.Fprintf(out, "| %s | %d | %d (%d) | %d | %d | %d | %s | %s |\n", r.name, r.harm, r.asked.Load(), r.unsure.Load(), facts, len(r.lost),
			len(r.twice), ready, cmp.Or(r.note, " "))
	}
}
