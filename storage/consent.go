package storage

import (
	"context"
	"time"
)

// Consent is what a person was offered by, and granted to, a client.
type Consent struct {
	UserID    string
	ClientID  string
	Offered   []string // scopes shown so far
	Granted   []string // scopes granted
	Resources []string // identifiers shown so far
	Epoch     int64    // raised by withdrawal; grants made before die with it
	Withdrawn time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ConsentOf reads one; ErrNotFound. A withdrawn one is returned with empty lists (its epoch still counts).
func (db *DB) ConsentOf(ctx context.Context, userID, clientID string) (Consent, error) {
	panic("unbuilt")
}

// PutConsent inserts or updates offered, granted and resources (epoch is kept; a new row starts at 1) and returns the
// row's epoch. Compare-and-swap on c.Epoch when the row exists: ErrStale if it was withdrawn meanwhile.
func (db *DB) PutConsent(ctx context.Context, c Consent) (epoch int64, err error) { panic("unbuilt") }

// WithdrawConsent empties the row and raises its epoch; reports whether there was one. The caller revokes the grants in
// the same transaction.
func (db *DB) WithdrawConsent(ctx context.Context, userID, clientID string, now time.Time) (bool, error) {
	panic("unbuilt")
}

// ConsentsOfUser lists a person's consents that are not withdrawn, at most limit, by client id after the given one.
func (db *DB) ConsentsOfUser(ctx context.Context, userID, after string, limit int) ([]Consent, error) {
	panic("unbuilt")
}
