package storage

import (
	"context"
	"time"
)

// RevokeToken puts an access token's jti on the deny list until it would have expired; idempotent (RFC 7009).
func (db *DB) RevokeToken(ctx context.Context, jti string, expiresAt time.Time) error {
	panic("unbuilt")
}

// SpendOnce notes that (kind, owner, id) was used: one INSERT; ErrConflict on a replay (client assertions, later DPoP
// proofs and request objects).
func (db *DB) SpendOnce(ctx context.Context, kind, owner, idHash string, expiresAt time.Time) error {
	panic("unbuilt")
}

// Counter is a throttle's state, shared by replicas.
type Counter struct {
	Key       string
	Count     int64
	ResetsAt  time.Time // the window's end; the row counts as zero after
	UpdatedAt time.Time
}

// AddToCounter adds n (may be negative, never below zero) to the counter and returns it after the addition, in one
// statement. A row whose window is over starts a new one that ends at now+window.
func (db *DB) AddToCounter(ctx context.Context, key string, n int64, now time.Time, window time.Duration) (Counter, error) {
	panic("unbuilt")
}

// CountersOf reads several at once; missing ones are absent from the map.
func (db *DB) CountersOf(ctx context.Context, keys []string, now time.Time) (map[string]Counter, error) {
	panic("unbuilt")
}

// ResetCounter removes one.
func (db *DB) ResetCounter(ctx context.Context, key string) error { panic("unbuilt") }
