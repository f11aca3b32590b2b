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

// InsertInteraction writes one unless the network already has max live ones (ErrTooMany), in one statement.
func (db *DB) InsertInteraction(ctx context.Context, i Interaction, max int) error { panic("unbuilt") }

// InteractionByID reads one that has not expired; ErrNotFound. The caller compares BrowserHash.
func (db *DB) InteractionByID(ctx context.Context, id string, now time.Time) (Interaction, error) {
	panic("unbuilt")
}

// UpdateInteractionFacts is a compare-and-swap on the old facts; ErrStale.
func (db *DB) UpdateInteractionFacts(ctx context.Context, id string, old, facts json.RawMessage) error {
	panic("unbuilt")
}

// SpendInteraction deletes it; of concurrent callers exactly one succeeds, the others get ErrStale.
func (db *DB) SpendInteraction(ctx context.Context, id string) error { panic("unbuilt") }
