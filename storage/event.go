package storage

import (
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"
)

// Event is one audit event; append-only (the database refuses UPDATE, and DELETE but by the retention job).
type Event struct {
	ID        string    // sorts by time
	At        time.Time `gorm:"serializer:micros"`
	Name      string    // "signin.succeeded" …
	Outcome   string    // "success", "failure"
	ActorID   string    // who did it: a user id, "cli", "system"
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

// EventsAfter pages through all, oldest first, after the given id. An id begins with the time in microseconds, 16 hexadecimal digits.
func (db *DB) EventsAfter(ctx context.Context, after string, limit int) ([]Event, error) {
	var list []Event
	err := db.ask(ctx, func(q *gorm.DB) error { return q.Where("id > ?", after).Order("id").Limit(limit).Find(&list).Error })
	return list, err
}

// page is the part of the book before an event, newest first.
func page(q *gorm.DB, before string, limit int) *gorm.DB {
	if before != "" {
		q = q.Where("id < ?", before)
	}
	return q.Order("id DESC").Limit(limit)
}
