package storage

import (
	"context"
	"encoding/json"
	"time"
)

// Event is one audit event; append-only (the database refuses UPDATE, and DELETE but by the retention job).
type Event struct {
	ID        string // sorts by time
	At        time.Time
	Name      string // "signin.succeeded" …
	Outcome   string // "success", "failure"
	ActorID   string // who did it: a user id, "cli", "system"
	UserID    string // whom it concerns
	ClientID  string
	SessionID string
	GrantID   string
	Network   string // prefix
	Agent     string
	RequestID string
	Detail    json.RawMessage
}

// InsertEvent writes one; call it inside the transaction of the fact.
func (db *DB) InsertEvent(ctx context.Context, e Event) error { panic("unbuilt") }

// EventsOfUser pages newest first, before the given id ("" = from the newest).
func (db *DB) EventsOfUser(ctx context.Context, userID, before string, limit int) ([]Event, error) {
	panic("unbuilt")
}

// Events pages through all, newest first.
func (db *DB) Events(ctx context.Context, before string, limit int) ([]Event, error) {
	panic("unbuilt")
}
