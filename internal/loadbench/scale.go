package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"signet/internal/janitor"
	"signet/internal/seal"
	"signet/oauth/keys"
	issuing "signet/oauth/tokens"
	"signet/storage"
	"signet/storage/expired"
	"signet/storage/filter"
)

// mostAtScale is what a request among a crowd may cost, as a multiple of the same in an empty database.
const mostAtScale = 1.1

const coldRefresh = "refresh of a cold grant"

// atScale are the requests that are measured on both sides.
var atScale = []string{"client_credentials ES256", "refresh, ID token ES256", coldRefresh, "code + PKCE flow, signed in",
	"introspection, seen token", "userinfo, seen token", "sign-in by password"}

// scale compares a server among a crowd with one whose database is empty, in turns, and tries what walks over many rows.
func scale(ctx context.Context, args []string, out io.Writer) error {
	o := options{concurrency: 64, units: 1000}
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.StringVar(&o.signet, "signet", "", "the signet binary; empty = build it from this checkout")
	flags.StringVar(&o.dsn, "postgres", "", "DSN of a fresh Postgres database; empty = SQLite")
	flags.StringVar(&o.olderDSN, "postgres-empty", "", "with -postgres: DSN of another one of the same cluster, which stays empty")
	flags.IntVar(&o.crowd.grants, "grants", 10_000_000, "grants that are there before")
	flags.IntVar(&o.crowd.people, "people", 1_000_000, "people that they are of")
	flags.IntVar(&o.pairs, "pairs", 11, "pairs of measurements")
	flags.StringVar(&o.only, "only", "", "compare only the requests whose name contains this, and nothing else")
	flags.IntVar(&o.units, "n", 1000, "requests of one measurement")
	flags.StringVar(&o.folder, "folder", "", "where to make the databases of SQLite; empty = the folder of temporary files")
	mixed := flags.Duration("soak", 0, "then so long a mixed load, and what the server's memory does meanwhile")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.pairs < 1 || o.units < 1 || o.crowd.grants < 1000 || o.crowd.people < 1 || (o.dsn == "") != (o.olderDSN == "") {
		return errors.New("scale needs a pair, a request, a thousand grants, a person, and with -postgres also -postgres-empty")
	}
	dir, err := os.MkdirTemp(o.folder, "signet-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.signet == "" {
		o.signet = filepath.Join(dir, "signet")
		if err := build(ctx, o.signet); err != nil {
			return err
		}
	}
	among, empty := &side{options: o}, &side{options: o}
	empty.dsn, empty.crowd = o.olderDSN, crowd{}
	for s, name := range map[*side]string{empty: "empty", among: "among"} {
		if err := s.start(ctx, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("the %s one: %w", name, err)
		}
		defer s.server.stop()
	}
	starts := [2]interval{}
	for i, s := range []*side{empty, among} {
		if starts[i], err = s.server.restarts(ctx, 5); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "start: empty %.0f ms, among the crowd %.0f ms (medians of 5, longest %.0f)\n", starts[0].median, starts[1].median,
		starts[1].high)
	if err := measureAtScale(ctx, out, empty, among); err != nil {
		return err
	}
	if o.only != "" {
		return nil
	}
	if err := among.walks(ctx, out); err != nil {
		return err
	}
	if *mixed > 0 {
		fmt.Fprintf(out, "\nmixed load among the crowd:\n")
		return among.soak(ctx, out, *mixed, 200)
	}
	return nil
}

