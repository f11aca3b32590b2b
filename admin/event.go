package admin

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"signet/audit"
	"signet/audit/feed"
	"signet/storage"
)

// Event is one of the audit log.
type Event = feed.Event

// EventFilter is which events are wanted: those that have all that is set.
type EventFilter struct {
	Name      string // "signin." = all that begin so
	Outcome   string
	ActorID   string
	UserID    string
	ClientID  string
	Reference string // a request's, as an error page shows it
	Since     time.Time
}

// Events pages through the audit log, newest first.
func (s *Service) Events(ctx context.Context, a Actor, f EventFilter, q Ask) (Page[Event], error) {
	ctx, err := s.may(ctx, a, "Events")
	if err != nil {
		return Page[Event]{}, err
	}
	rows, err := s.o.Stores.Records.EventsLike(ctx, storage.Event{
		Name: f.Name, Outcome: f.Outcome, ActorID: f.ActorID, UserID: f.UserID, ClientID: f.ClientID, RequestID: f.Reference, At: f.Since,
	}, q.After, q.limit()+1)
	if err != nil {
		return Page[Event]{}, fmt.Errorf("list events: %w", err)
	}
	if len(rows) > 0 { // else nobody is looked at, whatever was asked for
		if err := s.looked(ctx, a, f.UserID); err != nil {
			return Page[Event]{}, err
		}
	}
	return paged(q, rows, feed.Of, func(e storage.Event) string { return e.ID }), nil
}

// MostExported is how many events an export answers with at most.
const MostExported = 1000

// ExportEvents writes events as lines, the oldest first, from after the id of one, or from a time on, and says the id of the last. It is
// some seconds behind (feed.Behind), so that whoever goes on after the last one misses none.
func (s *Service) ExportEvents(ctx context.Context, a Actor, f feed.Format, after string, since time.Time, limit int) (lines []byte,
	last string, err error) {
	if ctx, err = s.may(ctx, a, "ExportEvents"); err != nil {
		return nil, "", err
	}
	if !f.Known() {
		return nil, "", invalid("format", "is none of json, ocsf, cef")
	}
	if !since.IsZero() {
		after = max(after, feed.After(since))
	}
	list, err := feed.Page(ctx, s.o.Stores.Records, s.o.Audit.Now(), after, min(max(limit, 1), MostExported))
	if err != nil {
		return nil, "", err
	}
	var out bytes.Buffer
	last = after
	for _, e := range list {
		line, err := feed.Line(f, e)
		if err != nil {
			return nil, "", err
		}
		out.Write(line)
		last = e.ID
	}
	if s.exported.first(string(a.Kind) + " " + a.ID) {
		detail := map[string]any{"format": f}
		if err := s.o.Audit.Record(ctx, audit.Event{Name: audit.AuditExported, Detail: detail}); err != nil {
			return nil, "", fmt.Errorf("export events: %w", err)
		}
	}
	return out.Bytes(), last, nil
}
