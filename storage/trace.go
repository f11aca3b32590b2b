package storage

import (
	"context"
	"time"
)

// PutTrace keeps what is known of a refused request under its reference; the first one stays.
func (db *DB) PutTrace(ctx context.Context, reference string, expires time.Time, data []byte) error {
	_, err := db.exec(ctx, "INSERT INTO traces (reference, expires_at, data) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", reference,
		micros(expires), string(data))
	return err
}

// KeptTrace reads what is known of a refused request; ErrNotFound.
func (db *DB) KeptTrace(ctx context.Context, reference string) ([]byte, error) {
	var data string
	err := db.one(ctx, "SELECT data FROM traces WHERE reference = $1", []any{reference}, &data)
	return []byte(data), err
}
