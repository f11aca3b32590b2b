package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// Interaction is a sign-in in progress in one browser: of an authorization request, or for a page of ours.
type Interaction struct {
	ID          string // random, in the URL
	BrowserHash string // SHA-256 of the browser cookie it is bound to
	Network     string // network prefix, /24 or /56, for the bound
	Request     json.RawMessage
	Facts       json.RawMessage
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// What stands before the network of a row that does not count as live any more.
const (
	answered = "answered " // the app has its answer
	past     = "past "     // it took too long; what is left of it says where the answer would have gone
)

const insertInteraction = `INSERT INTO interactions (id, browser_hash, network, request, facts, created_at, expires_at)
	SELECT $1, $2, $3, $4, $5, CAST($6 AS BIGINT), CAST($7 AS BIGINT)
	WHERE (SELECT count(*) FROM interactions WHERE network = $3 AND expires_at > CAST($6 AS BIGINT)) < CAST($8 AS BIGINT)`

const interactionByID = `SELECT browser_hash, network, request, facts, created_at, expires_at
	FROM interactions WHERE id = $1 AND expires_at > $2`

const answerInteraction = `UPDATE interactions SET facts = $3, network = $4 WHERE id = $1 AND facts = $2
	AND (network = $4 OR (SELECT count(*) FROM interactions WHERE network = $4 AND expires_at > CAST($5 AS BIGINT)) < CAST($6 AS BIGINT))`

// InsertInteraction writes one unless the network already has max live ones (ErrTooMany), in one statement. On SQLite
// the bound is exact; on Postgres inserts that race may each miss the other, so it may be passed by as many as there are
// connections.
func (db *DB) InsertInteraction(ctx context.Context, i Interaction, max int) error {
	return db.must(ctx, ErrTooMany, insertInteraction, i.ID, i.BrowserHash, i.Network, jsonText(i.Request), jsonText(i.Facts),
		micros(i.CreatedAt), micros(i.ExpiresAt), max)
}

// InteractionByID reads one that had not expired by the given time; ErrNotFound. The caller compares BrowserHash.
func (db *DB) InteractionByID(ctx context.Context, id string, by time.Time) (Interaction, error) {
	i := Interaction{ID: id}
	err := db.one(ctx, interactionByID, []any{id, micros(by)}, &i.BrowserHash, &i.Network, (*document)(&i.Request), (*document)(&i.Facts),
		(*stamp)(&i.CreatedAt), (*stamp)(&i.ExpiresAt))
	return i, err
}

// UpdateInteractionFacts is a compare-and-swap on the old facts; ErrStale.
func (db *DB) UpdateInteractionFacts(ctx context.Context, id string, old, facts json.RawMessage) error {
	return db.must(ctx, ErrStale, "UPDATE interactions SET facts = $3 WHERE id = $1 AND facts = $2", id, jsonText(old), jsonText(facts))
}

// AnswerInteraction is a compare-and-swap on the facts of the row as it was read that takes it out of the bound of its network: its
// app has an answer. It stays until it expires, unless the network has max of those already: then it is deleted. ErrStale.
func (db *DB) AnswerInteraction(ctx context.Context, i Interaction, facts json.RawMessage, max int, now time.Time) error {
	network := i.Network
	if len(network) < len(answered) || network[:len(answered)] != answered {
		network = answered + network
	}
	err := db.must(ctx, ErrStale, answerInteraction, i.ID, jsonText(i.Facts), jsonText(facts), network, micros(now), max)
	if !errors.Is(err, ErrStale) {
		return err
	}
	return db.must(ctx, ErrStale, "DELETE FROM interactions WHERE id = $1 AND facts = $2", i.ID, jsonText(i.Facts))
}

// SpendInteraction deletes it; of concurrent callers exactly one succeeds, the others get ErrStale.
func (db *DB) SpendInteraction(ctx context.Context, id string) error {
	return db.must(ctx, ErrStale, "DELETE FROM interactions WHERE id = $1", id)
}

// ExpiredInteractions lists at most limit that have expired and are whole still: PutPastInteraction or SpendInteraction is next.
func (db *DB) ExpiredInteractions(ctx context.Context, now time.Time, limit int) ([]Interaction, error) {
	var list []Interaction
	err := db.many(ctx, `SELECT id, network, request FROM interactions WHERE expires_at <= $1 AND network NOT LIKE 'past %'
		ORDER BY expires_at LIMIT $2`, []any{micros(now), limit}, func(rows *sql.Rows) error {
		var i Interaction
		err := rows.Scan(&i.ID, &i.Network, (*document)(&i.Request))
		list = append(list, i)
		return err
	})
	return list, err
}

// PutPastInteraction leaves of an expired row what request holds, unless its network has max of those already: then it is deleted.
func (db *DB) PutPastInteraction(ctx context.Context, i Interaction, max int) error {
	network := i.Network
	if len(network) >= len(answered) && network[:len(answered)] == answered {
		network = network[len(answered):]
	}
	n, err := db.exec(ctx, `UPDATE interactions SET request = $2, facts = '{}', network = $3
		WHERE id = $1 AND (SELECT count(*) FROM interactions WHERE network = $3) < CAST($4 AS BIGINT)`, i.ID, jsonText(i.Request), past+network, max)
	if err != nil || n > 0 {
		return err
	}
	_, err = db.exec(ctx, "DELETE FROM interactions WHERE id = $1", i.ID)
	return err
}
