package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// Ticket is a permission that is used once and dies soon: a mailed link or code, a passkey ceremony, an invitation. Only a
// hash of its secret is kept.
type Ticket struct {
	ID         string // public
	SecretHash string // unique
	Purpose    string
	Owner      string // whom it is for: a person's id, an address' key, a browser
	Data       json.RawMessage
	Guesses    int64 // wrong codes so far
	CreatedAt  time.Time
	ExpiresAt  time.Time
}

const ticketColumns = `id, secret_hash, purpose, owner, data, guesses, created_at, expires_at`

func (t *Ticket) dest() []any {
	return []any{&t.ID, &t.SecretHash, &t.Purpose, &t.Owner, (*document)(&t.Data), &t.Guesses, (*stamp)(&t.CreatedAt), (*stamp)(&t.ExpiresAt)}
}

// InsertTicket writes one.
func (db *DB) InsertTicket(ctx context.Context, t Ticket) error {
	_, err := db.exec(ctx, "INSERT INTO tickets ("+ticketColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		t.ID, t.SecretHash, t.Purpose, t.Owner, jsonText(t.Data), t.Guesses, micros(t.CreatedAt), micros(t.ExpiresAt))
	return err
}

// TicketBySecret reads a live one without using it; ErrNotFound.
func (db *DB) TicketBySecret(ctx context.Context, purpose, secretHash string, now time.Time) (Ticket, error) {
	var t Ticket
	err := db.one(ctx, "SELECT "+ticketColumns+" FROM tickets WHERE secret_hash = $1 AND purpose = $2 AND expires_at > $3",
		[]any{secretHash, purpose, micros(now)}, t.dest()...)
	return t, err
}

// SpendTicket uses a live one up and returns it, in one statement: of concurrent callers exactly one succeeds, the others
// get ErrNotFound.
func (db *DB) SpendTicket(ctx context.Context, purpose, secretHash string, now time.Time) (Ticket, error) {
	var t Ticket
	found := false
	err := db.returning(ctx, "DELETE FROM tickets WHERE secret_hash = $1 AND purpose = $2 AND expires_at > $3 RETURNING "+ticketColumns,
		[]any{secretHash, purpose, micros(now)}, func(rows *sql.Rows) error {
			found = true
			return rows.Scan(t.dest()...)
		})
	if err == nil && !found {
		err = ErrNotFound
	}
	return t, err
}

// RetireTicket is SpendTicket of one that stays until its time is up, for another purpose: whoever spends it again is recognised.
func (db *DB) RetireTicket(ctx context.Context, purpose, spent, secretHash string, now time.Time) error {
	return db.must(ctx, ErrNotFound, "UPDATE tickets SET purpose = $1 WHERE secret_hash = $2 AND purpose = $3 AND expires_at > $4",
		spent, secretHash, purpose, micros(now))
}

// GuessTicket counts a try at a code before it is judged, so that any number of tries at once cannot pass max; ErrTooMany.
func (db *DB) GuessTicket(ctx context.Context, id string, max int64) error {
	return db.must(ctx, ErrTooMany, "UPDATE tickets SET guesses = guesses + 1 WHERE id = $1 AND guesses < $2", id, max)
}

// TicketsOf lists an owner's live ones of a purpose, oldest first.
func (db *DB) TicketsOf(ctx context.Context, owner, purpose string, now time.Time) ([]Ticket, error) {
	return db.tickets(ctx, "owner = $1 AND purpose = $2 AND expires_at > $3 ORDER BY created_at, id", owner, purpose, micros(now))
}

// Tickets pages through the live ones of a purpose by id after the given one.
func (db *DB) Tickets(ctx context.Context, purpose string, now time.Time, after string, limit int) ([]Ticket, error) {
	return db.tickets(ctx, "purpose = $1 AND id > $2 AND expires_at > $3 ORDER BY id LIMIT $4", purpose, after, micros(now), limit)
}

func (db *DB) tickets(ctx context.Context, where string, args ...any) ([]Ticket, error) {
	var list []Ticket
	err := db.many(ctx, "SELECT "+ticketColumns+" FROM tickets WHERE "+where, args, func(rows *sql.Rows) error {
		var t Ticket
		err := rows.Scan(t.dest()...)
		list = append(list, t)
		return err
	})
	return list, err
}

// VoidTickets removes an owner's tickets of a purpose and returns how many.
func (db *DB) VoidTickets(ctx context.Context, owner, purpose string) (int64, error) {
	return db.exec(ctx, "DELETE FROM tickets WHERE owner = $1 AND purpose = $2", owner, purpose)
}

// VoidTicketsOfHolders is VoidTickets for everybody who holds a role, themselves or by a group.
func (db *DB) VoidTicketsOfHolders(ctx context.Context, role, purpose string) (int64, error) {
	return db.exec(ctx, `DELETE FROM tickets WHERE purpose = $2 AND owner IN (
		SELECT holder FROM role_holders WHERE role = $1 AND holder_kind = 'user'
		UNION SELECT m.user_id FROM role_holders h JOIN group_members m ON m.group_name = h.holder
			WHERE h.role = $1 AND h.holder_kind = 'group')`, role, purpose)
}

// VoidTicket removes one by its public id; ErrNotFound.
func (db *DB) VoidTicket(ctx context.Context, purpose, id string) error {
	return db.must(ctx, ErrNotFound, "DELETE FROM tickets WHERE id = $1 AND purpose = $2", id, purpose)
}
