package storage

import (
	"context"
	"errors"
	"time"
)

// RefuseRequests notes that a person wants to be asked nothing by apps that name them. Who did before, does since then.
func (db *DB) RefuseRequests(ctx context.Context, userID string, now time.Time) error {
	_, err := db.exec(ctx, "INSERT INTO refusing (user_id, since) VALUES ($1, $2) ON CONFLICT (user_id) DO NOTHING", userID, micros(now))
	return err
}

// TakeRequests notes that the person may be asked again.
func (db *DB) TakeRequests(ctx context.Context, userID string) error {
	_, err := db.exec(ctx, "DELETE FROM refusing WHERE user_id = $1", userID)
	return err
}

// RefusesRequests is since when the person wants to be asked nothing; zero = may be asked.
func (db *DB) RefusesRequests(ctx context.Context, userID string) (since time.Time, err error) {
	err = db.one(ctx, "SELECT since FROM refusing WHERE user_id = $1", []any{userID}, (*stamp)(&since))
	if errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	return since, err
}
