package telemetry

import (
	"context"
	"log/slog"
	"sync"
)

// EventKey is the context key under which a request's Event travels. server/web answers it.
type EventKey struct{}

// Event collects what handlers want to say in the one log line of their request. The zero value is ready; it is safe for
// concurrent use.
type Event struct {
	mu    sync.Mutex
	n     int
	few   [8]slog.Attr // most requests add fewer, so nothing is allocated
	more  []slog.Attr
	taken bool
}

// Add puts attributes on the wide event of the request that ctx belongs to; without one it does nothing. Never add
// secrets, codes, tokens, e-mail addresses or query strings. A key that is there already gets the new value.
func Add(ctx context.Context, attrs ...slog.Attr) {
	e, ok := ctx.Value(EventKey{}).(*Event)
	if !ok {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.taken {
		return // the line is written; the request's leftovers have nowhere to go
	}
	for _, a := range attrs {
		e.put(a)
	}
}

func (e *Event) put(a slog.Attr) {
	for i := range e.n {
		if e.few[i].Key == a.Key {
			e.few[i] = a
			return
		}
	}
	for i := range e.more {
		if e.more[i].Key == a.Key {
			e.more[i] = a
			return
		}
	}
	if e.n < len(e.few) {
		e.few[e.n] = a
		e.n++
		return
	}
	e.more = append(e.more, a)
}

// Text is the text that was added under a key, of something that is known here (see Sent); "" = there is none.
func (e *Event) Text(key string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, list := range [][]slog.Attr{e.few[:e.n], e.more} {
		for _, a := range list {
			if a.Key == key && a.Value.Kind() == slog.KindString {
				return a.Value.String()
			}
		}
	}
	return ""
}

// Take moves what was added onto the record; later additions are dropped.
func (e *Event) Take(r *slog.Record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.taken = true
	r.AddAttrs(e.few[:e.n]...)
	r.AddAttrs(e.more...)
}
