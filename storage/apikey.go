package storage

import (
	"context"
	"database/sql"
	"time"
)

// InsertAPIKey writes a key of a client into one of its slots; ErrConflict: there is one.
func (db *DB) InsertAPIKey(ctx context.Context, id, clientID string, slot int, hash string, data []byte, expires time.Time) error {
	return db.must(ctx, ErrConflict, `INSERT INTO api_keys (id, client_id, slot, hash, data, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT DO NOTHING`, id, clientID, slot, hash, string(data), micros(expires))
}

// APIKey reads one, and what it is checked against; ErrNotFound.
func (db *DB) APIKey(ctx context.Context, id string) (hash string, data []byte, used time.Time, err error) {
	var text string
	err = db.one(ctx, "SELECT hash, data, last_used_at FROM api_keys WHERE id = $1", []any{id}, &hash, &text, (*stamp)(&used))
	return hash, []byte(text), used, err
}

// APIKeys calls each with those after an id.
func (db *DB) APIKeys(ctx context.Context, after string, limit int, each func(data []byte, used time.Time)) error {
	return db.many(ctx, "SELECT data, last_used_at FROM api_keys WHERE id > $1 ORDER BY id LIMIT $2", []any{after, limit}, apiKeys(each))
}

// APIKeysOf calls each with those of a client.
func (db *DB) APIKeysOf(ctx context.Context, clientID string, each func(data []byte, used time.Time)) error {
	return db.many(ctx, "SELECT data, last_used_at FROM api_keys WHERE client_id = $1 ORDER BY id", []any{clientID}, apiKeys(each))
}

// APIKeysUntil calls each with those that are good now and expire until then, at most limit of them.
func (db *DB) APIKeysUntil(ctx context.Context, now, until time.Time, limit int, each func(data []byte, used time.Time)) error {
	return db.many(ctx, `SELECT data, last_used_at FROM api_keys WHERE expires_at > $1 AND expires_at <= $2 ORDER BY expires_at LIMIT $3`,
		[]any{micros(now), micros(until), limit}, apiKeys(each))
}

func apiKeys(each func(data []byte, used time.Time)) func(rows *sql.Rows) error {
	return func(rows *sql.Rows) error {
		var data string
		var used time.Time
		err := rows.Scan(&data, (*stamp)(&used))
		each([]byte(data), used)
		return err
	}
}

// TouchAPIKey notes a use, unless one was noted since.
func (db *DB) TouchAPIKey(ctx context.Context, id string, now, since time.Time) error {
	_, err := db.exec(ctx, "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
		id, micros(now), micros(since))
	return err
}

// DeleteAPIKey removes one; ErrNotFound.
func (db *DB) DeleteAPIKey(ctx context.Context, id string) error {
	return db.must(ctx, ErrNotFound, "DELETE FROM api_keys WHERE id = $1", id)
}

// DeleteOldAPIKeys removes those of a client that expired.
func (db *DB) DeleteOldAPIKeys(ctx context.Context, clientID string, now time.Time) error {
	_, err := db.exec(ctx, "DELETE FROM api_keys WHERE client_id = $1 AND expires_at <= $2", clientID, micros(now))
	return err
}
