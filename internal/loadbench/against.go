package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
)

// Bounds of what a newer binary may cost, as a multiple of an older one, for requests that use nothing of what is new.
const (
	mostRatio     = 1.03 // the median
	mostRatioHigh = 1.05 // the upper end of its range
)

// compared are the scenarios of -against, and whether the bounds hold for them.
var compared = map[string]bool{
	"client_credentials ES256":    true,
	"refresh, ID token ES256":     true,
	"code + PKCE flow, signed in": true,
	"userinfo, seen token":        false,
	"discovery":                   false,
}

// side is one of the two binaries, with what it needs to be asked.
type side struct {
	options
	server    *process
	world     *world
	scenarios []scenario
}

// against measures two binaries in turns: each has a server, a database and people of its own, both on this machine at the same time.
func against(ctx context.Context, o options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "signet-against-")
	if err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(dir)
	}
	if o.pairs < 1 || o.units < 1 || (o.dsn == "") != (o.olderDSN == "") {
		return errors.New("-against needs at least one pair and one request, and with -postgres also -postgres-older, a database of its own")
	}
	var sides [2]*side // the older first
	for i, name := range []string{"older", "newer"} {
		s := &side{options: o}
		if i == 0 {
			s.signet, s.dsn = o.older, o.olderDSN
		}
		if err := s.start(ctx, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("the %s one: %w", name, err)
		}
		defer s.server.stop()
		sides[i] = s
	}
	all := map[string][]pair{}
	for n := range o.pairs + 1 { // the first warms up
		for _, name := range sides[0].names() {
			p, err := sides[0].beside(ctx, sides[1], name, n%2 == 0)
			if err != nil { // what was measured until then is told
				err = fmt.Errorf("%s, pair %d: %w", name, n, err)
				if n <= 1 {
					return err
				}
				return errors.Join(err, printPairs(out, sides[0].names(), all))
			}
			if n > 0 {
				all[name] = append(all[name], p)
			}
		}
	}
	return printPairs(out, sides[0].names(), all)
}

func (s *side) start(ctx context.Context, dir string) (err error) {
	if err = os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if s.server, err = startSignet(ctx, dir, s.options); err != nil {
		return fmt.Errorf("start signet: %w", err)
	}
	w, err := newWorld(ctx, s.server.url, s.options)
	if err != nil {
		s.server.stop()
		return fmt.Errorf("prepare: %w", err)
	}
	s.world, s.scenarios = w, scenarios(w, s.server)
	return nil
}

// names are the compared scenarios, in order.
func (s *side) names() (names []string) {
	for _, one := range s.scenarios {
		if _, ok := compared[one.name]; ok {
			names = append(names, one.name)
		}
	}
	return names
}

// beside measures the older s and the newer one right after each other, and the newer first where so is said.
func (s *side) beside(ctx context.Context, newer *side, name string, newerFirst bool) (p pair, err error) {
	order := []func() error{
		func() (err error) { p.older, err = s.measure(ctx, name); return err },
		func() (err error) { p.newer, err = newer.measure(ctx, name); return err },
	}
	if newerFirst {
		slices.Reverse(order)
	}
	for _, one := range order {
		if err := one(); err != nil {
			return pair{}, err
		}
	}
	return p, nil
}

func (s *side) measure(ctx context.Context, name string) (reading, error) {
	i := slices.IndexFunc(s.scenarios, func(one scenario) bool { return one.name == name })
	if prepare := s.scenarios[i].prepare; prepare != nil {
		if err := prepare(ctx); err != nil {
			return reading{}, err
		}
	}
	return measure(ctx, s.options, s.server, s.scenarios[i])
}

// printPairs tells the ratios, and fails where a bound is passed.
func printPairs(out io.Writer, names []string, all map[string][]pair) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "newer by older, %d pairs\tCPU, median [95 %%]\twall time, median [95 %%]\tCPU us older\tnewer\tbound\n",
		len(all[names[0]]))
	var bad []error
	for _, name := range names {
		pairs := all[name]
		cpu, wall := medianOf(ratios(pairs, cpuOfUnit)), medianOf(ratios(pairs, wallOfUnit))
		bound := "-"
		if compared[name] {
			bound = fmt.Sprintf("<= %.2f, <= %.2f", mostRatio, mostRatioHigh)
			if cpu.median > mostRatio || cpu.high > mostRatioHigh {
				bad = append(bad, fmt.Errorf("%s: %.3f, up to %.3f", name, cpu.median, cpu.high))
			}
		}
		var older, newer []float64
		for _, p := range pairs {
			older, newer = append(older, cpuOfUnit(p.older)/1e3), append(newer, cpuOfUnit(p.newer)/1e3)
		}
		fmt.Fprintf(t, "%s\t%.3f [%.3f-%.3f]\t%.3f [%.3f-%.3f]\t%.1f\t%.1f\t%s\n", name, cpu.median, cpu.low, cpu.high,
			wall.median, wall.low, wall.high, medianOf(older).median, medianOf(newer).median, bound)
	}
	return errors.Join(append(bad, t.Flush())...)
}
