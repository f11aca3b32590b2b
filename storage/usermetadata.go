package storage

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// UserMetadata is what administrators keep about a person beside the profile; nil = nothing.
func (db *DB) UserMetadata(ctx context.Context, userID string) (data json.RawMessage, err error) {
	err = db.one(ctx, "SELECT data FROM user_metadata WHERE user_id = $1", []any{userID}, (*document)(&data))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return data, err
}

// SetUserMetadata writes it if it is as it was read still (old; nil = there was none), or (data nil) deletes it. ErrStale.
func (db *DB) SetUserMetadata(ctx context.Context, userID string, old, data json.RawMessage, now time.Time) error {
	switch {
	case len(data) == 0:
		return db.must(ctx, ErrStale, "DELETE FROM user_metadata WHERE user_id = $1 AND data = $2", userID, string(old))
	case len(old) == 0:
		return db.must(ctx, ErrStale,
			"INSERT INTO user_metadata (user_id, data, updated_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO NOTHING",
			userID, string(data), micros(now))
	}
	return db.must(ctx, ErrStale, "UPDATE user_metadata SET data = $2, updated_at = $3 WHERE user_id = $1 AND data = $4",
		userID, string(data), micros(now), string(old))
}
