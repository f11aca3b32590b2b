// Package trace keeps why requests were refused, so that whoever has the reference of one can be told what was checked in which order, what
// failed and how to fix it. A reference is what an error page and the log show. Nothing that the log may not have is kept: no token, code,
// password or query string. Begin reading with Recorder and Explain.
package trace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"signet/storage"
)

// Trace is one refused request.
type Trace struct {
	Reference   string    `json:"reference"`
	At          time.Time `json:"at"`
	Route       string    `json:"route" doc:"Method and path, like POST /oauth2/token."`
	Status      int       `json:"status" doc:"Of HTTP; 302 where the error went to the app by a redirect."`
	Code        string    `json:"code" doc:"The error code of the protocol, or the kind of the error page."`
	Description string    `json:"description,omitempty" doc:"What the caller was told."`
	Error       string    `json:"error,omitempty" doc:"What the log says."`
	ClientID    string    `json:"client_id,omitempty"`
	UserID      string    `json:"user_id,omitempty"`
	Network     string    `json:"network,omitempty"`
	Facts       []Fact    `json:"facts,omitempty"`
}

// Fact is something that the request said or that was found, as in the log.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (t Trace) fact(name string) string {
	for _, f := range t.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// The bounds: a flood of bad requests must not become a load of writes, nor push out what is of use.
const (
	remembered = 2000 // refusals that a process has in memory
	longest    = 1024 // bytes of an error
	aSecond    = 10   // rows that a process writes, one for a client and one for a network
)

// Store keeps traces where every replica and the command line find them.
type Store interface {
	PutTrace(ctx context.Context, reference, clientID string, expires time.Time, data []byte) error
	LastTrace(ctx context.Context, clientID string) (data []byte, err error)
	KeptTrace(ctx context.Context, reference string) (data []byte, err error)
}

// Options of New. Store is required.
type Options struct {
	Store Store
	// Known reports whether there is a client of the id, without asking anybody for it: of others no row is written. Nil knows none.
	Known func(clientID string) bool
	Keep  time.Duration // how long rows stay; 0 writes none
}

// Recorder keeps refusals. It is safe for concurrent use; nil records nothing.
type Recorder struct {
	o Options

	mu      sync.Mutex
	ring    []Trace
	next    int
	places  map[string]int // of references in the ring
	second  int64          // that the shares below are of
	shares  map[string]bool
	rows    int
	pending []Trace // to be written by Flush
}

// New makes one.
func New(o Options) *Recorder {
	return &Recorder{o: o, places: map[string]int{}, shares: map[string]bool{}}
}

// Record keeps a refusal in memory, and writes it later where it is about a client or a person that there is, within the bounds. It does
// not wait for anything. What was refused because of a limit (429) is not kept: there may be any number of these.
func (r *Recorder) Record(t Trace) {
	if r == nil || t.Reference == "" || t.Status == 429 {
		return
	}
	if len(t.Error) > longest {
		t.Error = strings.ToValidUTF8(t.Error[:longest], "") + "..."
	}
	known := t.UserID != "" || t.ClientID != "" && r.o.Known != nil && r.o.Known(t.ClientID)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < remembered {
		r.ring = append(r.ring, t)
		r.places[t.Reference] = len(r.ring) - 1
	} else {
		delete(r.places, r.ring[r.next].Reference)
		r.ring[r.next] = t
		r.places[t.Reference] = r.next
		r.next = (r.next + 1) % remembered
	}
	if known && r.o.Keep > 0 && r.share(t) {
		r.pending = append(r.pending, t)
	}
}

// share takes one of the rows of this second.
func (r *Recorder) share(t Trace) bool {
	if now := t.At.Unix(); now != r.second {
		r.second, r.rows = now, 0
		clear(r.shares)
	}
	whose, where := "person "+t.UserID, "network "+t.Network
	if t.ClientID != "" {
		whose = "client " + t.ClientID
	}
	if r.rows >= aSecond || len(r.pending) >= remembered || r.shares[whose] || r.shares[where] {
		return false
	}
	r.rows++
	r.shares[whose], r.shares[where] = true, true
	return true
}

// Flush writes what waits. What cannot be written is lost, and remains in memory.
func (r *Recorder) Flush(ctx context.Context) error {
	r.mu.Lock()
	list := r.pending
	r.pending = nil
	r.mu.Unlock()
	for _, t := range list {
		data, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("trace %s: %w", t.Reference, err)
		}
		if err := r.o.Store.PutTrace(ctx, t.Reference, t.ClientID, t.At.Add(r.o.Keep), data); err != nil {
			return fmt.Errorf("trace %s: %w", t.Reference, err)
		}
	}
	return nil
}

// Find looks a refusal up by its reference, in any case, with or without dashes; storage.ErrNotFound.
func (r *Recorder) Find(ctx context.Context, reference string) (Trace, error) {
	reference = Spelled(reference)
	r.mu.Lock()
	if i, ok := r.places[reference]; ok {
		t := r.ring[i]
		r.mu.Unlock()
		return t, nil
	}
	r.mu.Unlock()
	if reference == "" {
		return Trace{}, storage.ErrNotFound
	}
	data, err := r.o.Store.KeptTrace(ctx, reference)
	if err != nil {
		return Trace{}, err
	}
	return read(data)
}

func read(data []byte) (t Trace, err error) {
	if err := json.Unmarshal(data, &t); err != nil {
		return Trace{}, fmt.Errorf("read trace: %w", err)
	}
	return t, nil
}

// Last is the last refused request of a client, here or at another replica; storage.ErrNotFound.
func (r *Recorder) Last(ctx context.Context, clientID string) (last Trace, err error) {
	r.mu.Lock()
	for _, t := range r.ring {
		if t.ClientID == clientID && t.At.After(last.At) {
			last = t
		}
	}
	r.mu.Unlock()
	data, err := r.o.Store.LastTrace(ctx, clientID)
	if err == nil {
		kept, err := read(data)
		if err != nil {
			return last, err
		}
		if kept.At.After(last.At) {
			last = kept
		}
		return last, nil
	}
	if errors.Is(err, storage.ErrNotFound) && !last.At.IsZero() {
		return last, nil
	}
	return last, err
}

// Spelled is a reference as error pages show it, from what somebody typed; "" = it is none.
func Spelled(typed string) string {
	var b strings.Builder
	for _, c := range strings.ToUpper(typed) {
		switch {
		case c == '-' || c == ' ':
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z':
			if n := b.Len(); n == 4 || n == 9 {
				b.WriteByte('-')
			}
			b.WriteRune(c)
		default:
			return ""
		}
	}
	if b.Len() != len("7F3K-92QD-MX") {
		return ""
	}
	return b.String()
}
