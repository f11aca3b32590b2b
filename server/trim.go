package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/internal/telemetry"
	"signet/storage"
)

const (
	trimSlice = 10_000          // grants looked at in one statement
	trimTime  = 2 * time.Minute // in one run; the next one goes on from there
	trimRest  = 4               // how many times as long as a slice took nothing is looked at after it
)

// pairs is what trimmer needs of the database.
type pairs interface {
	CrowdedPairs(ctx context.Context, after storage.GrantPair, size, keep int) (map[storage.GrantPair]int, storage.GrantPair, error)
	TrimPair(ctx context.Context, p storage.GrantPair, keep int, now time.Time) (int64, error)
}

// recorder is what trimmer needs of the audit log.
type recorder interface {
	Record(ctx context.Context, e audit.Event) error
}

// trimmer ends the grants that people have too many of at an app. It looks for them on a reading connection, a slice of an index at a
// time, and writes for one person and app at a time, so that no other write waits for it. It rests between slices, so that however many
// grants there are they cost a small part of one processor.
type trimmer struct {
	store   pairs
	events  recorder
	metrics *telemetry.Metrics
	limit   func(ctx context.Context, clientID string) (int, error) // live grants that a person may have at an app
	slice   int
	after   storage.GrantPair // where the last run stopped
}

// run walks once over all grants, or as far as it gets in its time.
func (t *trimmer) run(ctx context.Context) error {
	for start := time.Now(); time.Since(start) < trimTime; {
		began := time.Now()
		crowded, next, err := t.store.CrowdedPairs(ctx, t.after, t.slice, clients.MinGrants)
		if err != nil {
			return fmt.Errorf("look for surplus grants: %w", err)
		}
		for p, grants := range crowded {
			keep, err := t.limit(ctx, p.ClientID)
			if err == nil && grants > keep {
				err = t.trim(ctx, p, keep)
			}
			if err != nil {
				return fmt.Errorf("end surplus grants: %w", err)
			}
		}
		t.after = next
		if next == (storage.GrantPair{}) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(trimRest * time.Since(began)):
		}
	}
	return nil
}

// trim ends the surplus of a person at an app and leaves one event for all of it. The grants end a few at a time, so the event comes
// after them; what was ended before a failure is in it, too.
func (t *trimmer) trim(ctx context.Context, p storage.GrantPair, keep int) error {
	ended, err := t.store.TrimPair(ctx, p, keep, time.Now())
	if ended == 0 {
		return err
	}
	t.metrics.SurplusGrants(ended)
	return errors.Join(err, t.events.Record(context.WithoutCancel(ctx), audit.Event{
		Name: audit.GrantRevoked, UserID: p.UserID, ClientID: p.ClientID, Detail: surplus{Why: "surplus", Grants: ended, Kept: keep},
	}))
}

// surplus is the detail of the event.
type surplus struct {
	Why    string `json:"why"`
	Grants int64  `json:"grants"` // how many were ended
	Kept   int    `json:"kept"`
}

// grantLimit is that of an app's registration.
func (h *Services) grantLimit(ctx context.Context, clientID string) (int, error) {
	c, err := h.Clients.Client(ctx, clientID)
	if errors.Is(err, clients.ErrUnknown) {
		return clients.DefaultMaxGrants, nil
	}
	if err != nil {
		return 0, err
	}
	return c.GrantLimit(), nil
}
