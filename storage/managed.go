package storage

import (
	"context"
	"database/sql"
)

// Managed pages through what is kept by files, by kind and name after the given ones, and calls each with every row of a part. version is
// for the orders below.
func (db *DB) Managed(ctx context.Context, kind, name string, limit int,
	each func(kind, name, owner string, data []byte, version int64)) (n int, err error) {
	const query = "SELECT kind, name, owner, data, version FROM managed WHERE (kind, name) > ($1, $2) ORDER BY kind, name LIMIT $3"
	err = db.many(ctx, query, []any{kind, name, limit}, func(rows *sql.Rows) error {
		var kind, name, owner, data string
		var version int64
		err := rows.Scan(&kind, &name, &owner, &data, &version)
		each(kind, name, owner, []byte(data), version)
		n++
		return err
	})
	return n, err
}

// ManagedOf reads the row of one thing; ErrNotFound.
func (db *DB) ManagedOf(ctx context.Context, kind, name string) (owner string, data []byte, version int64, err error) {
	var text string
	err = db.one(ctx, "SELECT owner, data, version FROM managed WHERE kind = $1 AND name = $2", []any{kind, name}, &owner, &text, &version)
	return owner, []byte(text), version, err
}

// InsertManaged writes the row of what nobody kept; ErrConflict.
func (db *DB) InsertManaged(ctx context.Context, kind, name, owner string, data []byte, version int64) error {
	return db.must(ctx, ErrConflict,
		"INSERT INTO managed (kind, name, owner, data, version) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
		kind, name, owner, string(data), version)
}

// UpdateManaged writes a row whose version is still the one that was read, and gives it a later one; ErrStale.
func (db *DB) UpdateManaged(ctx context.Context, kind, name, owner string, data []byte, read, version int64) error {
	return db.must(ctx, ErrStale, `UPDATE managed SET owner = $3, data = $4, version = CASE WHEN version >= $6 THEN version + 1 ELSE $6 END
		WHERE kind = $1 AND name = $2 AND version = $5`, kind, name, owner, string(data), read, version)
}

// DeleteManaged removes a row whose version is still the one that was read; ErrStale.
func (db *DB) DeleteManaged(ctx context.Context, kind, name string, read int64) error {
	return db.must(ctx, ErrStale, "DELETE FROM managed WHERE kind = $1 AND name = $2 AND version = $3", kind, name, read)
}

// HoldGroup keeps a group as it was read to the end of the transaction; ErrStale if it is not that any more.
func (db *DB) HoldGroup(ctx context.Context, name, description string) error {
	return db.must(ctx, ErrStale, "UPDATE groups SET description = $2 WHERE name = $1 AND description = $2", name, description)
}

// HoldRole keeps a role as it was read to the end of the transaction; ErrStale if it is not that any more.
func (db *DB) HoldRole(ctx context.Context, name, description, permissions string) error {
	return db.must(ctx, ErrStale, "UPDATE roles SET description = $2 WHERE name = $1 AND description = $2 AND permissions = $3", name,
		description, permissions)
}
