package storage

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
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

// DueDeliveries lists those of a kind to be tried now, the longest due first, but none for the clients to be skipped.
func (db *DB) DueDeliveries(ctx context.Context, kind string, now time.Time, skip []string, limit int) ([]Message, error) {
	args := []any{micros(now), kind, limit}
	where := "failed_at IS NULL AND due_at <= $1 AND expires_at > $1 AND kind = $2"
	if len(skip) > 0 {
		marks := make([]string, len(skip))
		for i, id := range skip {
			args = append(args, id)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		where += " AND client_id NOT IN (" + strings.Join(marks, ", ") + ")"
	}
	return db.deliveries(ctx, where+" ORDER BY due_at LIMIT $3", args...)
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

// LeaseDelivery takes one that was read as due at the given time, and counts the try: compare-and-set, so that one of several replicas has
// it; ErrStale.
func (db *DB) LeaseDelivery(ctx context.Context, id string, due, until time.Time) error {
	return db.must(ctx, ErrStale, "UPDATE deliveries SET due_at = $3, tries = tries + 1 WHERE id = $1 AND due_at = $2 AND failed_at IS NULL",
		id, micros(due), micros(until))
}

// RetryDelivery puts one off.
func (db *DB) RetryDelivery(ctx context.Context, id string, due time.Time, lastError string) error {
	_, err := db.exec(ctx, "UPDATE deliveries SET due_at = $2, last_error = $3 WHERE id = $1", id, micros(due), lastError)
	return err
}

// PutOffDeliveries puts off all of a kind that are due for a client.
func (db *DB) PutOffDeliveries(ctx context.Context, kind, clientID string, now, due time.Time) error {
	_, err := db.exec(ctx, "UPDATE deliveries SET due_at = $4 WHERE client_id = $1 AND kind = $2 AND failed_at IS NULL AND due_at <= $3",
		clientID, kind, micros(now), micros(due))
	return err
}

// HastenDeliveries makes all due now that wait for a client until after a time.
func (db *DB) HastenDeliveries(ctx context.Context, clientID string, now, after time.Time) error {
	_, err := db.exec(ctx, "UPDATE deliveries SET due_at = $2 WHERE client_id = $1 AND failed_at IS NULL AND due_at > $3", clientID,
		micros(now), micros(after))
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
