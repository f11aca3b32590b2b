package storage

import (
	"context"
	"time"
)

// Salt reads the sealed value of a name; ErrNotFound.
func (db *DB) Salt(ctx context.Context, name string) (sealed []byte, err error) {
	err = db.one(ctx, "SELECT sealed FROM salts WHERE name = $1", []any{name}, &sealed)
	return sealed, err
}

// PutSalt writes the value of a name that has none yet; ErrConflict if it has one: the first one stays.
func (db *DB) PutSalt(ctx context.Context, name string, sealed []byte, now time.Time) error {
	return db.must(ctx, ErrConflict, "INSERT INTO salts (name, sealed, made_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", name, sealed,
		micros(now))
}
