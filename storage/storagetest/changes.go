package storagetest

import (
	"encoding/json"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/expired"
)

// clientChanges: every write of a client or its secrets is noted under the version that it makes (rule E11).
func clientChanges(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	before, err := db.Versions(ctx)
	ok(t, err)
	ok(t, db.InsertClient(ctx, storage.Client{ID: "a", Metadata: json.RawMessage(`{"n":1}`), CreatedAt: now, UpdatedAt: now}))
	ok(t, db.InsertClient(ctx, storage.Client{ID: "b", CreatedAt: now, UpdatedAt: now}))
	ok(t, db.InsertClientSecret(ctx, storage.ClientSecret{ID: "k", ClientID: "a", MAC: "m", CreatedAt: now}, now))
	ok(t, db.UpdateClient(ctx, "a", json.RawMessage(`{"n":1}`), json.RawMessage(`{"n":2}`), now))
	ok(t, db.SetClientDisabled(ctx, "a", now, now))
	ok(t, db.DeleteClient(ctx, "b", now))
	ok(t, db.InsertClientSecret(ctx, storage.ClientSecret{ID: "l", ClientID: "a", MAC: "m", CreatedAt: now}, now.Add(time.Hour)))
	ok(t, db.RemoveClientSecret(ctx, "a", "k", now))
	fails(t, db.UpdateClient(ctx, "a", json.RawMessage(`{"n":1}`), json.RawMessage(`{}`), now), storage.ErrStale)

	type change struct {
		version int64
		client  storage.Client
		deleted bool
	}
	var list []change
	note := func(version int64, c storage.Client, deleted bool) error {
		list = append(list, change{version, c, deleted})
		return nil
	}
	ok(t, db.ClientChanges(ctx, before.Clients, 100, note))
	want := []string{"a", "b", "a", "a", "a", "b", "a", "a"}
	if len(list) != len(want) {
		t.Fatalf("%d changes, want %d", len(list), len(want))
	}
	for i, x := range list {
		if x.version != before.Clients+int64(i)+1 || x.client.ID != want[i] || x.deleted != (want[i] == "b") {
			t.Errorf("change %d: %+v, want one of %s at version %d", i, x, want[i], before.Clients+int64(i)+1)
		}
	}
	if a := list[0].client; string(a.Metadata) != `{"n":2}` || !a.DisabledAt.Equal(now) {
		t.Errorf("the client as it is now: %+v", a)
	}
	list = nil
	ok(t, db.ClientChanges(ctx, before.Clients+4, 1, note))
	if len(list) != 1 || list[0].version != before.Clients+5 {
		t.Errorf("the next one after four: %+v", list)
	}
	after, err := db.Versions(ctx)
	ok(t, err)
	same(t, after.Clients, before.Clients+8)
}

// idleTime: however few refreshes move expires_at, a grant is dead when its idle time is over, to the microsecond (rule F2).
func idleTime(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	g := grantOf("g")
	g.EndsAt = now.Add(1000 * time.Hour)
	ok(t, db.InsertGrant(ctx, g))
	const idle = 160 * time.Hour
	ok(t, db.SpendCode(ctx, storage.Spend{CodeHash: g.CodeHash, Generation: 1, Now: now, ExpiresAt: now.Add(idle)}))
	for i := range 100 {
		at := now.Add(time.Duration(i+1) * time.Hour)
		ok(t, db.RotateGrant(ctx, storage.Rotation{ID: "g", Presented: int64(i + 1), Now: at, ExpiresAt: at.Add(idle)}))
		s, err := db.GrantStateByID(ctx, "g")
		ok(t, err)
		if !s.ExpiresAt.Equal(at.Add(idle)) {
			t.Fatalf("after refresh %d: idle limit %v, want %v", i, s.ExpiresAt, at.Add(idle))
		}
		for when, alive := range map[time.Duration]int{idle - time.Microsecond: 1, idle: 0} {
			if list, err := db.GrantsOfUser(ctx, "ada", at.Add(when), "", 9); err != nil || len(list) != alive {
				t.Fatalf("%v after refresh %d: %d live grants, %v; want %d", when, i, len(list), err, alive)
			}
		}
		if n, err := db.DeleteExpired(ctx, expired.Grants, at.Add(idle), 9); err != nil || n != 0 {
			t.Fatalf("after refresh %d: the janitor took %d, %v, before its time", i, n, err)
		}
	}
	// A shorter idle time counts at once, and so does the absolute limit.
	at := now.Add(200 * time.Hour)
	ok(t, db.RotateGrant(ctx, storage.Rotation{ID: "g", Presented: 101, Now: at, ExpiresAt: at.Add(time.Hour)}))
	s, err := db.GrantStateByID(ctx, "g")
	ok(t, err)
	same(t, s.ExpiresAt, at.Add(time.Hour))
	at = g.EndsAt.Add(-time.Hour)
	ok(t, db.RotateGrant(ctx, storage.Rotation{ID: "g", Presented: 102, Now: at, ExpiresAt: at.Add(idle)}))
	s, err = db.GrantStateByID(ctx, "g")
	ok(t, err)
	same(t, s.ExpiresAt, g.EndsAt)
	if n, err := db.DeleteExpired(ctx, expired.Grants, g.EndsAt.Add(time.Second), 9); err != nil || n != 1 {
		t.Fatalf("the janitor took %d, %v, want the one that ended", n, err)
	}
	if _, err := db.GrantStateByID(ctx, "g"); err == nil {
		t.Fatal("the grant is there still")
	}
}