// measureAtScale measures both in turns. A cold grant there is only among a crowd: beside it is a refresh like any other.
func measureAtScale(ctx context.Context, out io.Writer, empty, among *side) error {
	supply, err := among.coldTokens(ctx)
	if err != nil {
		return fmt.Errorf("tokens of cold grants: %w", err)
	}
	for _, s := range []*side{empty, among} {
		w := s.world
		do := func(ctx context.Context, i int) error { _, err := w.refresh(ctx, "web", w.chains[i]); return err }
		if s == among {
			do = func(ctx context.Context, _ int) error {
				t, ok := supply.take()
				if !ok {
					return errors.New("no cold grant is left: ask for fewer pairs or requests")
				}
				_, err := w.refresh(ctx, "web", &chain{refresh: t})
				return err
			}
		}
		s.scenarios = append(s.scenarios, scenario{name: coldRefresh, do: do},
			scenario{name: "sign-in by password", do: func(ctx context.Context, i int) error { return w.signInAnew(ctx, person(i%people)) }})
	}
	all := map[string][]pair{}
	for n := range empty.pairs + 1 { // the first warms up
		for _, name := range atScale {
			if !strings.Contains(name, empty.only) {
				continue
			}
			e, a := *empty, *among
			if strings.Contains(name, "seen") || strings.Contains(name, "credentials") { // they are short
				e.units, a.units = 4*e.units, 4*a.units
			}
			if name == "sign-in by password" { // a hash is 50 ms
				e.units, a.units, e.concurrency, a.concurrency = 16, 16, 4, 4
			}
			p, err := e.beside(ctx, &a, name, n%2 == 0)
			if err != nil {
				return errors.Join(fmt.Errorf("%s, pair %d: %w", name, n, err), printScale(out, empty.pairs, empty.dsn != "", all))
			}
			if n > 0 {
				all[name] = append(all[name], p)
			}
		}
	}
	return printScale(out, empty.pairs, empty.dsn != "", all)
}

func postgresOfUnit(r reading) float64 { return float64(r.postgres) }

func printScale(out io.Writer, pairs int, postgres bool, all map[string][]pair) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t,
		"among the crowd by empty, %d pairs\tCPU, median [95 %%]\tCPU us empty\tamong\tPostgres's CPU\tus empty\tamong\tbound\n", pairs)
	for _, name := range atScale {
		if len(all[name]) == 0 {
			continue
		}
		var own, pg [2][]float64
		for _, p := range all[name] {
			for i, r := range []reading{p.older, p.newer} {
				own[i], pg[i] = append(own[i], cpuOfUnit(r)/1e3), append(pg[i], postgresOfUnit(r)/1e3)
			}
		}
		cpu := medianOf(ratios(all[name], cpuOfUnit))
		fmt.Fprintf(t, "%s\t%.3f [%.3f-%.3f]\t%.0f\t%.0f\t", name, cpu.median, cpu.low, cpu.high,
			medianOf(own[0]).median, medianOf(own[1]).median)
		if e := medianOf(pg[0]).median; postgres && e > 5 {
			ratio := medianOf(ratios(all[name], postgresOfUnit))
			fmt.Fprintf(t, "%.2f [%.2f-%.2f]\t%.0f\t%.0f\t", ratio.median, ratio.low, ratio.high, e, medianOf(pg[1]).median)
		} else {
			fmt.Fprint(t, "-\t-\t-\t")
		}
		verdict := "met"
		if cpu.median > mostAtScale {
			verdict = "missed"
		}
		fmt.Fprintf(t, "<= %.1f, %s\n", mostAtScale, verdict)
	}
	return t.Flush()
}

// database opens what the server uses, beside it.
func (s *side) database(ctx context.Context) (*storage.DB, error) {
	dsn := s.dsn
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(s.server.cmd.Dir, "signet.db")
	}
	return storage.Open(ctx, storage.Options{DSN: dsn, Existing: true})
}

