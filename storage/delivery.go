package storage

import (
	"context"
	"database/sql"
	"time"
)

const deliveryColumns = `id, kind, target, client_id, sealed, due_at, tries, created_at, expires_at, failed_at, last_error`

func deliveryDest(d *Message) []any {
	return []any{
		&d.ID, &d.Kind, &d.Target, &d.ClientID, &d.Sealed, (*stamp)(&d.DueAt), &d.Tries, (*stamp)(&d.CreatedAt), (*stamp)(&d.ExpiresAt),
		(*stamp)(&d.FailedAt), &d.LastError,
	}
}

// InsertDelivery writes one.
func (db *DB) InsertDelivery(ctx context.Context, d Message) error {
	_, err := db.exec(ctx, "INSERT INTO deliveries ("+deliveryColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		d.ID, d.Kind, d.Target, d.ClientID, d.Sealed, micros(d.DueAt), d.Tries, micros(d.CreatedAt), micros(d.ExpiresAt), micros(d.FailedAt),
		d.LastError)
	return err
}

// DueDeliveries lists those of a kind to be tried now, the longest due first.
func (db *DB) DueDeliveries(ctx context.Context, kind string, now time.Time, limit int) ([]Message, error) {
	return db.deliveries(ctx, "failed_at IS NULL AND due_at <= $1 AND expires_at > $1 AND kind = $2 ORDER BY due_at LIMIT $3", micros(now),
		kind, limit)
}

func (db *DB) deliveries(ctx context.Context, where string, args ...any) ([]Message, error) {
	var list []Message
	err := db.many(ctx, "SELECT "+deliveryColumns+" FROM deliveries WHERE "+where, args, func(rows *sql.Rows) error {
		var d Message
		err := rows.Scan(deliveryDest(&d)...)
		list = append(list, d)
		return err
	})
	return list, err
}

// LeaseDelivery takes one that was read as due at the given time, and counts tries of it: compare-and-swap, so that one of several replicas
// has it; ErrStale.
func (db *DB) LeaseDelivery(ctx context.Context, id string, due, until time.Time, tries int) error {
	return db.must(ctx, ErrStale, "UPDATE deliveries SET due_at = $3, tries = tries + $4 WHERE id = $1 AND due_at = $2 AND failed_at IS NULL",
		id, micros(due), micros(until), tries)
}

// RetryDelivery puts one off.
func (db *DB) RetryDelivery(ctx context.Context, id string, due time.Time, lastError string) error {
	_, err := db.exec(ctx, "UPDATE deliveries SET due_at = $2, last_error = $3 WHERE id = $1", id, micros(due), lastError)
	return err
}

// FailDelivery gives one up; it stays to be seen until it expires.
func (db *DB) FailDelivery(ctx context.Context, id string, at time.Time, lastError string) error {
	_, err := db.exec(ctx, "UPDATE deliveries SET failed_at = $2, last_error = $3 WHERE id = $1", id, micros(at), lastError)
	return err
}

// ReviveDeliveries makes at most limit of a client's, those that were given up among them, as if they had been written now; it says how
// many.
func (db *DB) ReviveDeliveries(ctx context.Context, clientID string, now, expires time.Time, limit int) (int64, error) {
	return db.exec(ctx, `UPDATE deliveries SET due_at = $2, created_at = $2, expires_at = $3, failed_at = NULL, tries = 0
		WHERE id IN (SELECT id FROM deliveries WHERE client_id = $1 ORDER BY id LIMIT $4)`, clientID, micros(now), micros(expires), limit)
}

// DeleteDelivery removes one that was taken.
func (db *DB) DeleteDelivery(ctx context.Context, id string) error {
	_, err := db.exec(ctx, "DELETE FROM deliveries WHERE id = $1", id)
	return err
}

// DeliveriesOfClient lists what waits for a client and what was given up, by id, at most limit.
func (db *DB) DeliveriesOfClient(ctx context.Context, clientID string, limit int) ([]Message, error) {
	return db.deliveries(ctx, "client_id = $1 ORDER BY id LIMIT $2", clientID, limit)
}
