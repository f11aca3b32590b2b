package audit

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"signet/storage"
)

// Origin is where an act came from.
type Origin struct {
	Address   string // the address itself; sessions show it to their person, events never hold it
	Network   string // its prefix, /24 or /56
	Agent     string // user agent as sent
	RequestID string
	Actor     string // who acts if it is not the person concerned: an administrator's id, a client's, "cli", "system"
	Kind      string // what Actor is: "person", "client", "cli"; "" = the person concerned, or the system
	// KnownBrowser is the id under which the browser is known to somebody's account, "" = unknown. Set where limits of a network must not
	// turn such a one away (rule V06); events never hold it.
	KnownBrowser string
}

// Host is whom what a network has is counted by: the address, an IPv6 client having a whole /64. Events never hold it.
func (o Origin) Host() string {
	addr, err := netip.ParseAddr(o.Address)
	if err != nil {
		return o.Network
	}
	if addr.Is6() && !addr.Is4In6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

// OriginKey is the context key under which the origin travels: an Origin, or an OriginSource.
type OriginKey struct{}

// OriginSource makes the origin when it is asked for: most requests write no event (server/web).
type OriginSource interface{ Origin() Origin }

// WithOrigin returns a context whose events come from o. The web middleware calls it for each request, commands for
// themselves.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, OriginKey{}, o)
}

// OriginOf returns the origin of ctx; zero if there is none.
func OriginOf(ctx context.Context) Origin {
	switch o := ctx.Value(OriginKey{}).(type) {
	case Origin:
		return o
	case OriginSource:
		return o.Origin()
	}
	return Origin{}
}

// Event is one security fact.
type Event struct {
	Name      Name
	Outcome   Outcome // "" = what the name implies
	ActorID   string  // "" = the origin's actor, else the person concerned
	UserID    string  // whom it concerns
	ClientID  string
	SessionID string
	GrantID   string
	Detail    any // marshalled to JSON; never holds a secret
}

// Store is the part of *storage.DB that the log uses.
type Store interface {
	InsertEvent(ctx context.Context, e storage.Event) error
}

// Log writes events.
type Log struct {
	store Store
	ahead atomic.Int64 // of this machine's clock
}

// New returns a log over the store.
func New(store Store) *Log { return &Log{store: store} }

// agree is how little clocks may differ to be left alone, so that the events of one replica stay in order.
const agree = 2 * time.Second

// Correct says how far the database's clock is ahead of this machine's. Whoever follows the log or seals it goes by the time of the events
// of all replicas: those of one whose clock is behind would come after they had passed.
func (l *Log) Correct(ahead time.Duration) {
	if ahead.Abs() <= agree {
		ahead = 0
	}
	l.ahead.Store(int64(ahead))
}

// Now is the time by which the log goes.
func (l *Log) Now() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) }

// Record writes e, in the transaction of ctx if there is one.
func (l *Log) Record(ctx context.Context, e Event) error {
	o := OriginOf(ctx)
	now := l.Now()
	row := storage.Event{
		ID:        newID(now),
		At:        now,
		Name:      string(e.Name),
		Outcome:   string(e.outcome()),
		ActorID:   cmp.Or(e.ActorID, o.Actor, e.UserID),
		ActorKind: o.Kind,
		UserID:    e.UserID,
		ClientID:  e.ClientID,
		SessionID: e.SessionID,
		GrantID:   e.GrantID,
		Network:   o.Network,
		Agent:     Cut(o.Agent),
		RequestID: o.RequestID,
	}
	if e.Detail != nil {
		detail, err := json.Marshal(e.Detail)
		if err != nil {
			return fmt.Errorf("write audit event %s: %w", e.Name, err)
		}
		row.Detail = detail
	}
	if err := l.store.InsertEvent(ctx, row); err != nil {
		return fmt.Errorf("write audit event %s: %w", e.Name, err)
	}
	return nil
}

func (e Event) outcome() Outcome {
	switch {
	case e.Outcome != "":
		return e.Outcome
	case failures[e.Name]:
		return Failure
	}
	return Success
}

// newID returns an id that sorts by time; the random end keeps two events of one microsecond apart.
func newID(now time.Time) string {
	return fmt.Sprintf("%016x%s", now.UnixMicro(), rand.Text()[:10])
}

// maxAgent is how much of a user agent is kept, in bytes.
const maxAgent = 256

// Cut makes outside text fit to be kept: at most 256 bytes, valid UTF-8, without control characters.
func Cut(s string) string {
	if len(s) > 4*maxAgent {
		s = s[:4*maxAgent]
	}
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) <= maxAgent {
		return s
	}
	return strings.ToValidUTF8(s[:maxAgent], "")
}
