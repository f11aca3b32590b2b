package storage

import (
	"context"
	"encoding/json"
	"time"
)

// Interaction is an authorization request (or another errand) in progress in one browser.
type Interaction struct {
	ID          string // random, in the URL
	BrowserHash string // SHA-256 of the browser cookie it is bound to
	Network     string // network prefix, /24 or /56, for the bound
	Request     json.RawMessage
	Facts       json.RawMessage
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

const insertInteraction = `INSERT INTO interactions (id, browser_hash, network, request, facts, created_at, expires_at)
	SELECT $1, $2, $3, $4, $5, CAST($6 AS BIGINT), CAST($7 AS BIGINT)
	WHERE (SELECT count(*) FROM interactions WHERE network = $3 AND expires_at > CAST($6 AS BIGINT)) < CAST($8 AS BIGINT)`

const interactionByID = `SELECT browser_hash, network, request, facts, created_at, expires_at
	FROM interactions WHERE id = $1 AND expires_at > $2`

// InsertInteraction writes one unless the network already has max live ones (ErrTooMany), in one statement. On SQLite
// the bound is exact; on Postgres inserts that race may each miss the other, so it may be passed by as many as there are
// connections.
func (db *DB) InsertInteraction(ctx context.Context, i Interaction, max int) error {
	return db.must(ctx, ErrTooMany, insertInteraction, i.ID, i.BrowserHash, i.Network, jsonText(i.Request), jsonText(i.Facts),
		micros(i.CreatedAt), micros(i.ExpiresAt), max)
}

// InteractionByID reads one that has not expired; ErrNotFound. The caller compares BrowserHash.
func (db *DB) InteractionByID(ctx context.Context, id string, now time.Time) (Interaction, error) {
	i := Interaction{ID: id}
	err := db.one(ctx, interactionByID, []any{id, micros(now)}, &i.BrowserHash, &i.Network, (*document)(&i.Request), (*document)(&i.Facts),
		(*stamp)(&i.CreatedAt), (*stamp)(&i.ExpiresAt))
	return i, err
}

// UpdateInteractionFacts is a compare-and-swap on the old facts; ErrStale.
func (db *DB) UpdateInteractionFacts(ctx context.Context, id string, old, facts json.RawMessage) error {
	return db.must(ctx, ErrStale, "UPDATE interactions SET facts = $3 WHERE id = $1 AND facts = $2", id, jsonText(old), jsonText(facts))
}

// SpendInteraction deletes it; of concurrent callers exactly one succeeds, the others get ErrStale.
func (db *DB) SpendInteraction(ctx context.Context, id string) error {
	return db.must(ctx, ErrStale, "DELETE FROM interactions WHERE id = $1", id)
}
