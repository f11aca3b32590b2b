package storage

import (
	"context"
	"database/sql"
)

// KeptSettings calls each with every setting that is kept here and not in the configuration, by id. version is for UpdateSetting.
func (db *DB) KeptSettings(ctx context.Context, each func(id string, data, sealed []byte, version int64)) error {
	return db.many(ctx, "SELECT id, data, sealed, version FROM settings ORDER BY id", nil, func(rows *sql.Rows) error {
		var id, data string
		var sealed []byte
		var version int64
		err := rows.Scan(&id, &data, &sealed, &version)
		each(id, []byte(data), sealed, version)
		return err
	})
}

// LockSettings has whoever changes settings wait for the end of the transaction, so that rules about several of them hold.
func (db *DB) LockSettings(ctx context.Context) error {
	_, err := db.exec(ctx, "UPDATE versions SET version = version WHERE name = 'settings'")
	return err
}

// InsertSetting writes one; ErrConflict. Each write of a setting raises the "settings" version. Its own version begins there: no row of
// this id had it before, for each of its versions took a write, too.
func (db *DB) InsertSetting(ctx context.Context, id string, data, sealed []byte) (version int64, err error) {
	err = db.versioned(ctx, "settings", func(ctx context.Context) error {
		version = 0 // it may be tried again
		err := db.returning(ctx, `INSERT INTO settings (id, data, sealed, version)
			VALUES ($1, $2, $3, (SELECT version + 1 FROM versions WHERE name = 'settings')) ON CONFLICT DO NOTHING RETURNING version`,
			[]any{id, string(data), sealed}, func(rows *sql.Rows) error { return rows.Scan(&version) })
		if err == nil && version == 0 {
			return ErrConflict
		}
		return err
	})
	return version, err
}

// UpdateSetting writes one whose version is still the one that was read; ErrStale.
func (db *DB) UpdateSetting(ctx context.Context, id string, version int64, data, sealed []byte) error {
	return db.versioned(ctx, "settings", func(ctx context.Context) error {
		return db.must(ctx, ErrStale, "UPDATE settings SET data = $3, sealed = $4, version = version + 1 WHERE id = $1 AND version = $2", id,
			version, string(data), sealed)
	})
}

// DeleteSetting removes one whose version is still the one that was read; ErrStale.
func (db *DB) DeleteSetting(ctx context.Context, id string, version int64) error {
	return db.versioned(ctx, "settings", func(ctx context.Context) error {
		return db.must(ctx, ErrStale, "DELETE FROM settings WHERE id = $1 AND version = $2", id, version)
	})
}

// IssuersAt are the first and the last issuer, in their order, of those whom people are linked to at an upstream; "" = nobody is.
func (db *DB) IssuersAt(ctx context.Context, upstream string) (first, last string, err error) {
	for order, into := range map[string]*string{"": &first, " DESC": &last} {
		err := db.many(ctx, "SELECT issuer FROM identities WHERE upstream = $1 ORDER BY issuer"+order+" LIMIT 1", []any{upstream},
			func(rows *sql.Rows) error { return rows.Scan(into) })
		if err != nil {
			return "", "", err
		}
	}
	return first, last, nil
}

// PeopleAt counts, up to limit, who is linked to an upstream, and who of them has no password, passkey or other upstream to sign in by.
func (db *DB) PeopleAt(ctx context.Context, upstream string, limit int) (people, only int64, err error) {
	err = db.one(ctx, `SELECT count(*), COALESCE(sum(CASE WHEN held.elsewhere THEN 0 ELSE 1 END), 0) FROM (
			SELECT EXISTS (SELECT 1 FROM credentials c WHERE c.user_id = i.user_id AND c.kind IN ('password', 'passkey'))
				OR EXISTS (SELECT 1 FROM identities o WHERE o.user_id = i.user_id AND o.upstream <> i.upstream) AS elsewhere
			FROM identities i WHERE i.upstream = $1 LIMIT $2
		) held`, []any{upstream, limit}, &people, &only)
	return people, only, err
}
