package storage

import (
	"context"
	"time"
)

// ClaimAnswer notes that a request is being worked on; ErrConflict: it is, or was, and that has not expired. claim is whose it is.
func (db *DB) ClaimAnswer(ctx context.Context, id, claim, request string, now, expires time.Time) error {
	return db.must(ctx, ErrConflict, `INSERT INTO idempotency_keys (id, claim, request, claimed_at, expires_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET claim = excluded.claim, request = excluded.request, answer = NULL,
		claimed_at = excluded.claimed_at, expires_at = excluded.expires_at WHERE idempotency_keys.expires_at <= $4`,
		id, claim, request, micros(now), micros(expires))
}

// PutAnswer keeps the answer of whoever claimed it; ErrStale: it is another's, or has one.
func (db *DB) PutAnswer(ctx context.Context, id, claim string, answer []byte) error {
	return db.must(ctx, ErrStale, "UPDATE idempotency_keys SET answer = $3 WHERE id = $1 AND claim = $2 AND answer IS NULL", id, claim, answer)
}

// Answer reads what is known of a request, answer is nil while there is none; ErrNotFound.
func (db *DB) Answer(ctx context.Context, id string) (request string, answer []byte, claimed time.Time, err error) {
	err = db.one(ctx, "SELECT request, answer, claimed_at FROM idempotency_keys WHERE id = $1", []any{id}, &request, &answer,
		(*stamp)(&claimed))
	return request, answer, claimed, err
}

// DropAnswer forgets a claim that came to nothing; done twice is done.
func (db *DB) DropAnswer(ctx context.Context, id, claim string) error {
	_, err := db.exec(ctx, "DELETE FROM idempotency_keys WHERE id = $1 AND claim = $2", id, claim)
	return err
}
