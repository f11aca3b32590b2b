package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/storage"
)

// An update of a record is read, changed by the caller, and written. When two do so at once the second to write must not undo what the
// first wrote: the write names what was read and fails with ErrStale if that is not there any more (rule A19).

// record is one that is read, changed and written.
type record struct {
	read  func(ctx context.Context) (any, error)
	write func(ctx context.Context, old any, mark string) error // adds the mark to what was read
	marks func(t *testing.T) []string                           // now
}

// records are all that are updated so.
func records(db *storage.DB) map[string]record {
	return map[string]record{
		"client": {
			read: func(ctx context.Context) (any, error) { c, _, err := db.ClientByID(ctx, "shop"); return c, err },
			write: func(ctx context.Context, old any, mark string) error {
				c := old.(storage.Client)
				return db.UpdateClient(ctx, "shop", c.Metadata, withMark(c.Metadata, mark), now)
			},
			marks: func(t *testing.T) []string {
				c, _, err := db.ClientByID(t.Context(), "shop")
				ok(t, err)
				return marksOf(c.Metadata)
			},
		},
		"resource": {
			read: func(ctx context.Context) (any, error) { return resourceNow(ctx, db) },
			write: func(ctx context.Context, old any, mark string) error {
				before := old.(storage.Resource)
				after := before
				after.Scopes = append(slices.Clone(before.Scopes), mark)
				return db.UpdateResource(ctx, before, after)
			},
			marks: func(t *testing.T) []string {
				r, err := resourceNow(t.Context(), db)
				ok(t, err)
				return r.Scopes
			},
		},
		"profile": {
			read: func(ctx context.Context) (any, error) { return db.UserByID(ctx, "ada") },
			write: func(ctx context.Context, old any, mark string) error {
				before := old.(storage.User)
				after := before
				after.Profile = withMark(before.Profile, mark)
				return db.UpdateUser(ctx, before, after)
			},
			marks: func(t *testing.T) []string {
				u, err := db.UserByID(t.Context(), "ada")
				ok(t, err)
				return marksOf(u.Profile)
			},
		},
		"address": {
			read: func(ctx context.Context) (any, error) { return db.UserByID(ctx, "ada") },
			write: func(ctx context.Context, old any, mark string) error {
				before := old.(storage.User)
				after := before
				after.EmailKey += "." + mark
				return db.UpdateUserEmail(ctx, before, after)
			},
			marks: func(t *testing.T) []string {
				u, err := db.UserByID(t.Context(), "ada")
				ok(t, err)
				return strings.Split(u.EmailKey, ".")
			},
		},
	}
}

func raceUpdates(t *testing.T, db *storage.DB) { // rule A19
	ada(t, db)
	ok(t, db.InsertClient(t.Context(), storage.Client{ID: "shop", CreatedAt: now, UpdatedAt: now}))
	ok(t, db.InsertResource(t.Context(), storage.Resource{Identifier: "https://api.example.com", CreatedAt: now}))
	for name, r := range records(db) {
		// Read by two, written by both: the second is told.
		first, err := r.read(t.Context())
		ok(t, err)
		ok(t, r.write(t.Context(), first, "x"))
		if err := r.write(t.Context(), first, "y"); !errors.Is(err, storage.ErrStale) {
			t.Errorf("%s: written over what was not read: %v, want ErrStale", name, err)
		}
		const n = 12
		raceRecord(t, db, r, n)
		marks := r.marks(t)
		for i := range n {
			if !slices.Contains(marks, fmt.Sprintf("m%d", i)) {
				t.Errorf("%s: the write of m%d was lost: %v", name, i, marks)
			}
		}
	}
}

