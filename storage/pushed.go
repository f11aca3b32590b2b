package storage

import (
	"context"
	"database/sql"
	"time"
)

// What purpose a pushed authorization request has as a ticket (RFC 9126): until a browser came with it, and since one did.
const (
	pushedRequest = "pushed request"
	openedRequest = "opened request"
)

const insertPushed = `INSERT INTO tickets (` + ticketColumns + `, address)
	SELECT $1, $2, $3, $4, $5, CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT), CAST($10 AS TEXT)
	WHERE (SELECT count(*) FROM tickets WHERE owner = $4 AND purpose = $3 AND expires_at > CAST($7 AS BIGINT)) < CAST($9 AS BIGINT)`

const openPushed = `UPDATE tickets SET purpose = $2, expires_at = CASE WHEN expires_at < $3 THEN $3 ELSE expires_at END
	WHERE id = $1 AND purpose IN ('pushed request', 'opened request')`

// InsertPushed writes a pushed request of an address of its owner unless the owner has share of those that no browser has opened;
// ErrTooMany. One statement: on SQLite the bound is exact, on Postgres inserts that race may each miss the other.
func (db *DB) InsertPushed(ctx context.Context, t Ticket, address string, share int) error {
	return db.must(ctx, ErrTooMany, insertPushed, t.ID, t.SecretHash, pushedRequest, t.Owner, jsonText(t.Data), t.Guesses,
		micros(t.CreatedAt), micros(t.ExpiresAt), share, address)
}

// EvictPushed deletes at most so many of an owner's live requests that no browser has opened: of the address that has most, the oldest
// first.
func (db *DB) EvictPushed(ctx context.Context, owner string, most int, now time.Time) (int64, error) {
	return db.exec(ctx, `DELETE FROM tickets WHERE id IN (SELECT id FROM (
		SELECT id, created_at, count(*) OVER (PARTITION BY address) -
			row_number() OVER (PARTITION BY address ORDER BY created_at, id) AS younger
		FROM tickets WHERE owner = $1 AND purpose = $2 AND expires_at > $4) AS live
		ORDER BY younger DESC, created_at, id LIMIT $3)`, owner, pushedRequest, most, micros(now))
}

// Pushed reads a live one, opened or not; ErrNotFound.
func (db *DB) Pushed(ctx context.Context, secretHash string, now time.Time) (Ticket, error) {
	var t Ticket
	err := db.one(ctx, "SELECT "+ticketColumns+` FROM tickets WHERE secret_hash = $1 AND expires_at > $2
		AND purpose IN ('pushed request', 'opened request')`, []any{secretHash, micros(now)}, t.dest()...)
	return t, err
}

// OpenPushed notes that a browser came with it, so that it gives way to no other, and keeps it until then at least; ErrNotFound.
func (db *DB) OpenPushed(ctx context.Context, id string, until time.Time) error {
	return db.must(ctx, ErrNotFound, openPushed, id, openedRequest, micros(until))
}

// SpendPushed uses it up; of concurrent callers exactly one succeeds, the others get ErrNotFound.
func (db *DB) SpendPushed(ctx context.Context, id string) error {
	return db.must(ctx, ErrNotFound, "DELETE FROM tickets WHERE id = $1 AND purpose IN ('pushed request', 'opened request')", id)
}

// PushedShares counts the live requests that no browser has opened, by owner: rows and bytes. Its caller bounds how many there are.
func (db *DB) PushedShares(ctx context.Context, now time.Time) (map[string][2]int64, error) {
	all := map[string][2]int64{}
	err := db.many(ctx, `SELECT owner, count(*), sum(length(data)) FROM tickets WHERE purpose = $1 AND expires_at > $2 GROUP BY owner`,
		[]any{pushedRequest, micros(now)}, func(rows *sql.Rows) error {
			var owner string
			var n, bytes int64
			err := rows.Scan(&owner, &n, &bytes)
			all[owner] = [2]int64{n, bytes}
			return err
		})
	return all, err
}
