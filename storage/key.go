package storage

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// Key is one signing key, sealed.
type Key struct {
	KID       string    `gorm:"column:kid;primaryKey"`
	Alg       string    // "ES256", "RS256"; "refresh" for the epoch row of the refresh key
	State     string    // "next", "active", "retiring", "retired"
	Sealed    []byte    // private key, sealed by the master key
	MadeAt    time.Time `gorm:"serializer:micros"`
	SignsFrom time.Time `gorm:"serializer:micros"` // not before; zero = at once
	RetiresAt time.Time `gorm:"serializer:micros"` // when it leaves the JWKS; zero = not yet known
}

// Keys reads the whole ring, oldest first.
func (db *DB) Keys(ctx context.Context) ([]Key, error) {
	var list []Key
	err := db.ask(ctx, func(q *gorm.DB) error { return q.Order("made_at, kid").Find(&list).Error })
	return list, err
}

// InsertKey; ErrConflict. Key writes raise the "keys" version.
func (db *DB) InsertKey(ctx context.Context, k Key) error {
	return db.versioned(ctx, "keys", func(ctx context.Context) error { return db.insert(ctx, &k) })
}

// UpdateKey writes state, sealed, signs_from and retires_at, compare-and-swap on the old state; ErrStale.
func (db *DB) UpdateKey(ctx context.Context, oldState string, k Key) error {
	return db.versioned(ctx, "keys", func(ctx context.Context) error {
		return db.must(ctx, ErrStale, "UPDATE keys SET state = $3, sealed = $4, signs_from = $5, retires_at = $6 WHERE kid = $1 AND state = $2",
			k.KID, oldState, k.State, k.Sealed, micros(k.SignsFrom), micros(k.RetiresAt))
	})
}

// DeleteKey removes it.
func (db *DB) DeleteKey(ctx context.Context, kid string) error {
	return db.versioned(ctx, "keys", func(ctx context.Context) error {
		_, err := db.exec(ctx, "DELETE FROM keys WHERE kid = $1", kid)
		return err
	})
}

// Lock takes the named lock until the given time for holder, if free, expired or already the holder's; false otherwise.
func (db *DB) Lock(ctx context.Context, name, holder string, now, until time.Time) (bool, error) {
	n, err := db.exec(ctx, `INSERT INTO locks (name, holder, until) VALUES ($1, $2, $4)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE locks.until <= $3 OR locks.holder = excluded.holder`, name, holder, micros(now), micros(until))
	return n > 0, err
}

// Unlock gives it back.
func (db *DB) Unlock(ctx context.Context, name, holder string) error {
	_, err := db.exec(ctx, "DELETE FROM locks WHERE name = $1 AND holder = $2", name, holder)
	return err
}
