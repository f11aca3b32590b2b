package storagetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/expired"
)

// placed inserts a grant with a place in the status lists.
func placed(t *testing.T, db *storage.DB, id, user, client string, index int64) {
	t.Helper()
	g := grantOf(id)
	g.UserID, g.ClientID, g.StatusIndex = user, client, index
	ok(t, db.InsertGrant(t.Context(), g))
}

// endedPlaces are those that ended since.
func endedPlaces(t *testing.T, db *storage.DB, since time.Time) []int64 {
	t.Helper()
	found := map[int64]bool{}
	ok(t, db.EndedStatus(t.Context(), since, func(index int64, at time.Time) {
		if !at.After(since) {
			t.Errorf("%d ended at %s, before %s", index, at, since)
		}
		found[index] = true
	}))
	return slices.Sorted(maps.Keys(found))
}

func status(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	if first, err := db.ReserveStatus(ctx, 1024); first != 1 || err != nil {
		t.Fatalf("the first place is %d, %v", first, err)
	}
	if first, err := db.ReserveStatus(ctx, 10); first != 1025 || err != nil {
		t.Fatalf("the next place is %d, %v", first, err)
	}
	if last, err := db.LastStatus(ctx); last != 1034 || err != nil {
		t.Fatalf("the last place is %d, %v", last, err)
	}
	ok(t, db.InsertUser(ctx, storage.User{ID: "bob", EmailKey: "bob@example.com", CreatedAt: now, UpdatedAt: now}))
	placed(t, db, "one", "ada", "shop", 5)
	placed(t, db, "two", "ada", "notes", 6)
	placed(t, db, "three", "bob", "shop", 7)
	placed(t, db, "old", "ada", "shop", 0)
	if s, err := db.GrantStateByID(ctx, "two"); s.StatusIndex != 6 || err != nil {
		t.Fatalf("the place of a grant is %d, %v", s.StatusIndex, err)
	}
	for _, id := range []string{"one", "old"} {
		if _, err := db.RevokeGrant(ctx, id, "test", now); err != nil {
			t.Fatal(err)
		}
	}
	same(t, endedPlaces(t, db, now.Add(-time.Second)), []int64{5})
	same(t, endedPlaces(t, db, now), []int64(nil))

	place := func(context.Context) (int64, error) { return 100, nil }
	for range 2 { // the second time it is the same
		if index, err := db.ClientStatus(ctx, "shop", place); index != 100 || err != nil {
			t.Fatalf("the place of a client is %d, %v", index, err)
		}
		place = func(context.Context) (int64, error) { return 0, errors.New("a second place for a client") }
	}
	disabledPlaces(t, db)
	// what is deleted leaves its place behind
	if _, err := db.ClearUser(ctx, "bob", now); err != nil {
		t.Fatal(err)
	}
	ok(t, db.EraseUser(ctx, "bob"))
	ok(t, db.DeleteClient(ctx, "shop", now.Add(time.Hour)))
	if got := endedPlaces(t, db, now.Add(-time.Second)); !slices.Equal(got, []int64{5, 7, 100}) {
		t.Errorf("ended: %v, want 5, 7 and 100", got)
	}
	if n, err := db.DeleteExpired(ctx, expired.Status, now.Add(24*365*100*time.Hour), 10); n != 2 || err != nil {
		t.Errorf("%d places deleted, %v; want 2", n, err)
	}
}

// disabledPlaces: the clients that are disabled, and the places of their grants.
func disabledPlaces(t *testing.T, db *storage.DB) {
	t.Helper()
	ctx := t.Context()
	ok(t, db.InsertClient(ctx, storage.Client{ID: "shop", CreatedAt: now, UpdatedAt: now}))
	ok(t, db.InsertClient(ctx, storage.Client{ID: "notes", CreatedAt: now, UpdatedAt: now}))
	for id, want := range map[string]int64{"shop": 100, "notes": 0} {
		ok(t, db.SetClientDisabled(ctx, id, now, now))
		found := map[string]int64{}
		ok(t, db.DisabledClients(ctx, now.Add(-time.Second), func(id string, at time.Time, index int64) {
			if found[id] = index; !at.Equal(now) {
				t.Errorf("%s disabled at %s", id, at)
			}
		}))
		if !maps.Equal(found, map[string]int64{id: want}) {
			t.Errorf("disabled: %v, want %s at %d", found, id, want)
		}
		ok(t, db.SetClientDisabled(ctx, id, time.Time{}, now))
	}
	var list []int64
	ok(t, db.GrantStatusOfClient(ctx, "shop", func(index int64) { list = append(list, index) }))
	same(t, list, []int64{7}) // one is revoked, one has no place
}

// raceStatus: replicas that reserve at once get places of their own, and agree about that of a client.
func raceStatus(t *testing.T, db *storage.DB) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen, clients := map[int64]int{}, map[int64]int{}
	for range 8 {
		wg.Go(func() {
			first, err := db.ReserveStatus(t.Context(), 10)
			index, err2 := db.ClientStatus(t.Context(), "shop", func(context.Context) (int64, error) { return first, nil })
			if err = errors.Join(err, err2); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			seen[first]++
			clients[index]++
		})
	}
	wg.Wait()
	if len(seen) != 8 || len(clients) != 1 {
		t.Errorf("first places %v, places of the client %v", seen, clients)
	}
}
