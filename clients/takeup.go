package clients

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"signet/storage"
)

const (
	mostChanges = 1000             // taken up in one statement
	manyChanges = 20_000           // after so many the clients are read anew
	ownDoubt    = 10 * time.Second // longer than any transaction
	loadPage    = 1000             // clients in one statement
)

// Refresh takes up what was written since the versions it was called with last; the wiring calls it each second. It costs one statement
// for all clients that changed, however many there are.
func (r *Registry) Refresh(ctx context.Context, v storage.Versions) error {
	before := r.versions.Load()
	if before == nil || r.o.Changes == nil && before.Clients != v.Clients {
		return r.reload(ctx, &v)
	}
	if before.Resources != v.Resources {
		if err := r.loadResources(ctx); err != nil {
			return err
		}
	}
	if before.Clients != v.Clients {
		whole, err := r.takeUp(ctx, before.Clients, v.Clients)
		if err != nil {
			return err
		}
		if !whole {
			return r.reload(ctx, &v)
		}
	}
	if err := r.takeUpOwn(ctx); err != nil {
		return err
	}
	r.versions.Store(&v)
	return nil
}

// takeUp reads what changed between two versions. It reports whether every one of them was noted: a release that notes nothing may be
// running beside this one.
func (r *Registry) takeUp(ctx context.Context, after, to int64) (whole bool, err error) {
	if to < after || to-after > manyChanges {
		return false, nil
	}
	next, whole := after+1, true
	for next <= to && whole {
		n := 0
		err := r.o.Changes.ClientChanges(ctx, next-1, mostChanges, func(version int64, c storage.Client, deleted bool) error {
			n++
			whole = whole && (version == next || next > to) // what was written since is taken up as well, and again
			next = version + 1
			return r.changed(c, deleted)
		})
		if err != nil {
			return false, fmt.Errorf("read changes of clients: %w", err)
		}
		if n < mostChanges {
			break
		}
	}
	return whole && next > to, nil
}

// changed takes up one client as it is now.
func (r *Registry) changed(row storage.Client, deleted bool) error {
	if r.declared[row.ID] != nil {
		return nil
	}
	e := entry{}
	if !deleted {
		var err error
		if e, err = entryOf(row); err != nil {
			return err
		}
	}
	r.index.Load().put(row.ID, e)
	r.view.Load().forget(row.ID)
	return nil
}

// written are the clients that this process wrote lately. What was taken up of them may have been read in a transaction that was never
// committed, so they are read again until no such transaction can run any more.
type written struct {
	mu    sync.Mutex
	until map[string]time.Time
}

// wroteResource takes up resources that the caller has just written.
func (r *Registry) wroteResource(ctx context.Context) error {
	r.own.add(ofResources)
	return r.loadResources(ctx)
}

// ofResources is among written for the resources; no client has such an id.
const ofResources = ""

func (w *written) add(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.until == nil {
		w.until = map[string]time.Time{}
	}
	if len(w.until) >= mostChanges { // nobody calls Refresh: a command that imports
		maps.DeleteFunc(w.until, func(_ string, until time.Time) bool { return now.After(until) })
	}
	w.until[id] = now.Add(ownDoubt)
}

// wrote takes up a client that the caller has just written.
func (r *Registry) wrote(ctx context.Context, id string) error {
	r.own.add(id)
	return r.readAgain(ctx, id)
}

func (r *Registry) readAgain(ctx context.Context, id string) error {
	if id == ofResources {
		return r.loadResources(ctx)
	}
	row, _, err := r.o.Store.ClientByID(ctx, id)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("read client %q: %w", id, err)
	}
	row.ID = id
	return r.changed(row, err != nil)
}

func (r *Registry) takeUpOwn(ctx context.Context) error {
	r.own.mu.Lock()
	own := maps.Clone(r.own.until)
	r.own.mu.Unlock()
	now := time.Now()
	for _, id := range slices.Sorted(maps.Keys(own)) {
		if err := r.readAgain(ctx, id); err != nil {
			return err
		}
		if now.After(own[id]) {
			r.own.mu.Lock()
			if r.own.until[id].Equal(own[id]) {
				delete(r.own.until, id)
			}
			r.own.mu.Unlock()
		}
	}
	return nil
}

// reload reads all: at the start, and where it is not known what changed. v are the versions as they were before; nil if unknown.
func (r *Registry) reload(ctx context.Context, v *storage.Versions) error {
	r.view.Store(newView())
	r.versions.Store(nil)
	if err := r.loadResources(ctx); err != nil {
		return err
	}
	x := newIndex()
	for after := ""; ; {
		rows, err := r.o.Store.Clients(ctx, after, loadPage)
		if err != nil {
			return fmt.Errorf("list clients: %w", err)
		}
		for _, row := range rows {
			after = row.ID
			e, err := entryOf(row)
			if err != nil {
				return err
			}
			x.put(row.ID, e)
		}
		if len(rows) < loadPage {
			break
		}
	}
	x.withDeclared(r.declared)
	r.index.Store(x)
	r.view.Store(newView()) // what was read meanwhile may be older than v
	r.versions.Store(v)
	return nil
}

// Exchanging reports whether an enabled client exchanges tokens (RFC 8693).
func (r *Registry) Exchanging() bool { return r.index.Load().exchanging() }

// LogoIn is what the client's logo in a language goes by among LogoURIs: no client id has a blank.
func (m Metadata) LogoIn(tag string) string { return m.ClientID + " " + tag }

// LogoURIs lists the addresses of the clients' logos by client id, and those in languages by Metadata.LogoIn.
func (r *Registry) LogoURIs() map[string]string { return r.index.Load().logos() }

var viewSeed = maphash.MakeSeed()

func (v *view) slot(id string) *uint64 {
	return &v.changes[maphash.String(viewSeed, id)%uint64(len(v.changes))]
}

// changed counts the changes of a client, and of some others.
func (v *view) changed(id string) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return *v.slot(id)
}

// keep keeps what was read of a client, unless it has changed since the count was before.
func (v *view) keep(id string, before uint64, c *Client, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case *v.slot(id) != before:
	case err == nil:
		v.known.Add(id, c)
	case errors.Is(err, ErrUnknown):
		v.unknown.Add(id, struct{}{})
	}
}

// forget drops a client that has changed.
func (v *view) forget(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	*v.slot(id)++
	v.known.Remove(id)
	v.unknown.Remove(id)
	v.flight.Forget(id)
}
