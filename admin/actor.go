package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"signet/audit"
)

// Kind is what an actor is.
type Kind string

// The kinds.
const (
	KindPerson  Kind = "person"
	KindClient  Kind = "client"
	KindKey     Kind = "key" // an API key of a client; its id is CLIENT_ID/KEY_ID
	KindCommand Kind = "cli" // somebody at the command line of a host that has the database and the master key
)

// Actor is who acts.
type Actor struct {
	Kind  Kind
	ID    string // a person's or a client's id, or the account at the command line
	Holds Set
	// ByHand: they change one thing after the other, and are told where files keep it: what they did would be undone by the next apply.
	ByHand bool
}

// Errors callers branch on with errors.Is.
var (
	// ErrRefused: the actor lacks a permission; errors.AsType[*Refused] tells which.
	ErrRefused = errors.New("permission missing")
	// ErrNotFound: there is no such thing.
	ErrNotFound = errors.New("not found")
	// ErrChanged: it is not any more what the caller says it is (a condition on its tag), or others change it at the same time.
	ErrChanged = errors.New("changed meanwhile")
	// ErrConflict: it cannot be done as things are: the name is taken, the last administrator would go, it is declared in the configuration.
	ErrConflict = errors.New("not possible as things are")
	// ErrInvalid: what was sent is wrong; errors.AsType[*Invalid] tells what.
	ErrInvalid = errors.New("invalid")
)

// Refused says which permissions are missing. It is ErrRefused.
type Refused struct {
	Act     string
	Missing []Permission
	// Over is set where the actor may act, but not on this target: it holds these permissions and the actor does not.
	Over bool
	// UserID or ClientID is that target, if it is a person or an app.
	UserID, ClientID string
}

// Error is for the log and for callers who are authenticated.
func (r *Refused) Error() string {
	names := make([]string, len(r.Missing))
	for i, p := range r.Missing {
		names[i] = string(p)
	}
	if r.Over {
		return "this reaches permissions that you do not have: " + strings.Join(names, ", ")
	}
	return "this needs the permission " + strings.Join(names, ", ")
}

// Is makes it ErrRefused.
func (r *Refused) Is(target error) bool { return target == ErrRefused }

// Invalid is what is wrong with what was sent, field by field. It is ErrInvalid.
type Invalid struct{ Fields []Field }

// Field is one mistake: where, and what. It never holds the value.
type Field struct{ Name, Text string }

// Error joins them.
func (i *Invalid) Error() string {
	texts := make([]string, len(i.Fields))
	for n, f := range i.Fields {
		if texts[n] = f.Text; f.Name != "" { // of the whole
			texts[n] = f.Name + ": " + f.Text
		}
	}
	return strings.Join(texts, "; ")
}

// Is makes it ErrInvalid.
func (i *Invalid) Is(target error) bool { return target == ErrInvalid }

func invalid(field, text string) error { return &Invalid{Fields: []Field{{field, text}}} }

// may begins an act: the context's events are the actor's from here on. A refusal is recorded.
func (s *Service) may(ctx context.Context, a Actor, act string) (context.Context, error) {
	origin := audit.OriginOf(ctx)
	origin.Actor, origin.Kind = a.ID, string(a.Kind)
	ctx = audit.WithOrigin(ctx, origin)
	needs, known := demands[act]
	if known && needs != "" && a.Holds[needs] {
		return ctx, nil
	}
	return ctx, s.refuse(ctx, &Refused{Act: act, Missing: []Permission{needs}})
}

// repeats remembers what was written down of late.
type repeats struct {
	every time.Duration // the same thing is written down once in it
	mu    sync.Mutex
	told  map[string]time.Time
}

const (
	refusalOnce = time.Minute // the same refusal of the same actor is written down once in it
	exportOnce  = time.Hour   // … and that the same actor reads events in bulk
	readOnce    = time.Hour   // … and that the same administrator looks at the same person
	mostRepeats = 4096
)

// first reports whether something is to be written down: whoever asks again and again for what they may not do, fills no log.
func (r *repeats) first(what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if at, told := r.told[what]; told && now.Sub(at) < r.every {
		return false
	}
	if r.told == nil || len(r.told) >= mostRepeats {
		r.told = map[string]time.Time{}
	}
	r.told[what] = now
	return true
}

// looked writes down that an administrator looked at one person, but not at themselves. Lists are not, nor what programs read: that they do
// is in what they were given.
func (s *Service) looked(ctx context.Context, a Actor, userID string) error {
	if a.Kind != KindPerson || a.ID == userID || userID == "" || !s.read.first(a.ID+" "+userID) {
		return nil
	}
	if err := s.o.Audit.Record(ctx, audit.Event{Name: audit.UserRead, UserID: userID}); err != nil {
		return fmt.Errorf("look at a person: %w", err)
	}
	return nil
}

// refuse writes down that an act was refused, outside the transaction that goes.
func (s *Service) refuse(ctx context.Context, no *Refused) error {
	from := audit.OriginOf(ctx)
	if !s.refused.first(strings.Join([]string{from.Kind, from.Actor, no.Act, no.UserID, no.ClientID, no.Error()}, " ")) {
		return no
	}
	detail := map[string]any{"act": no.Act, "missing": no.Missing}
	if err := s.o.Audit.Record(ctx,
		audit.Event{Name: audit.AdminRefused, UserID: no.UserID, ClientID: no.ClientID, Detail: detail}); err != nil {
		return fmt.Errorf("%w: %w", no, err)
	}
	return no
}

// act runs one that changes something in a transaction; what is refused inside it is recorded after it is undone.
func (s *Service) act(ctx context.Context, a Actor, name string, do func(ctx context.Context) error) error {
	ctx, err := s.may(ctx, a, name)
	if err != nil {
		return err
	}
	err = s.o.Stores.Acts.Tx(ctx, do)
	if no, ok := errors.AsType[*Refused](err); ok {
		no.Act = name
		return s.refuse(ctx, no)
	}
	return translate(err)
}
