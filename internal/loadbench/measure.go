package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// scenario is one kind of request; do runs one unit of it as the given worker. limit is the most units of one measurement
// (0 = as many as fit in the time), prepare makes what one measurement uses up.
type scenario struct {
	name    string
	target  float64 // of the bare endpoint's CPU; 0 = reported only
	do      func(ctx context.Context, worker int) error
	prepare func(ctx context.Context) error
}

var errEmpty = errors.New("supply used up")

func scenarios(w *world, bare *process) []scenario {
	post := func(ctx context.Context, _ int) error {
		req, err := http.NewRequestWithContext(ctx, "POST", bare.url+"/token",
			strings.NewReader("grant_type=client_credentials&scope=api%3Aread"))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		_, err = do(w.client, req)
		return err
	}
	from := func(s *tokenSupply, use func(context.Context, string) error) func(context.Context, int) error {
		return func(ctx context.Context, _ int) error {
			t, ok := s.take()
			if !ok {
				return errEmpty
			}
			return use(ctx, t)
		}
	}
	return []scenario{
		{name: "bare endpoint", do: post},
		{name: "client_credentials ES256", target: 1.6,
			do: func(ctx context.Context, _ int) error { _, err := w.clientCredentials(ctx, "cc"); return err }},
		{name: "refresh, ID token ES256", target: 3.5,
			do: func(ctx context.Context, i int) error { _, err := w.refresh(ctx, "web", w.chains[i]); return err }},
		{name: "refresh, ID token RS256", do: func(ctx context.Context, i int) error {
			_, err := w.refresh(ctx, "web-rs256", w.chainsRS[i])
			return err
		}},
		{name: "code + PKCE flow, signed in", target: 8, do: func(ctx context.Context, i int) error {
			_, err := w.codeFlow(ctx, w.browsers[i%people], "flow") // a client of its own: a person keeps 100 grants of one
			return err
		}},
		{name: "introspection, seen token", target: 1.3, do: func(ctx context.Context, _ int) error { return w.introspect(ctx, w.seen) }},
		{name: "introspection, new token", target: 2.5, do: from(&w.fresh, w.introspect), prepare: w.mintFresh},
		{name: "userinfo, seen token", target: 1.3, prepare: w.renewUser,
			do: func(ctx context.Context, _ int) error { return w.userinfo(ctx, w.user) }},
		{name: "userinfo, new token", target: 2.5, do: from(&w.freshOID, w.userinfo), prepare: w.mintFreshOID},
		{name: "JWKS", target: 0.5, do: func(ctx context.Context, _ int) error { return w.read(ctx, "/oauth2/jwks") }},
		{name: "discovery", target: 0.5, do: func(ctx context.Context, _ int) error { return w.read(ctx, "/.well-known/openid-configuration") }},
	}
}

const supply = 8000

// renewUser fetches the token that userinfo is asked with: it lives for ten minutes.
func (w *world) renewUser(ctx context.Context) error {
	t, err := w.refresh(ctx, "web", w.chains[0])
	w.user = t.AccessToken
	return err
}

func (w *world) mintFresh(ctx context.Context) error {
	return w.mint(ctx, &w.fresh, func(int) (tokens, error) { return w.clientCredentials(ctx, "cc") })
}

func (w *world) mintFreshOID(ctx context.Context) error {
	return w.mint(ctx, &w.freshOID, func(i int) (tokens, error) { return w.refresh(ctx, "web", w.chains[i]) })
}

func (w *world) mint(ctx context.Context, s *tokenSupply, one func(worker int) (tokens, error)) error {
	s.tokens, s.next = make([]string, supply), atomic.Int64{}
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	workers := len(w.chains)
	for i := range workers {
		wg.Go(func() {
			for n := i; n < supply; n += workers {
				t, err := one(i)
				if err != nil {
					failed.Store(&err)
					return
				}
				s.tokens[n] = t.AccessToken
			}
		})
	}
	wg.Wait()
	if e := failed.Load(); e != nil {
		return *e
	}
	return ctx.Err()
}

// reading is one measurement.
type reading struct {
	perSecond float64
	cpu       time.Duration // of the server, per unit
	postgres  time.Duration // of Postgres, per unit
	p50, p99  time.Duration
	ratio     float64 // cpu by the bare endpoint's cpu right before
	units     int
	wal       float64 // bytes that Postgres wrote ahead, per unit
}

