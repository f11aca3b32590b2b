package storage

import (
	"context"
	"time"
)

// FirstRun reads the one row of the link that makes the first administrator: users/firstrun says what its states mean.
func (db *DB) FirstRun(ctx context.Context) (state string, expires time.Time, err error) {
	err = db.one(ctx, "SELECT state, expires_at FROM first_run WHERE id = 1", nil, &state, (*stamp)(&expires))
	return state, expires, err
}

// SetFirstRun changes it from the state old; ErrStale if it is in another one by now.
func (db *DB) SetFirstRun(ctx context.Context, old, state string, expires time.Time) error {
	return db.must(ctx, ErrStale, "UPDATE first_run SET state = $2, expires_at = $3 WHERE id = 1 AND state = $1", old, state, micros(expires))
}
