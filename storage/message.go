package storage

import (
	"context"
	"database/sql"
	"time"
)

// Message is what waits to be sent: an email (table messages), or what another server is to be told (table deliveries); what it says is
// sealed.
type Message struct {
	ID        string
	Kind      string
	Target    string // of a delivery: the address, as it was when this was written
	ClientID  string // of a delivery: whom it is for
	Sealed    []byte
	DueAt     time.Time // when it is tried next; while somebody tries, when that counts as given up
	Tries     int64
	CreatedAt time.Time
	ExpiresAt time.Time
	FailedAt  time.Time // given up; zero = not
	LastError string
}

const messageColumns = `id, kind, sealed, due_at, tries, created_at, expires_at, failed_at, last_error`

func (m *Message) dest() []any {
	return []any{
		&m.ID, &m.Kind, &m.Sealed, (*stamp)(&m.DueAt), &m.Tries, (*stamp)(&m.CreatedAt), (*stamp)(&m.ExpiresAt),
		(*stamp)(&m.FailedAt), &m.LastError,
	}
}

// InsertMessage writes one.
func (db *DB) InsertMessage(ctx context.Context, m Message) error {
	_, err := db.exec(ctx, "INSERT INTO messages ("+messageColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		m.ID, m.Kind, m.Sealed, micros(m.DueAt), m.Tries, micros(m.CreatedAt), micros(m.ExpiresAt), micros(m.FailedAt), m.LastError)
	return err
}

// DueMessages lists those to be tried now, the longest due first.
func (db *DB) DueMessages(ctx context.Context, now time.Time, limit int) ([]Message, error) {
	return db.messages(ctx, "failed_at IS NULL AND due_at <= $1 AND expires_at > $1 ORDER BY due_at LIMIT $2", micros(now), limit)
}

func (db *DB) messages(ctx context.Context, where string, args ...any) ([]Message, error) {
	var list []Message
	err := db.many(ctx, "SELECT "+messageColumns+" FROM messages WHERE "+where, args, func(rows *sql.Rows) error {
		var m Message
		err := rows.Scan(m.dest()...)
		list = append(list, m)
		return err
	})
	return list, err
}

// LeaseMessage takes one that was read as due at the given time: compare-and-swap, so that one of several replicas has it;
// ErrStale.
func (db *DB) LeaseMessage(ctx context.Context, id string, due, until time.Time) error {
	return db.must(ctx, ErrStale, "UPDATE messages SET due_at = $3, tries = tries + 1 WHERE id = $1 AND due_at = $2 AND failed_at IS NULL",
		id, micros(due), micros(until))
}

// RetryMessage puts one off.
func (db *DB) RetryMessage(ctx context.Context, id string, due time.Time, lastError string) error {
	_, err := db.exec(ctx, "UPDATE messages SET due_at = $2, last_error = $3 WHERE id = $1", id, micros(due), lastError)
	return err
}

// FailMessage gives one up; it stays to be seen until it expires.
func (db *DB) FailMessage(ctx context.Context, id string, at time.Time, lastError string) error {
	_, err := db.exec(ctx, "UPDATE messages SET failed_at = $2, last_error = $3 WHERE id = $1", id, micros(at), lastError)
	return err
}

// DeleteMessage removes one that was sent.
func (db *DB) DeleteMessage(ctx context.Context, id string) error {
	_, err := db.exec(ctx, "DELETE FROM messages WHERE id = $1", id)
	return err
}

// Message reads one; ErrNotFound.
func (db *DB) Message(ctx context.Context, id string) (Message, error) {
	var m Message
	err := db.one(ctx, "SELECT "+messageColumns+" FROM messages WHERE id = $1", []any{id}, m.dest()...)
	return m, err
}

// ReviveMessage has one tried at once, as if it had never been, also one that was given up; ErrNotFound: there is none, or it has expired.
// One that is being sent meanwhile comes twice.
func (db *DB) ReviveMessage(ctx context.Context, id string, now time.Time) error {
	return db.must(ctx, ErrNotFound, "UPDATE messages SET due_at = $2, failed_at = NULL, tries = 0 WHERE id = $1 AND expires_at > $2", id,
		micros(now))
}

// Messages pages through all of them by id after the given one.
func (db *DB) Messages(ctx context.Context, after string, limit int) ([]Message, error) {
	return db.messages(ctx, "id > $1 ORDER BY id LIMIT $2", after, limit)
}

// CountMessages tells how many wait and how many were given up.
func (db *DB) CountMessages(ctx context.Context) (waiting, failed int, oldest time.Time, err error) {
	err = db.one(ctx, `SELECT (SELECT count(*) FROM messages WHERE failed_at IS NULL AND due_at > 0),
		(SELECT count(*) FROM messages WHERE failed_at > 0),
		(SELECT coalesce(min(created_at), 0) FROM messages WHERE failed_at IS NULL AND due_at > 0)`, nil,
		&waiting, &failed, (*stamp)(&oldest))
	return waiting, failed, oldest, err
}
