package storage

import (
	"context"
	"database/sql"
)

// Webhooks calls each with every one, by id. version is for UpdateWebhook.
func (db *DB) Webhooks(ctx context.Context, each func(id string, data, sealed []byte, version int64)) error {
	return db.many(ctx, "SELECT id, data, sealed, version FROM webhooks ORDER BY id", nil, func(rows *sql.Rows) error {
		var id, data string
		var sealed []byte
		var version int64
		err := rows.Scan(&id, &data, &sealed, &version)
		each(id, []byte(data), sealed, version)
		return err
	})
}

// InsertWebhook writes one, whose first version no row of this id had before; ErrConflict.
func (db *DB) InsertWebhook(ctx context.Context, id string, version int64, data, sealed []byte) error {
	return db.must(ctx, ErrConflict, "INSERT INTO webhooks (id, data, sealed, version) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", id,
		string(data), sealed, version)
}

// UpdateWebhook writes one whose version is still the one that was read; ErrStale.
func (db *DB) UpdateWebhook(ctx context.Context, id string, version int64, data, sealed []byte) error {
	return db.must(ctx, ErrStale, "UPDATE webhooks SET data = $3, sealed = $4, version = version + 1 WHERE id = $1 AND version = $2", id,
		version, string(data), sealed)
}

// DeleteWebhook removes one; ErrNotFound.
func (db *DB) DeleteWebhook(ctx context.Context, id string) error {
	return db.must(ctx, ErrNotFound, "DELETE FROM webhooks WHERE id = $1", id)
}
