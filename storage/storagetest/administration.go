package storagetest

import (
	"fmt"
	"testing"
	"time"

	"signet/storage"
)

// administration is what administrators look for: people by a beginning, events by who and what, what a role permits.
func administration(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for i, key := range []string{"ada@example.com", "adam@example.com", "bo@example.com", "ADA%@x", "ädi@example.com"} {
		u := storage.User{ID: fmt.Sprintf("u%d", i), EmailKey: key, Email: key, CreatedAt: now, UpdatedAt: now}
		if i == 2 {
			u.UsernameKey, u.Username = "adalbert", "Adalbert"
		}
		ok(t, db.InsertUser(ctx, u))
	}
	ids := func(list []storage.User, err error) (ids []string) {
		ok(t, err)
		for _, u := range list {
			ids = append(ids, u.ID)
		}
		return ids
	}
	same(t, ids(db.UsersByEmail(ctx, "ada", "", 10)), []string{"u0", "u1"})
	same(t, ids(db.UsersByEmail(ctx, "ada", "", 1)), []string{"u0"})
	same(t, ids(db.UsersByEmail(ctx, "ada", "ada@example.com", 10)), []string{"u1"})
	same(t, ids(db.UsersByEmail(ctx, "ADA%", "", 10)), []string{"u3"})
	same(t, ids(db.UsersByEmail(ctx, "ä", "", 10)), []string{"u4"})
	same(t, ids(db.UsersByEmail(ctx, "%", "", 10)), nil)
	same(t, ids(db.UsersByUsername(ctx, "ada", "", 10)), []string{"u2"})

	firstRun(t, db)
	rolePermits(t, db)
	eventsLike(t, db)
}

// firstRun: one row, compared and set, and closed by whatever gives the role admin.
func firstRun(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	is := func(want string, at time.Time) {
		t.Helper()
		state, expires, err := db.FirstRun(ctx)
		if err != nil || state != want || !expires.Equal(at) {
			t.Fatalf("first run %q until %s, %v; want %q until %s", state, expires, err, want, at)
		}
	}
	is("", time.Time{})
	ok(t, db.SetFirstRun(ctx, "", "h1", now))
	fails(t, db.SetFirstRun(ctx, "", "h2", now), storage.ErrStale)
	is("h1", now)
	ok(t, db.InsertRole(ctx, storage.Group{Name: "admin", CreatedAt: now}))
	is("h1", now)
	_, err := db.GiveRole(ctx, "admin", storage.HolderUser, "u1", now)
	ok(t, err)
	is("closed", time.Time{})
	ok(t, db.DeleteRole(ctx, "admin"))
	is("closed", time.Time{})
}

func rolePermits(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for _, role := range []string{"helpers-role", "other-role"} {
		ok(t, db.InsertRole(ctx, storage.Group{Name: role, CreatedAt: now}))
	}
	ok(t, db.InsertGroup(ctx, storage.Group{Name: "team", CreatedAt: now}))
	_, err := db.AddMember(ctx, "team", "u1", now)
	ok(t, err)
	_, err = db.GiveRole(ctx, "helpers-role", storage.HolderGroup, "team", now)
	ok(t, err)
	_, err = db.GiveRole(ctx, "other-role", storage.HolderUser, "u1", now)
	ok(t, err)
	ok(t, db.SetRolePermits(ctx, "helpers-role", "", "people:read"))
	fails(t, db.SetRolePermits(ctx, "helpers-role", "", "all"), storage.ErrStale)
	fails(t, db.SetRolePermits(ctx, "nobody's", "", "all"), storage.ErrStale)
	permits, err := db.RolePermits(ctx, "helpers-role")
	ok(t, err)
	same(t, permits, "people:read")
	_, err = db.RolePermits(ctx, "nobody's")
	fails(t, err, storage.ErrNotFound)
	held, err := db.PermitsOfUser(ctx, "u1")
	ok(t, err)
	same(t, held, map[string]string{"helpers-role": "people:read", "other-role": ""})
	held, err = db.PermitsOfGroup(ctx, "team")
	ok(t, err)
	same(t, held, map[string]string{"helpers-role": "people:read"})
	for _, look := range []struct {
		role string
		want bool
	}{{"helpers-role", true}, {"other-role", true}, {"nobody's", false}} {
		left, err := db.HolderLeft(ctx, look.role)
		ok(t, err)
		same(t, left, look.want)
	}
	ok(t, db.SetUserDisabled(ctx, "u1", now, now))
	for _, role := range []string{"helpers-role", "other-role"} {
		left, err := db.HolderLeft(ctx, role)
		ok(t, err)
		same(t, left, false)
	}
	members, err := db.GroupMembers(ctx, "team", "", 10)
	ok(t, err)
	same(t, len(members), 1)
	same(t, members[0].Email, "adam@example.com")
}

func eventsLike(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for i, e := range []storage.Event{
		{Name: "signin.failed", Outcome: "failure", UserID: "u0", ActorID: "u0", RequestID: "r1"},
		{Name: "client.changed", Outcome: "success", ClientID: "shop", ActorID: "u1", ActorKind: "person"},
		{Name: "signin.succeeded", Outcome: "success", UserID: "u1", ActorID: "u1", ClientID: "shop"},
	} {
		e.At = now.Add(time.Duration(i) * time.Second)
		e.ID = fmt.Sprintf("%016x%d", e.At.UnixMicro(), i)
		ok(t, db.InsertEvent(ctx, e))
	}
	for _, look := range []struct {
		like storage.Event
		want []string
	}{
		{storage.Event{Name: "signin."}, []string{"signin.succeeded", "signin.failed"}},
		{storage.Event{Name: "signin.failed"}, []string{"signin.failed"}},
		{storage.Event{Name: "signin"}, nil},
		{storage.Event{ClientID: "shop"}, []string{"signin.succeeded", "client.changed"}},
		{storage.Event{ActorID: "u1", Outcome: "success"}, []string{"signin.succeeded", "client.changed"}},
		{storage.Event{UserID: "u1"}, []string{"signin.succeeded"}},
		{storage.Event{RequestID: "r1"}, []string{"signin.failed"}},
		{storage.Event{At: now.Add(time.Second)}, []string{"signin.succeeded", "client.changed"}},
		{storage.Event{RequestID: "r1", UserID: "u1"}, nil},
	} {
		list, err := db.EventsLike(ctx, look.like, "", 10)
		ok(t, err)
		var names []string
		for _, e := range list {
			names = append(names, e.Name)
		}
		same(t, names, look.want)
	}
	newest, err := db.EventsLike(ctx, storage.Event{ClientID: "shop"}, "", 1)
	ok(t, err)
	older, err := db.EventsLike(ctx, storage.Event{ClientID: "shop"}, newest[0].ID, 5)
	ok(t, err)
	same(t, len(older), 1)
	same(t, older[0].ActorKind, "person")
}
