package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"
)

// campaign is one run: a binary, a folder, and how much of everything.
type campaign struct {
	dir, bin string
	rounds   int // of harm in each scenario
	races    int // of one refresh token
	noMount  bool
	say      func(format string, args ...any)
}

// scenario is a kind of bad day.
type scenario struct {
	name string
	long bool // left out of the short form
	run  func(c *campaign, ctx context.Context, r *report) error
}

// errSkipped: this machine cannot do it; the text says what it lacks. Where CI is set it fails the campaign, as a missing Postgres does.
var errSkipped = errors.New("skipped")

func scenarios() []scenario {
	return []scenario{
		{"SQLite: kill -9", false, (*campaign).killSQLite},
		{"Postgres, two replicas: kill -9 of one or both", false, (*campaign).killReplicas},
		{"Postgres itself: kill -9", false, (*campaign).killPostgres},
		{"Postgres, two hosts: kill -9 of the primary, its synchronous standby promoted", true, (*campaign).promote},
		{"the network to Postgres: cut", false, network(func(ctx context.Context, p *proxy) {
			p.set(cut)
			pause(ctx, 300, 1500)
		})},
		{"the network to Postgres: stalled", false, network(func(ctx context.Context, p *proxy) {
			p.set(stalls)
			pause(ctx, 1000, 4000)
		})},
		{"the network to Postgres: connections reset, requests and answers lost", false, network(func(ctx context.Context, p *proxy) {
			p.set(resets)
			pause(ctx, 1000, 2000)
		})},
		{"SQLite: disk full", false, (*campaign).fullSQLite},
		{"Postgres: disk full", true, (*campaign).fullPostgres},
		{"two replicas, one refresh token at both at once", false, (*campaign).raceReplicas},
		{"Postgres, the previous release and this one side by side, each killed and stopped in its turn", true, (*campaign).releasesPostgres},
		{"SQLite, the previous release and this one by turns, each killed or stopped", true, (*campaign).releasesSQLite},
		{"Postgres, moved to another while the previous release and this one write", true, (*campaign).releasesMoved},
		{"two replicas, the clock of one 5 minutes ahead", true, skewed("5m")},
		{"two replicas, the clock of one 5 minutes behind", true, skewed("-5m")},
	}
}

// pause lasts between so many milliseconds.
func pause(ctx context.Context, least, most int) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(least+rand.IntN(most-least)) * time.Millisecond):
	}
}

// under does harm again and again while the load goes on, and checks after each time, when all is repaired.
func (c *campaign) under(ctx context.Context, s *site, r *report, harm func(ctx context.Context) error) error {
	defer s.stop()
	if _, err := s.startAll(ctx); err != nil {
		return err
	}
	l, err := newLoad(ctx, s, r)
	if err != nil {
		return err
	}
	for range c.rounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		during, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { l.run(during) })
		pause(ctx, 300, 1500)
		err := harm(ctx)
		r.harm++
		stop()
		wg.Wait()
		if err != nil {
			return err
		}
		began := time.Now()
		if _, err := s.startAll(ctx); err != nil {
			return err
		}
		if _, err := s.allReady(ctx); err != nil {
			return err
		}
		r.ready = append(r.ready, time.Since(began))
		if err := l.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *campaign) killSQLite(ctx context.Context, r *report) error {
	s, err := newSite(filepath.Join(c.dir, "kill-sqlite"), c.bin, "", patient, 1)
	if err != nil {
		return err
	}
	return c.under(ctx, s, r, func(context.Context) error { s.kill(0); return nil })
}

// postgres starts a cluster and two replicas on it; through is the network between them, none if nil.
func (c *campaign) postgres(ctx context.Context, name, more string, through *proxy) (*cluster, *site, error) {
	db, err := newCluster(ctx, filepath.Join(c.dir, name+"-database"))
	if err != nil {
		return db, nil, err
	}
	at := "127.0.0.1:" + db.port
	if through != nil {
		through.lead(at)
		at = through.address()
	}
	s, err := newSite(filepath.Join(c.dir, name), c.bin, db.dsn(at), more, 2)
	return db, s, err
}

func (c *campaign) killReplicas(ctx context.Context, r *report) error {
	db, s, err := c.postgres(ctx, "kill-replicas", patient, nil)
	defer db.stop()
	if err != nil {
		return err
	}
	return c.under(ctx, s, r, func(context.Context) error {
		which := 1 + rand.IntN(3)
		for i := range s.procs {
			if which&(1<<i) != 0 {
				s.kill(i)
			}
		}
		return nil
	})
}

func (c *campaign) killPostgres(ctx context.Context, r *report) error {
	db, s, err := c.postgres(ctx, "kill-postgres", patient, nil)
	defer db.stop()
	if err != nil {
		return err
	}
	return c.under(ctx, s, r, func(ctx context.Context) error {
		db.kill()
		pause(ctx, 1, 300)
		return db.start(ctx)
	})
}

// network has something happen between the replicas and the database.
func network(harm func(ctx context.Context, p *proxy)) func(*campaign, context.Context, *report) error {
	return func(c *campaign, ctx context.Context, r *report) error {
		p, err := newProxy("")
		if err != nil {
			return err
		}
		defer p.close()
		db, s, err := c.postgres(ctx, fmt.Sprintf("network-%d", time.Now().UnixNano()), patient, p)
		defer db.stop()
		if err != nil {
			return err
		}
		err = c.under(ctx, s, r, func(ctx context.Context) error {
			harm(ctx, p)
			p.set(passes)
			pause(ctx, 100, 300) // the load meets what is left behind
			return nil
		})
		if p.reset > 0 {
			r.note = fmt.Sprintf("%d connections reset", p.reset)
		}
		return err
	}
}
