package storage

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// ReserveStatus gives n places in the status lists that nobody had before, and returns the first; they begin with 1.
func (db *DB) ReserveStatus(ctx context.Context, n int64) (first int64, err error) {
	err = db.returning(ctx, "UPDATE versions SET version = version + $1 WHERE name = 'status' RETURNING version", []any{n},
		func(rows *sql.Rows) error { return rows.Scan(&first) })
	return first - n + 1, err
}

// LastStatus is the last place that was given.
func (db *DB) LastStatus(ctx context.Context) (last int64, err error) {
	err = db.one(ctx, "SELECT version FROM versions WHERE name = 'status'", nil, &last)
	return last, err
}

// ClientStatus is the place of a client; where it has none, it gets the one that place makes.
func (db *DB) ClientStatus(ctx context.Context, clientID string, place func(ctx context.Context) (int64, error)) (index int64, err error) {
	const read = "SELECT status_index FROM client_status WHERE client_id = $1"
	err = db.one(ctx, read, []any{clientID}, &index)
	if !errors.Is(err, ErrNotFound) {
		return index, err
	}
	if index, err = place(ctx); err != nil {
		return 0, err
	}
	n, err := db.exec(ctx, "INSERT INTO client_status (client_id, status_index) VALUES ($1, $2) ON CONFLICT DO NOTHING", clientID, index)
	if err == nil && n == 0 { // another replica was faster
		err = db.one(ctx, read, []any{clientID}, &index)
	}
	return index, err
}

// endedStatus is what ended since a time: grants that were revoked, and places of what was deleted.
const endedStatus = `SELECT status_index, revoked_at FROM grants
	WHERE revoked_at > $1 AND revoked_at IS NOT NULL AND status_index IS NOT NULL
	UNION ALL SELECT status_index, ended_at FROM ended_status WHERE ended_at > $1`

// EndedStatus calls each with the place of every grant that was revoked since, and of what was deleted since.
func (db *DB) EndedStatus(ctx context.Context, since time.Time, each func(index int64, at time.Time)) error {
	return db.many(ctx, endedStatus, []any{since.UnixMicro()}, func(rows *sql.Rows) error {
		var index int64
		var at stamp
		err := rows.Scan(&index, &at)
		each(index, time.Time(at))
		return err
	})
}

// DisabledClients calls each with every client that was disabled since and is so now, and its place in the status lists; 0 = it has none.
func (db *DB) DisabledClients(ctx context.Context, since time.Time, each func(id string, at time.Time, index int64)) error {
	return db.many(ctx, `SELECT c.id, c.disabled_at,
		(SELECT s.status_index FROM client_status s WHERE s.client_id = c.id) FROM clients c
		WHERE c.disabled_at > $1 AND c.disabled_at IS NOT NULL`, []any{since.UnixMicro()}, func(rows *sql.Rows) error {
		var id string
		var at stamp
		var index number
		err := rows.Scan(&id, &at, &index)
		each(id, time.Time(at), int64(index))
		return err
	})
}

// pausedStatus are the places of the grants of agents that were paused since a time, and are so now.
const pausedStatus = `SELECT g.status_index FROM consents c JOIN grants g ON g.user_id = c.user_id AND g.client_id = c.client_id
	WHERE c.paused_at > $1 AND c.paused_at IS NOT NULL AND g.revoked_at IS NULL AND g.status_index IS NOT NULL
	LIMIT 1000000`

// PausedStatus calls each with them.
func (db *DB) PausedStatus(ctx context.Context, since time.Time, each func(index int64)) error {
	return db.many(ctx, pausedStatus, []any{since.UnixMicro()}, func(rows *sql.Rows) error {
		var index int64
		err := rows.Scan(&index)
		each(index)
		return err
	})
}

// GrantStatusOfClient calls each with the places of a client's grants that are not revoked.
func (db *DB) GrantStatusOfClient(ctx context.Context, clientID string, each func(index int64)) error {
	return db.many(ctx, "SELECT status_index FROM grants WHERE client_id = $1 AND revoked_at IS NULL AND status_index IS NOT NULL",
		[]any{clientID}, func(rows *sql.Rows) error {
			var index int64
			err := rows.Scan(&index)
			each(index)
			return err
		})
}

// keepStatus notes the places of a person's grants that are about to be deleted: their tokens may be good for a while. Those that are
// over for a day are not noted.
func (db *DB) keepStatus(ctx context.Context, userID string, now time.Time) error {
	_, err := db.exec(ctx, `INSERT INTO ended_status (status_index, ended_at)
		SELECT status_index, COALESCE(revoked_at, CAST($2 AS BIGINT)) FROM grants WHERE user_id = $1 AND status_index IS NOT NULL
		AND (revoked_at IS NULL OR revoked_at > $3) ON CONFLICT DO NOTHING`, userID, micros(now), micros(now.Add(-24*time.Hour)))
	return err
}
