package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// raceReplicas presents each refresh token of a chain to both replicas at the same moment: one successor, and no token lost.
func (c *campaign) raceReplicas(ctx context.Context, r *report) error {
	db, s, err := c.postgres(ctx, "race", patient, nil)
	defer db.stop()
	if err != nil {
		return err
	}
	defer s.stop()
	if _, err := s.startAll(ctx); err != nil {
		return err
	}
	l, err := newLoad(ctx, s, r)
	if err != nil {
		return err
	}
	w := l.workers[0]
	w.begin(ctx)
	first := s.exchange(ctx, s.url(0), w.chains[0])
	if !first.granted() {
		return fmt.Errorf("exchange: %s", first)
	}
	token, began := first.RefreshToken, time.Now()
	for n := range c.races {
		if err := ctx.Err(); err != nil {
			return err
		}
		answers := make([]answer, 2)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() { answers[i] = l.workers[i].count(s.refresh(ctx, s.url(i), token)) })
		}
		wg.Wait()
		r.harm++
		r.checked("refresh token")
		switch {
		case !answers[0].granted() || !answers[1].granted():
			r.losing("race %d: %s and %s", n, answers[0], answers[1])
			return nil
		case answers[0].RefreshToken != answers[1].RefreshToken:
			r.spentTwice("race %d: two successors", n)
		case answers[0].RefreshToken == token:
			r.spentTwice("race %d: the token was not replaced", n)
		}
		token = answers[0].RefreshToken
	}
	r.note = fmt.Sprintf("%.0f races a second", float64(c.races)/time.Since(began).Seconds())
	r.checked("spent refresh token")
	if s.refresh(ctx, s.url(0), first.RefreshToken).granted() {
		r.spentTwice("the first refresh token of the chain")
	}
	r.checked("end of the grant")
	if s.refresh(ctx, s.url(1), token).granted() {
		r.losing("the grant lives on after a replay")
	}
	return nil
}
