package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Event is one audit event; append-only (the database refuses UPDATE, and DELETE but by the retention job).
type Event struct {
	ID        string    // sorts by time
	At        time.Time `gorm:"serializer:micros"`
	Name      string    // "signin.succeeded" …
	Outcome   string    // "success", "failure"
	ActorID   string    // who did it: a user id, a client id, the account at the command line, "system"
	ActorKind string    // "person", "client", "cli", "system"; "" in what an older release wrote
	UserID    string    `gorm:"serializer:optional"` // whom it concerns
	ClientID  string
	SessionID string
	GrantID   string
	Network   string // prefix
	Agent     string
	RequestID string
	Detail    json.RawMessage `gorm:"serializer:document"`
}

// InsertEvent writes one; call it inside the transaction of the fact.
func (db *DB) InsertEvent(ctx context.Context, e Event) error {
	return db.insert(ctx, &e)
}

// EventsOfUser pages newest first, before the given id ("" = from the newest).
func (db *DB) EventsOfUser(ctx context.Context, userID, before string, limit int) ([]Event, error) {
	var list []Event
	err := db.ask(ctx, func(q *gorm.DB) error {
		return page(q.Where("user_id = ?", userID), before, limit).Find(&list).Error
	})
	return list, err
}

// Events pages through all, newest first.
func (db *DB) Events(ctx context.Context, before string, limit int) ([]Event, error) {
	var list []Event
	err := db.ask(ctx, func(q *gorm.DB) error { return page(q, before, limit).Find(&list).Error })
	return list, err
}

// EventsLike pages newest first through the events that have every field that is set in like: ActorID, UserID, ClientID, Outcome,
// RequestID; and a name that is like.Name, or begins with it where it ends with a dot; none from before like.At. An index serves each
// of RequestID, UserID, ClientID, ActorID and Name.
func (db *DB) EventsLike(ctx context.Context, like Event, before string, limit int) ([]Event, error) {
	var list []Event
	err := db.ask(ctx, func(q *gorm.DB) error {
		for _, field := range []struct{ column, value string }{
			{"request_id", like.RequestID}, {"user_id", like.UserID}, {"client_id", like.ClientID}, {"actor_id", like.ActorID},
			{"outcome", like.Outcome},
		} {
			if field.value != "" { // the second part is that of the indexes that leave out what has none
				q = q.Where(field.column+" = ? AND "+field.column+" <> ''", field.value)
			}
		}
		switch {
		case strings.HasSuffix(like.Name, "."):
			q = q.Where("substr(name, 1, "+strconv.Itoa(len(like.Name))+") = ?", like.Name)
		case like.Name != "":
			q = q.Where("name = ?", like.Name)
		}
		if !like.At.IsZero() {
			q = q.Where("id >= ?", fmt.Sprintf("%016x", like.At.UnixMicro()))
		}
		return page(q, before, limit).Find(&list).Error
	})
	return list, err
}

// EventsAfter pages through all, oldest first, after the given id. An id begins with the time in microseconds, 16 hexadecimal digits.
func (db *DB) EventsAfter(ctx context.Context, after string, limit int) ([]Event, error) {
	var list []Event
	err := db.ask(ctx, func(q *gorm.DB) error { return q.Where("id > ?", after).Order("id").Limit(limit).Find(&list).Error })
	return list, err
}

// page is the part of the log before an event, newest first.
func page(q *gorm.DB, before string, limit int) *gorm.DB {
	if before != "" {
		q = q.Where("id < ?", before)
	}
	return q.Order("id DESC").Limit(limit)
}
