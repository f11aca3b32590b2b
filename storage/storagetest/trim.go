package storagetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"signet/storage"
)

// grantsOf inserts n live grants of a person at an app, used one second after the other.
func grantsOf(t *testing.T, db *storage.DB, user, client string, n int) {
	t.Helper()
	for i := range n {
		g := grantOf(fmt.Sprintf("%s-%s-%d", user, client, i))
		g.UserID, g.ClientID = user, client
		g.ExpiresAt, g.LastUsedAt = now.Add(time.Hour), now.Add(time.Duration(i)*time.Second)
		ok(t, db.InsertGrant(t.Context(), g))
	}
}

// crowded walks over all pairs in slices of a size.
func crowded(t *testing.T, db *storage.DB, size, keep int) (all []storage.GrantPair) {
	t.Helper()
	after := storage.GrantPair{}
	for range 100 {
		list, next, err := db.CrowdedPairs(t.Context(), after, size, keep)
		ok(t, err)
		for _, p := range slices.SortedFunc(maps.Keys(list),
			func(a, b storage.GrantPair) int { return cmp.Compare(a.UserID+a.ClientID, b.UserID+b.ClientID) }) {
			all = append(all, p)
			if list[p] <= keep {
				t.Errorf("%v is not crowded with %d", p, list[p])
			}
		}
		if next == (storage.GrantPair{}) {
			return all
		}
		after = next
	}
	t.Fatalf("the walk in slices of %d does not end", size)
	return nil
}

func trimming(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	if got := crowded(t, db, 3, 4); got != nil {
		t.Fatalf("crowded in an empty table: %v", got)
	}
	grantsOf(t, db, "ada", "notes", 3)
	grantsOf(t, db, "ada", "shop", 6)
	grantsOf(t, db, "bob", "shop", 4)
	grantsOf(t, db, "eve", "app", 1)
	grantsOf(t, db, "eve", "shop", 5)
	want := []storage.GrantPair{{UserID: "ada", ClientID: "shop"}, {UserID: "eve", ClientID: "shop"}}
	for _, size := range []int{1, 2, 3, 6, 7, 19, 20, 500} {
		if got := crowded(t, db, size, 4); !slices.Equal(got, want) {
			t.Errorf("in slices of %d: got %v, want %v", size, got, want)
		}
	}
	if n, err := db.TrimPair(ctx, want[0], 4, now); err != nil || n != 2 {
		t.Fatalf("trimmed %d, %v; want 2", n, err)
	}
	for id, revoked := range map[string]bool{
		"ada-shop-0": true, "ada-shop-1": true, "ada-shop-2": false, "ada-shop-5": false, "ada-notes-0": false, "eve-shop-0": false,
	} {
		s, err := db.GrantStateByID(ctx, id)
		if err != nil || s.RevokedAt.IsZero() == revoked {
			t.Errorf("%s: revoked %v, %v; want %v", id, s.RevokedAt, err, revoked)
		}
	}
	if n, err := db.TrimPair(ctx, want[0], 4, now); err != nil || n != 0 {
		t.Fatalf("trimmed %d more, %v", n, err)
	}
}