// coldTokens are refresh tokens of grants of the crowd, in no order: what apps have that were not used for long.
func (s *side) coldTokens(ctx context.Context) (*tokenSupply, error) {
	db, err := s.database(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	master, err := seal.Parse(benchMaster)
	if err != nil {
		return nil, err
	}
	ring, err := keys.Open(ctx, keys.Options{Store: db, Locks: db, Master: master, AsFound: true})
	if err != nil {
		return nil, err
	}
	issuer, err := issuing.New(s.server.url, ring, issuing.Options{})
	if err != nil {
		return nil, err
	}
	first, _ := crowdEnds(s.server.filled)
	var supply tokenSupply
	for i := cold; i <= s.crowd.grants; i += cold {
		t, err := issuer.SignRefresh(issuing.Refresh{ClientID: "web", GrantID: grantOfCrowd(i), Generation: 1,
			IssuedAt: s.server.filled.Unix(), ExpiresAt: first.Unix()})
		if err != nil {
			return nil, err
		}
		supply.tokens = append(supply.tokens, t)
	}
	rand.Shuffle(len(supply.tokens), func(i, j int) { supply.tokens[i], supply.tokens[j] = supply.tokens[j], supply.tokens[i] })
	return &supply, nil
}

// times are how long each of many calls took.
type times []time.Duration

func (t times) String() string {
	if len(t) == 0 {
		return "none"
	}
	slices.Sort(t)
	return fmt.Sprintf("%d, median %.2f ms, p99 %.2f ms, longest %.2f ms", len(t), ms(t[len(t)/2]), ms(t[len(t)*99/100]), ms(t[len(t)-1]))
}

const (
	trimSlice  = 10_000 // what the server looks at in one statement, see server/trim.go
	fewExpired = 20_000 // grants that the janitor is tried with
	walkPause  = 50 * time.Millisecond
)

// walks times what goes over many rows, a part at a time, and what refreshes wait meanwhile.
func (s *side) walks(ctx context.Context, out io.Writer) error {
	db, err := s.database(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	step := func(name string, beside bool, once func() (more bool, err error)) error {
		done, waited := make(chan struct{}), make(chan times, 1)
		if beside {
			go func() { waited <- s.refreshing(ctx, done) }()
		}
		var each times
		began := time.Now()
		for more := true; more; {
			start := time.Now()
			more, err = once()
			if each = append(each, time.Since(start)); err != nil {
				break
			}
			time.Sleep(walkPause)
		}
		took := time.Since(began)
		close(done)
		fmt.Fprintf(out, "%s: %s; %s in all\n", name, each, took.Round(10*time.Millisecond))
		if beside {
			fmt.Fprintf(out, "  refreshes meanwhile: %s\n", <-waited)
		}
		return err
	}
	first, through := crowdEnds(s.server.filled)
	before := first.Add(time.Duration(float64(through) * min(1, fewExpired/float64(s.crowd.grants))))
	if err := s.expire(ctx, out, db, before); err != nil {
		return fmt.Errorf("expired grants: %w", err)
	}
	left, quiet := 0, 0
	var at storage.GrantPair
	trim := func() (bool, error) {
		_, at, err = db.CrowdedPairs(ctx, at, trimSlice, 100)
		return at != storage.GrantPair{}, err
	}
	search := func() (bool, error) {
		left--
		text := fmt.Sprintf("p%010d", rand.IntN(s.crowd.people))[:2+rand.IntN(10)]
		_, err := db.UsersLike(ctx, filter.People{Search: text}, "", 26)
		return left > 0, err
	}
	for _, one := range []struct {
		name   string
		beside bool
		most   int
		once   func() (bool, error)
	}{
		{"nothing", true, 0, func() (bool, error) { quiet++; return quiet < 60, nil }},
		{"trim, slices of 10,000 grants", true, 0, trim},
		{"search for people by the beginning of an address, 25 of them", false, 200, search},
	} {
		left = one.most
		if err := step(one.name, one.beside, one.once); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
	}
	return nil
}

// expire has the janitor delete what expires before a time, beside refreshes.
func (s *side) expire(ctx context.Context, out io.Writer, db *storage.DB, before time.Time) error {
	var each times
	done, waited := make(chan struct{}), make(chan times, 1)
	go func() { waited <- s.refreshing(ctx, done) }()
	least, most := 1<<30, 0
	began := time.Now()
	err := janitor.DeleteExpired(nil, "grants", 0, func(ctx context.Context, _ time.Time, limit int) (int64, error) {
		least, most = min(least, limit), max(most, limit)
		start := time.Now()
		n, err := db.DeleteExpired(ctx, expired.Grants, before, limit)
		each = append(each, time.Since(start))
		return n, err
	})(ctx)
	took := time.Since(began)
	close(done)
	fmt.Fprintf(out, "janitor, batches of %d to %d expired grants: %s; about %d in %s\n  refreshes meanwhile: %s\n", least, most, each,
		fewExpired, took.Round(10*time.Millisecond), <-waited)
	return err
}

// refreshing asks for a token each 5 ms until done is closed, and tells how long each took.
func (s *side) refreshing(ctx context.Context, done <-chan struct{}) (each times) {
	for {
		select {
		case <-done:
			return each
		case <-time.After(5 * time.Millisecond):
		}
		start := time.Now()
		if _, err := s.world.refresh(ctx, "web", s.world.chains[0]); err != nil {
			fmt.Fprintln(os.Stderr, "loadbench: a refresh beside a walk:", err)
			return each
		}
		each = append(each, time.Since(start))
	}
}