type report struct {
	o     options
	names []scenario
	all   map[string][]reading
	dsn   bool
}

// measureAll measures the bare endpoint right before each scenario: what else the machine does
// changes from minute to minute, and a ratio to a yardstick of long ago would show that instead.
func measureAll(ctx context.Context, o options, bare, signet *process, w *world) (*report, error) {
	r := &report{o: o, names: scenarios(w, bare), all: map[string][]reading{}, dsn: o.dsn != ""}
	yardstick := r.names[0]
	for round := range o.rounds {
		for _, s := range r.names[1:] {
			if !strings.Contains(s.name, o.only) {
				continue
			}
			if s.prepare != nil {
				if err := s.prepare(ctx); err != nil {
					return nil, fmt.Errorf("%s: %w", s.name, err)
				}
			}
			yard, err := measure(ctx, o, bare, yardstick)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", yardstick.name, round+1, err)
			}
			m, err := measure(ctx, o, signet, s)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", s.name, round+1, err)
			}
			yard.ratio, m.ratio = 1, float64(m.cpu)/float64(yard.cpu)
			r.all[yardstick.name] = append(r.all[yardstick.name], yard)
			r.all[s.name] = append(r.all[s.name], m)
		}
	}
	return r, nil
}

func measure(ctx context.Context, o options, server *process, s scenario) (reading, error) {
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		all     []time.Duration
		bad     int
		lastErr error
	)
	wal := walBytes(ctx, o.dsn)
	cluster := clusterOf(ctx, o.dsn)
	cpu, pg, began := server.cpu(), postgresCPU(cluster), time.Now()
	until := began.Add(o.duration)
	var taken atomic.Int64
	more := func() bool {
		if o.units > 0 {
			return taken.Add(1) <= int64(o.units)
		}
		return time.Now().Before(until)
	}
	for i := range o.concurrency {
		wg.Go(func() {
			var mine []time.Duration
			var failed int
			var why error
			for ctx.Err() == nil && more() {
				t := time.Now()
				err := s.do(ctx, i)
				if errors.Is(err, errEmpty) {
					break
				}
				if err != nil {
					failed, why = failed+1, err
					continue
				}
				mine = append(mine, time.Since(t))
			}
			mu.Lock()
			defer mu.Unlock()
			all, bad, lastErr = append(all, mine...), bad+failed, cmp.Or(lastErr, why)
		})
	}
	wg.Wait()
	took := time.Since(began)
	if len(all) == 0 || bad > 0 {
		return reading{}, fmt.Errorf("%d of %d failed, the last: %w", bad, bad+len(all), lastErr)
	}
	slices.Sort(all)
	n := time.Duration(len(all))
	return reading{perSecond: float64(n) / took.Seconds(), cpu: (server.cpu() - cpu) / n, postgres: (postgresCPU(cluster) - pg) / n,
		p50: all[len(all)/2], p99: all[len(all)*99/100], units: len(all),
		wal: (walBytes(ctx, o.dsn) - wal) / float64(n)}, ctx.Err()
}

func (r *report) print(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "scenario\tCPU, multiple of bare\ttarget\tCPU us\tPostgres us\tWAL bytes\tper second\tp50 ms\tp99 ms\n")
	for _, s := range r.names {
		rs := r.all[s.name]
		if len(rs) == 0 {
			continue
		}
		slices.SortFunc(rs, func(a, b reading) int { return cmp.Or(cmp.Compare(a.ratio, b.ratio), cmp.Compare(a.cpu, b.cpu)) })
		m := rs[len(rs)/2]
		target := "-"
		if s.target > 0 {
			target = fmt.Sprintf("<= %.1f", s.target)
		}
		pg, wal := "-", "-"
		if r.dsn {
			pg, wal = fmt.Sprint(m.postgres.Microseconds()), fmt.Sprintf("%.0f", m.wal)
		}
		fmt.Fprintf(t, "%s\t%.2f [%.2f-%.2f]\t%s\t%d\t%s\t%s\t%.0f\t%.2f\t%.2f\n", s.name, m.ratio, rs[0].ratio, rs[len(rs)-1].ratio, target,
			m.cpu.Microseconds(), pg, wal, m.perSecond, ms(m.p50), ms(m.p99))
	}
	t.Flush()
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[len(d)/2]
}