// raceRecord has n goroutines add a mark each, half of them inside a transaction, and try again when they were not the first.
func raceRecord(t *testing.T, db *storage.DB, r record, n int) {
	t.Helper()
	ctx := ctxOf(t)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			add := func(ctx context.Context) error {
				old, err := r.read(ctx)
				if err != nil {
					return err
				}
				return r.write(ctx, old, fmt.Sprintf("m%d", i))
			}
			for {
				err := error(nil)
				if i%2 == 0 {
					err = add(ctx)
				} else {
					err = db.Tx(ctx, add)
				}
				if !errors.Is(err, storage.ErrStale) {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	wg.Wait()
}

// raceDisabling: a client that is disabled while it is renamed is disabled.
func raceDisabling(t *testing.T, db *storage.DB) { // rule A19
	ok(t, db.InsertClient(t.Context(), storage.Client{ID: "shop", CreatedAt: now, UpdatedAt: now}))
	read, _, err := db.ClientByID(t.Context(), "shop")
	ok(t, err)
	ok(t, db.SetClientDisabled(t.Context(), "shop", now, now))
	ok(t, db.UpdateClient(t.Context(), "shop", read.Metadata, withMark(read.Metadata, "renamed"), now)) // read before it was disabled
	c, _, err := db.ClientByID(t.Context(), "shop")
	ok(t, err)
	if c.DisabledAt.IsZero() || !slices.Contains(marksOf(c.Metadata), "renamed") {
		t.Fatalf("disabled at %v with %s, want both writes to hold", c.DisabledAt, c.Metadata)
	}
	ok(t, db.SetClientDisabled(t.Context(), "shop", time.Time{}, now))
	var wg sync.WaitGroup
	ctx := ctxOf(t)
	wg.Go(func() { raceRecord(t, db, records(db)["client"], 8) })
	wg.Go(func() {
		if err := db.SetClientDisabled(ctx, "shop", now, now); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if c, _, err = db.ClientByID(t.Context(), "shop"); err != nil || c.DisabledAt.IsZero() {
		t.Fatalf("disabled at %v, %v; want disabled", c.DisabledAt, err)
	}
}

// raceMembers: members and holders are a row each, so that nobody who is added at the same time is lost.
func raceMembers(t *testing.T, db *storage.DB) { // rule A19
	ok(t, db.InsertGroup(t.Context(), storage.Group{Name: "staff", CreatedAt: now}))
	ok(t, db.InsertRole(t.Context(), storage.Group{Name: "admin", CreatedAt: now}))
	const n = 10
	for i := range n {
		id := fmt.Sprintf("u%d", i)
		ok(t, db.InsertUser(t.Context(), storage.User{ID: id, EmailKey: id, CreatedAt: now, UpdatedAt: now}))
	}
	raced(t, n, errLost, func(ctx context.Context, i int) error {
		id := fmt.Sprintf("u%d", i)
		if _, err := db.AddMember(ctx, "staff", id, now); err != nil {
			return err
		}
		if err := db.DescribeGroup(ctx, "staff", id); err != nil {
			return err
		}
		_, err := db.GiveRole(ctx, "admin", storage.HolderUser, id, now)
		return err
	})
	members, err := db.Members(t.Context(), "staff", "", 99)
	ok(t, err)
	holders, err := db.RoleHolders(t.Context(), "admin", storage.HolderUser, "", 99)
	ok(t, err)
	if len(members) != n || len(holders) != n {
		t.Fatalf("%d members and %d holders, want %d of each", len(members), len(holders), n)
	}
}

func resourceNow(ctx context.Context, db *storage.DB) (storage.Resource, error) {
	list, err := db.Resources(ctx)
	if err != nil || len(list) != 1 {
		return storage.Resource{}, fmt.Errorf("%d resources, %w", len(list), err)
	}
	return list[0], nil
}

// withMark adds a name to a JSON object.
func withMark(text json.RawMessage, mark string) json.RawMessage {
	marks := map[string]bool{}
	_ = json.Unmarshal(text, &marks) // what is no such object has no marks
	marks[mark] = true
	text, _ = json.Marshal(marks) // of strings never fails
	return text
}

func marksOf(text json.RawMessage) (names []string) {
	marks := map[string]bool{}
	_ = json.Unmarshal(text, &marks)
	for name := range marks {
		names = append(names, name)
	}
	return names
}
