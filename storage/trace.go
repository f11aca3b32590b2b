package storage

import (
	"context"
	"time"
)

// PutTrace keeps what is known of a refused request, of a client or of none (""), under its reference; the first one stays.
func (db *DB) PutTrace(ctx context.Context, reference, clientID string, expires time.Time, data []byte) error {
	_, err := db.exec(ctx, "INSERT INTO traces (reference, client_id, expires_at, data) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
		reference, orNull(clientID), micros(expires), string(data))
	return err
}

// LastTrace reads what is known of the last refused request of a client; ErrNotFound.
func (db *DB) LastTrace(ctx context.Context, clientID string) ([]byte, error) {
	var data string
	err := db.one(ctx, "SELECT data FROM traces WHERE client_id = $1 ORDER BY expires_at DESC LIMIT 1", []any{clientID}, &data)
	return []byte(data), err
}

// KeptTrace reads what is known of a refused request; ErrNotFound.
func (db *DB) KeptTrace(ctx context.Context, reference string) ([]byte, error) {
	var data string
	err := db.one(ctx, "SELECT data FROM traces WHERE reference = $1", []any{reference}, &data)
	return []byte(data), err
}
