package ciba

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Refuses is since when the person wants to be asked nothing by apps; zero = may be asked.
func (r *Requests) Refuses(ctx context.Context, userID string) (time.Time, error) {
	since, err := r.o.Refusing.RefusesRequests(ctx, userID)
	if err != nil {
		return since, fmt.Errorf("look whether a person refuses requests: %w", err)
	}
	return since, nil
}

// Refuse notes that the person wants to be asked nothing, or takes that back, in the transaction of ctx. What waits for them is denied.
func (r *Requests) Refuse(ctx context.Context, userID string, refuse bool) error {
	if !refuse {
		if err := r.o.Refusing.TakeRequests(ctx, userID); err != nil {
			return fmt.Errorf("take requests again: %w", err)
		}
		return nil
	}
	if err := r.o.Refusing.RefuseRequests(ctx, userID, time.Now()); err != nil {
		return fmt.Errorf("refuse all requests: %w", err)
	}
	list, err := r.Of(ctx, userID)
	if err != nil {
		return err
	}
	for _, w := range list {
		if err := r.Decide(ctx, w, userID, false); err != nil && !errors.Is(err, ErrGone) { // decided in another tab
			return err
		}
	}
	return nil
}
