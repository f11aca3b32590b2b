package storage

import (
	"context"
	"time"
)

// Key is one signing key, sealed.
type Key struct {
	KID       string
	Alg       string // "ES256", "RS256"; "refresh" for the epoch row of the refresh key
	State     string // "next", "active", "retiring", "retired"
	Sealed    []byte // private key, sealed by the master key
	MadeAt    time.Time
	SignsFrom time.Time // not before; zero = at once
	RetiresAt time.Time // when it leaves the JWKS; zero = not yet known
}

// Keys reads the whole ring, oldest first.
func (db *DB) Keys(ctx context.Context) ([]Key, error) { panic("unbuilt") }

// InsertKey; ErrConflict. Key writes raise the "keys" version.
func (db *DB) InsertKey(ctx context.Context, k Key) error { panic("unbuilt") }

// UpdateKey writes state, sealed, signs_from and retires_at, compare-and-swap on the old state; ErrStale.
func (db *DB) UpdateKey(ctx context.Context, oldState string, k Key) error { panic("unbuilt") }

// DeleteKey removes it.
func (db *DB) DeleteKey(ctx context.Context, kid string) error { panic("unbuilt") }

// Lock takes the named lock until the given time for holder, if free, expired or already the holder's; false otherwise.
func (db *DB) Lock(ctx context.Context, name, holder string, now, until time.Time) (bool, error) {
	panic("unbuilt")
}

// Unlock gives it back.
func (db *DB) Unlock(ctx context.Context, name, holder string) error { panic("unbuilt") }
