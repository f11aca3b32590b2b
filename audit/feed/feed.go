package feed

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"signet/storage"
)

// Format is how an event is written.
type Format string

// The formats.
const (
	JSON Format = "json"
	OCSF Format = "ocsf"
	CEF  Format = "cef"
)

// Known reports whether there is such a format.
func (f Format) Known() bool { return slices.Contains([]Format{JSON, OCSF, CEF}, f) }

// MediaType of several lines.
func (f Format) MediaType() string {
	if f == CEF {
		return "text/plain; charset=utf-8"
	}
	return "application/x-ndjson"
}

// Event is one as JSON.
type Event struct {
	ID        string          `json:"id"`
	At        time.Time       `json:"at"`
	Name      string          `json:"name"`
	Outcome   string          `json:"outcome"`
	ActorID   string          `json:"actor_id,omitempty"`
	ActorKind string          `json:"actor_kind,omitempty"`
	UserID    string          `json:"user_id,omitempty"`
	ClientID  string          `json:"client_id,omitempty"`
	SessionID string          `json:"session_id,omitempty"`
	GrantID   string          `json:"grant_id,omitempty"`
	Network   string          `json:"network,omitempty"`
	Agent     string          `json:"agent,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
	Detail    json.RawMessage `json:"detail,omitempty"`
}

// Of is what is written of a stored event.
func Of(e storage.Event) Event {
	return Event{e.ID, e.At.UTC(), e.Name, e.Outcome, e.ActorID, e.ActorKind, e.UserID, e.ClientID, e.SessionID, e.GrantID, e.Network, e.Agent,
		e.RequestID, e.Detail}
}

// Line is an event as one line, with its end.
func Line(f Format, e storage.Event) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	var err error
	switch f {
	case JSON:
		err = enc.Encode(Of(e))
	case OCSF:
		err = enc.Encode(ocsf(e))
	case CEF:
		out.WriteString(cef(e))
	default:
		err = fmt.Errorf("there is no format %q", f)
	}
	if err != nil {
		return nil, fmt.Errorf("write event %s: %w", e.ID, err)
	}
	return out.Bytes(), nil
}

// Behind is how far behind now the log is followed: an event has the time at which it was written, and shows when its transaction ends, and
// the clocks of replicas differ. Whoever read up to now would lose some.
const Behind = 15 * time.Second

// After is before the id of every event of that time and later.
func After(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%016x", t.UnixMicro())
}

// Store is the part of *storage.DB that a follower reads and notes its place in.
type Store interface {
	Cursor(ctx context.Context, name string) (position string, err error)
	MoveCursor(ctx context.Context, name, from, to string) error
	EventsAfter(ctx context.Context, after string, limit int) ([]storage.Event, error)
}

// Follower hands on what happens, each event at least once, whichever replica does it.
type Follower struct {
	Store Store
	Name  string // of the place in the log
	// From is where it begins at the earliest; "" = where it is, or, if it has never run, what happens from then on.
	From string
	// Now is the time by which the log goes; nil = this machine's.
	Now func() time.Time
	// Limit is how many events Take is handed at once; 0 = 500.
	Limit int
	// Within, if it is set, runs Take and the noting of the place in one transaction.
	Within func(ctx context.Context, do func(ctx context.Context) error) error
	// Take has taken the events when it returns nil. They come in order.
	Take func(ctx context.Context, list []storage.Event) error
}

const (
	inTurn = 500 // events at once
	turns  = 200 // in a run
)

// Run hands on what is new and old enough. A follower that has never run begins with what happens from then on.
func (f Follower) Run(ctx context.Context) error {
	at, err := f.Store.Cursor(ctx, f.Name)
	if err != nil {
		return fmt.Errorf("read the place of %s in the audit log: %w", f.Name, err)
	}
	now := f.Now
	if now == nil {
		now = time.Now
	}
	if at == "" && f.From == "" {
		return f.move(ctx, "", After(now()))
	}
	for range turns {
		list, err := Page(ctx, f.Store, now(), max(at, f.From), max(cmp.Or(f.Limit, inTurn), 1))
		if err != nil || len(list) == 0 {
			return err
		}
		next := list[len(list)-1].ID
		if err := f.hand(ctx, list, at, next); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// Oldest is when the oldest event happened that is not handed on yet; zero = there is none. What is too new to be handed on counts, too.
func (f Follower) Oldest(ctx context.Context) (time.Time, error) {
	at, err := f.Store.Cursor(ctx, f.Name)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the place of %s in the audit log: %w", f.Name, err)
	}
	if at = max(at, f.From); at == "" {
		return time.Time{}, nil
	}
	list, err := f.Store.EventsAfter(ctx, at, 1)
	if err != nil {
		return time.Time{}, fmt.Errorf("read events: %w", err)
	}
	for _, e := range list {
		return e.At, nil
	}
	return time.Time{}, nil
}

// hand hands events on. In a transaction the place is noted first: of several replicas that are here at once, one goes on.
func (f Follower) hand(ctx context.Context, list []storage.Event, at, next string) error {
	if f.Within == nil {
		if err := f.Take(ctx, list); err != nil {
			return err
		}
		return f.move(ctx, at, next)
	}
	return f.Within(ctx, func(ctx context.Context) error {
		if err := f.move(ctx, at, next); err != nil {
			return err
		}
		return f.Take(ctx, list)
	})
}

func (f Follower) move(ctx context.Context, from, to string) error {
	if err := f.Store.MoveCursor(ctx, f.Name, from, to); err != nil {
		return fmt.Errorf("note the place of %s in the audit log: %w", f.Name, err)
	}
	return nil
}

// Reader is the part of *storage.DB that Page reads.
type Reader interface {
	EventsAfter(ctx context.Context, after string, limit int) ([]storage.Event, error)
}

// Page lists events after an id, the oldest first, as far as no other can come between them. now is the time by which the log goes.
func Page(ctx context.Context, r Reader, now time.Time, after string, limit int) ([]storage.Event, error) {
	list, err := r.EventsAfter(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	horizon := After(now.Add(-Behind))
	if i := slices.IndexFunc(list, func(e storage.Event) bool { return e.ID >= horizon }); i >= 0 {
		list = list[:i]
	}
	return list, nil
}
