package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
)

// EventSeal is what was kept of a part of the audit log, of one class of event, so that a change of it shows.
type EventSeal struct {
	N        int64
	Class    string
	From, To string // ids: the events after From, up to To
	Events   int64
	Root     string
	Digests  []byte // of each event, shortened
	SealedAt time.Time
	Head     string    // of the chain
	GoneAt   time.Time // when retention deleted the events; zero = they are there
	GoneMAC  string
}

const sealColumns = "n, class, from_id, to_id, events, root, digests, sealed_at, head, gone_at, gone_mac"

func (db *DB) eventSeals(ctx context.Context, where string, args ...any) ([]EventSeal, error) {
	var list []EventSeal
	err := db.many(ctx, "SELECT "+sealColumns+" FROM event_seals WHERE "+where, args, func(rows *sql.Rows) error {
		var s EventSeal
		err := rows.Scan(&s.N, &s.Class, &s.From, &s.To, &s.Events, &s.Root, &s.Digests, (*stamp)(&s.SealedAt), &s.Head, (*stamp)(&s.GoneAt),
			&s.GoneMAC)
		if len(s.Digests) == 0 {
			s.Digests = nil // the engines differ
		}
		list = append(list, s)
		return err
	})
	return list, err
}

// LastEventSeal is the newest; ErrNotFound.
func (db *DB) LastEventSeal(ctx context.Context) (EventSeal, error) {
	list, err := db.eventSeals(ctx, "n > $1 ORDER BY n DESC LIMIT 1", 0)
	if err == nil && len(list) == 0 {
		return EventSeal{}, ErrNotFound
	}
	if err != nil {
		return EventSeal{}, err
	}
	return list[0], nil
}

// EventSeals pages through all, the oldest first.
func (db *DB) EventSeals(ctx context.Context, after int64, limit int) ([]EventSeal, error) {
	return db.eventSeals(ctx, "n > $1 ORDER BY n LIMIT $2", after, limit)
}

// KeptEventSeals lists those of a class whose events are there, the oldest first.
func (db *DB) KeptEventSeals(ctx context.Context, class string, limit int) ([]EventSeal, error) {
	return db.eventSeals(ctx, "class = $1 AND gone_at IS NULL ORDER BY n LIMIT $2", class, limit)
}

// InsertEventSeals writes some, all or none; ErrConflict where another replica was faster.
func (db *DB) InsertEventSeals(ctx context.Context, list ...EventSeal) error {
	return db.Tx(ctx, func(ctx context.Context) error {
		for _, s := range list {
			err := db.must(ctx, ErrConflict, `INSERT INTO event_seals (n, class, from_id, to_id, events, root, digests, sealed_at, head)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`, s.N, s.Class, s.From, s.To, s.Events, s.Root, s.Digests,
				micros(s.SealedAt), s.Head)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// SealGone notes that the events of a seal were deleted; ErrStale where that is noted already.
func (db *DB) SealGone(ctx context.Context, n int64, at time.Time, mac string) error {
	return db.must(ctx, ErrStale, "UPDATE event_seals SET gone_at = $2, gone_mac = $3, digests = $4 WHERE n = $1 AND gone_at IS NULL", n,
		micros(at), mac, []byte{})
}

// EventsBetween lists the events after one id up to another, the oldest first.
func (db *DB) EventsBetween(ctx context.Context, after, upTo string, limit int) ([]Event, error) {
	var list []Event
	err := db.ask(ctx, func(q *gorm.DB) error {
		return q.Where("id > ? AND id <= ?", after, upTo).Order("id").Limit(limit).Find(&list).Error
	})
	return list, err
}

// DeleteEvents removes at most limit of the events after one id up to another that have one of the names, or, with not, none of them; all
// are older than before. It returns how many went. No event goes in another way: see the triggers in migrations.
func (db *DB) DeleteEvents(ctx context.Context, after, upTo string, names []string, not bool, before time.Time, limit int) (gone int64,
	err error) {
	args := []any{after, upTo, limit}
	marks := make([]string, len(names))
	for i, name := range names {
		args = append(args, name)
		marks[i] = fmt.Sprintf("$%d", len(args))
	}
	in := "IN"
	if not {
		in = "NOT IN"
	}
	query := fmt.Sprintf("DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id > $1 AND id <= $2 AND name %s (%s) LIMIT $3)", in,
		strings.Join(marks, ", "))
	const window = "UPDATE retention SET events_before = $1 WHERE name = 'events'"
	err = db.Tx(ctx, func(ctx context.Context) error {
		if _, err := db.exec(ctx, window, micros(before)); err != nil {
			return err
		}
		if gone, err = db.exec(ctx, query, args...); err != nil {
			return err
		}
		_, err := db.exec(ctx, window, 0)
		return err
	})
	return gone, err
}

// Cursor is how far a reader has followed the audit log; "" = it has not begun.
func (db *DB) Cursor(ctx context.Context, name string) (position string, err error) {
	err = db.one(ctx, "SELECT position FROM cursors WHERE name = $1", []any{name}, &position)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return position, err
}

// MoveCursor notes how far a reader has come; ErrStale where it is not any more where it was.
func (db *DB) MoveCursor(ctx context.Context, name, from, to string) error {
	if from == "" {
		return db.must(ctx, ErrStale, "INSERT INTO cursors (name, position) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, to)
	}
	return db.must(ctx, ErrStale, "UPDATE cursors SET position = $3 WHERE name = $1 AND position = $2", name, from, to)
}
