package storage

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"
)

// RevokeToken puts an access token's jti on the deny list until it would have expired; idempotent (RFC 7009).
func (db *DB) RevokeToken(ctx context.Context, jti string, expiresAt time.Time) error {
	_, err := db.exec(ctx, "INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING",
		jti, micros(expiresAt))
	return err
}

// SpendOnce notes that (kind, owner, id) was used: one INSERT; ErrConflict on a replay (client assertions, later DPoP
// proofs and request objects).
func (db *DB) SpendOnce(ctx context.Context, kind, owner, idHash string, expiresAt time.Time) error {
	return db.must(ctx, ErrConflict, "INSERT INTO replay (kind, owner, id_hash, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
		kind, owner, idHash, micros(expiresAt))
}

// Counter is a throttle's state, shared by replicas.
type Counter struct {
	Key       string `gorm:"primaryKey"`
	Count     int64
	ResetsAt  time.Time `gorm:"serializer:micros"` // the window's end; the row counts as zero after
	UpdatedAt time.Time `gorm:"serializer:micros;autoUpdateTime:false"`
}

const addToCounter = `INSERT INTO counters (key, count, resets_at, updated_at) VALUES ($1, $3, $5, $4)
	ON CONFLICT (key) DO UPDATE SET
	count = CASE WHEN counters.resets_at <= $4 THEN $3 WHEN counters.count + $2 < 0 THEN 0 ELSE counters.count + $2 END,
	resets_at = CASE WHEN counters.resets_at <= $4 THEN $5 ELSE counters.resets_at END,
	updated_at = $4 RETURNING count, resets_at`

// AddToCounter adds n (may be negative, never below zero) to the counter and returns it after the addition, in one
// statement. A row whose window is over starts a new one that ends at now+window.
func (db *DB) AddToCounter(ctx context.Context, key string, n int64, now time.Time, window time.Duration) (Counter, error) {
	c := Counter{Key: key, UpdatedAt: now}
	err := db.returning(ctx, addToCounter, []any{key, n, max(n, 0), micros(now), micros(now.Add(window))}, func(rows *sql.Rows) error {
		return rows.Scan(&c.Count, (*stamp)(&c.ResetsAt))
	})
	return c, err
}

// CountersOf reads several at once; missing ones are absent from the map.
func (db *DB) CountersOf(ctx context.Context, keys []string, now time.Time) (map[string]Counter, error) {
	found := make(map[string]Counter, len(keys))
	if len(keys) == 0 {
		return found, nil
	}
	var list []Counter
	err := db.ask(ctx, func(q *gorm.DB) error {
		return q.Where("key IN ? AND resets_at > ?", keys, micros(now)).Find(&list).Error
	})
	for _, c := range list {
		found[c.Key] = c
	}
	return found, err
}

// ResetCounter removes one.
func (db *DB) ResetCounter(ctx context.Context, key string) error {
	_, err := db.exec(ctx, "DELETE FROM counters WHERE key = $1", key)
	return err
}
