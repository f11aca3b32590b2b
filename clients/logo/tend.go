package logo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/publicsuffix"

	"signet/storage"
)

const (
	workers = 4                // pictures that are fetched at a time
	round   = time.Minute      // of one Tend; what is left is done in the next
	patient = 10 * time.Second // with one domain in a round
	slowly  = 2 * time.Second  // a domain whose picture took as long is left until the next round, and comes last there
)

// task is a picture that is due.
type task struct {
	client, uri string
	old         storage.Logo // zero: it was never tried
}

// Tend fetches what is new, changed or old, and forgets what is registered no more: one replica does.
func (b *Cache) Tend(ctx context.Context) error {
	rows, err := b.store.Logos(ctx)
	if err != nil {
		return fmt.Errorf("read logos: %w", err)
	}
	have := map[string]storage.Logo{}
	for _, l := range rows {
		have[l.ClientID] = l
	}
	now := time.Now()
	var due []task
	for id, uri := range b.clients.LogoURIs() {
		old := have[id]
		delete(have, id)
		if old.URI != uri || now.After(old.DueAt) {
			due = append(due, task{id, uri, old})
		}
	}
	if err := b.fetchAll(ctx, due); err != nil {
		return err
	}
	for id, l := range have {
		if l.DueAt.After(now.Add(again - young)) { // another replica met its client, which this one may not have read of yet
			continue
		}
		if err := b.store.DeleteLogo(ctx, id); err != nil {
			return err
		}
	}
	return b.Refresh(ctx)
}

// fetchAll fetches several at a time, but of one domain one after another: strangers whose servers are slow keep nobody else waiting for
// long, however many clients they register.
func (b *Cache) fetchAll(ctx context.Context, due []task) error {
	within, cancel := context.WithTimeout(ctx, round)
	defer cancel()
	queues, failed := b.byDomain(due), make([]error, workers)
	var next atomic.Int64
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for failed[i] == nil && within.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= len(queues) {
					return
				}
				failed[i] = b.fetchFrom(within, queues[n])
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(failed...)
}

// byDomain gives what is due of each domain: what was never tried first, and the domains that were slow in the last round at the end.
func (b *Cache) byDomain(due []task) (queues [][]task) {
	slices.SortFunc(due, func(x, y task) int {
		return cmp.Or(x.old.DueAt.Compare(y.old.DueAt), cmp.Compare(x.client, y.client))
	})
	at := map[string]int{}
	for _, one := range due {
		domain := domainOf(one.uri)
		i, ok := at[domain]
		if !ok {
			i = len(queues)
			at[domain], queues = i, append(queues, nil)
		}
		queues[i] = append(queues[i], one)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	slow := b.slow
	b.slow = map[string]bool{}
	slices.SortStableFunc(queues, func(x, y []task) int {
		first, second := slow[domainOf(x[0].uri)], slow[domainOf(y[0].uri)]
		switch {
		case first == second:
			return 0
		case first:
			return 1
		}
		return -1
	})
	return queues
}

// fetchFrom fetches what is due of a domain, as far as it gets.
func (b *Cache) fetchFrom(ctx context.Context, queue []task) error {
	began := time.Now()
	for _, one := range queue {
		at := time.Now()
		if at.Sub(began) >= patient {
			return nil
		}
		if err := b.fetch(ctx, one, at); err != nil {
			return err
		}
		if time.Since(at) >= slowly {
			b.mu.Lock()
			b.slow[domainOf(one.uri)] = true
			b.mu.Unlock()
			return nil
		}
	}
	return nil
}

// fetch writes down what came, or that nothing did: the picture there was stays until its address changes. That the round ended is neither.
func (b *Cache) fetch(ctx context.Context, one task, now time.Time) error {
	picture, err := b.picture(ctx, one.uri)
	if ctx.Err() != nil {
		return nil
	}
	l := pictured(one.client, one.uri, picture, now)
	if err != nil {
		b.log.WarnContext(ctx, "logo of a client cannot be had", "client_id", one.client, "error", err)
		l = storage.Logo{ClientID: one.client, URI: one.uri, DueAt: now.Add(retry)}
		if one.old.URI == one.uri {
			l.Hash = one.old.Hash
		}
	}
	if err := b.store.PutLogo(context.WithoutCancel(ctx), l); err != nil {
		return fmt.Errorf("keep logo: %w", err)
	}
	return nil
}

// domainOf is the registrable domain of an address, or its host where that has none.
func domainOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	if d, err := publicsuffix.EffectiveTLDPlusOne(u.Hostname()); err == nil {
		return d
	}
	return u.Hostname()
}
