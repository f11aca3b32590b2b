package storage

import (
	"context"
	"database/sql"
	"time"
)

// Key is one signing key, sealed.
type Key struct {
	KID       string    `gorm:"column:kid;primaryKey"`
	Alg       string    // "ES256", "RS256" …; "refresh" for the epoch row of the refresh key
	State     string    // "next", "active", "retiring", "retired"
	Sealed    []byte    // private key, sealed by the master key
	MadeAt    time.Time `gorm:"serializer:micros"`
	SignsFrom time.Time `gorm:"serializer:micros"` // not before; zero = at once
	RetiresAt time.Time `gorm:"serializer:micros"` // when it leaves the JWKS; zero = not yet known
}

// Table is where the row is kept: keys, or further_keys for what a release before migration 19 does not know and would not start with.
func (k Key) Table() string {
	switch k.Alg {
	case "ES256", "RS256", "refresh":
		return "keys"
	}
	return "further_keys"
}

// Keys reads the whole ring, oldest first.
func (db *DB) Keys(ctx context.Context) ([]Key, error) {
	var list []Key
	err := db.many(ctx, `SELECT kid, alg, state, sealed, made_at, signs_from, retires_at FROM keys UNION ALL
		SELECT kid, alg, state, sealed, made_at, signs_from, retires_at FROM further_keys ORDER BY made_at, kid`, nil,
		func(rows *sql.Rows) error {
			var k Key
			err := rows.Scan(&k.KID, &k.Alg, &k.State, &k.Sealed, (*stamp)(&k.MadeAt), (*stamp)(&k.SignsFrom), (*stamp)(&k.RetiresAt))
			list = append(list, k)
			return err
		})
	return list, err
}

// InsertKey; ErrConflict. Key writes raise the "keys" version.
func (db *DB) InsertKey(ctx context.Context, k Key) error {
	return db.versioned(ctx, "keys", func(ctx context.Context) error {
		return db.must(ctx, ErrConflict, "INSERT INTO "+k.Table()+` (kid, alg, state, sealed, made_at, signs_from, retires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			k.KID, k.Alg, k.State, k.Sealed, micros(k.MadeAt), micros(k.SignsFrom), micros(k.RetiresAt))
	})
}

// UpdateKey writes state, sealed, signs_from and retires_at, compare-and-swap on the old state; ErrStale.
func (db *DB) UpdateKey(ctx context.Context, oldState string, k Key) error {
	return db.versioned(ctx, "keys", func(ctx context.Context) error {
		return db.must(ctx, ErrStale, "UPDATE "+k.Table()+` SET state = $3, sealed = $4, signs_from = $5, retires_at = $6
			WHERE kid = $1 AND state = $2`,
			k.KID, oldState, k.State, k.Sealed, micros(k.SignsFrom), micros(k.RetiresAt))
	})
}

// DeleteKey removes it.
func (db *DB) DeleteKey(ctx context.Context, kid string) error {
	return db.versioned(ctx, "keys", func(ctx context.Context) error {
		if _, err := db.exec(ctx, "DELETE FROM keys WHERE kid = $1", kid); err != nil {
			return err
		}
		_, err := db.exec(ctx, "DELETE FROM further_keys WHERE kid = $1", kid)
		return err
	})
}

// longestLease is more than any lock is taken for. One that lasts longer was taken by a clock that was ahead.
// It is long, so that nobody whose clock is only behind takes what others hold.
const longestLease = 31 * 24 * time.Hour

// Lock takes the named lock until the given time for holder, if free, expired or already the holder's; false otherwise. One that is held
// for longer than anybody takes one is free, too: a process that died when its clock was ten years ahead must not hold it until then.
func (db *DB) Lock(ctx context.Context, name, holder string, now, until time.Time) (bool, error) {
	n, err := db.exec(ctx, `INSERT INTO locks (name, holder, until) VALUES ($1, $2, $4)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE locks.until <= $3 OR locks.holder = excluded.holder OR locks.until > $5`,
		name, holder, micros(now), micros(until), micros(now.Add(longestLease)))
	return n > 0, err
}

// Unlock gives it back.
func (db *DB) Unlock(ctx context.Context, name, holder string) error {
	_, err := db.exec(ctx, "DELETE FROM locks WHERE name = $1 AND holder = $2", name, holder)
	return err
}
