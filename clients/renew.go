package clients

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// renewal bounds how often a miss reads the resources.
type renewal struct {
	mu   sync.Mutex
	last time.Time
}

// missEvery is how often a process looks into the database for a resource or a scope that it does not know.
const missEvery = time.Second

// Renewed is for a request that names a resource or a scope that seen does not know: it may have just been made, here or by another
// replica. It returns newer resources, or seen itself if there are none or the last look was less than a second ago.
func (r *Registry) Renewed(ctx context.Context, seen *Resources) (*Resources, error) {
	r.renewal.mu.Lock()
	defer r.renewal.mu.Unlock()
	now := r.resources.Load()
	if now != seen || time.Since(r.renewal.last) < missEvery {
		return now, nil
	}
	r.renewal.last = time.Now()
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), readTime) // others are waiting for it
	defer done()
	fresh, err := r.readResources(ctx)
	if err != nil {
		return nil, err
	}
	r.resources.CompareAndSwap(seen, fresh) // not over what a change has read meanwhile
	return r.resources.Load(), nil
}

// readResources are the declared ones and those stored.
func (r *Registry) readResources(ctx context.Context) (*Resources, error) {
	stored, err := r.o.Store.Resources(ctx)
	if err != nil {
		return nil, fmt.Errorf("read resources: %w", err)
	}
	all := slices.Clone(r.o.Resources)
	for i := range all {
		all[i].Declared = true
	}
	for _, s := range stored {
		if !slices.ContainsFunc(all, func(d Resource) bool { return sameIdentifier(d.Identifier, s.Identifier) }) {
			res, err := resourceOf(s)
			if err != nil {
				return nil, err
			}
			all = append(all, res)
		}
	}
	return newResources(all), nil
}
