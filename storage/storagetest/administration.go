package storagetest

import (
	"fmt"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/filter"
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
	byEmail := func(text, after string, limit int) []string {
		return ids(db.UsersLike(ctx, filter.People{Search: text}, after, limit))
	}
	same(t, byEmail("ada", "", 10), []string{"u0", "u1"})
	same(t, byEmail("ada", "", 1), []string{"u0"})
	same(t, byEmail("ada", "ada@example.com", 10), []string{"u1"})
	same(t, byEmail("ADA%", "", 10), []string{"u3"})
	same(t, byEmail("ä", "", 10), []string{"u4"})
	same(t, byEmail("%", "", 10), nil)
	same(t, ids(db.UsersLike(ctx, filter.People{Search: "ada", ByUsername: true}, "", 10)), []string{"u2"})
	peopleFilters(t, db)

	firstRun(t, db)
	rolePermits(t, db)
	eventsLike(t, db)
}

// peopleFilters narrows people down, by each filter, by several, and part after part.
func peopleFilters(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for i := range 6 {
		u := storage.User{ID: fmt.Sprintf("f%d", i), EmailKey: fmt.Sprintf("f%d@x", i), EmailVerified: i%2 == 0,
			CreatedAt: now.Add(time.Duration(10-i) * time.Hour), UpdatedAt: now}
		if i > 3 {
			u.DisabledAt = now
		}
		ok(t, db.InsertUser(ctx, u))
	}
	for _, group := range []string{"f-one", "f-two"} {
		ok(t, db.InsertGroup(ctx, storage.Group{Name: group, CreatedAt: now}))
	}
	ok(t, db.InsertRole(ctx, storage.Group{Name: "f-role", CreatedAt: now}))
	for user, group := range map[string]string{"f1": "f-one", "f2": "f-one", "f3": "f-two", "f4": "f-one"} {
		_, err := db.AddMember(ctx, group, user, now)
		ok(t, err)
	}
	for holder, kind := range map[string]string{"f-one": storage.HolderGroup, "f-two": storage.HolderGroup, "f0": storage.HolderUser,
		"f2": storage.HolderUser} {
		_, err := db.GiveRole(ctx, "f-role", kind, holder, now)
		ok(t, err)
	}
	ok(t, db.InsertRole(ctx, storage.Group{Name: "f-many", CreatedAt: now})) // held by more groups than are looked into each by itself
	for i := range 401 {
		group := fmt.Sprintf("f-%03d", i)
		ok(t, db.InsertGroup(ctx, storage.Group{Name: group, CreatedAt: now}))
		_, err := db.GiveRole(ctx, "f-many", storage.HolderGroup, group, now)
		ok(t, err)
	}
	for user, group := range map[string]string{"f1": "f-007", "f4": "f-400", "f5": "f-400"} {
		_, err := db.AddMember(ctx, group, user, now)
		ok(t, err)
	}
	since := now.Add(time.Hour)
	for _, c := range []struct {
		f    filter.People
		want []string
	}{
		{filter.People{Disabled: true}, []string{"f4", "f5"}},
		{filter.People{Unverified: true}, []string{"f1", "f3", "f5", "u0", "u1", "u2", "u3", "u4"}},
		{filter.People{Disabled: true, Unverified: true}, []string{"f5"}},
		{filter.People{CreatedSince: since}, []string{"f5", "f4", "f3", "f2", "f1", "f0"}},
		{filter.People{CreatedSince: since.Add(6 * time.Hour)}, []string{"f3", "f2", "f1", "f0"}},
		{filter.People{CreatedSince: since, Disabled: true}, []string{"f5", "f4"}},
		{filter.People{Group: "f-one"}, []string{"f1", "f2", "f4"}},
		{filter.People{Group: "f-one", Disabled: true, CreatedSince: since}, []string{"f4"}},
		{filter.People{Role: "f-role"}, []string{"f0", "f1", "f2", "f3", "f4"}},
		{filter.People{Role: "f-role", Unverified: true}, []string{"f1", "f3"}},
		{filter.People{Role: "f-role", Disabled: true}, []string{"f4"}},
		{filter.People{Role: "f-role", CreatedSince: since.Add(7 * time.Hour)}, []string{"f0", "f1", "f2"}},
		{filter.People{Role: "f-many"}, []string{"f1", "f4", "f5"}},
		{filter.People{Role: "f-many", Disabled: true}, []string{"f4", "f5"}},
		{filter.People{Role: "f-role", Group: "f-one"}, []string{"f1", "f2", "f4"}},
		{filter.People{Search: "f", Role: "f-role", Group: "f-two"}, []string{"f3"}},
		{filter.People{Search: "u"}, nil},
		{filter.People{Role: "nobody"}, nil},
	} {
		for _, limit := range []int{2, 100} {
			for _, sifted := range []int{0, 1, 3} {
				if sifted == 0 || c.f.Sifts() {
					same(t, allLike(t, db, c.f, limit, sifted), c.want)
				}
			}
		}
	}
	for i := range 6 {
		ok(t, db.EraseUser(ctx, fmt.Sprintf("f%d", i)))
	}
	ok(t, db.DeleteRole(ctx, "f-role"))
	ok(t, db.DeleteRole(ctx, "f-many"))
	for i := range 401 {
		ok(t, db.DeleteGroup(ctx, fmt.Sprintf("f-%03d", i)))
	}
	for _, group := range []string{"f-one", "f-two"} {
		ok(t, db.DeleteGroup(ctx, group))
	}
}

// allLike pages through whom a filter fits, of whom a page looks at so many at most; 0 = all.
func allLike(t *testing.T, db *storage.DB, f filter.People, limit, sifted int) (got []string) {
	for after := ""; ; {
		if f.Until = ""; sifted > 0 {
			until, err := db.UsersUntil(t.Context(), f, after, sifted)
			ok(t, err)
			f.Until = until
		}
		list, err := db.UsersLike(t.Context(), f, after, limit)
		ok(t, err)
		for _, u := range list {
			got, after = append(got, u.ID), f.Position(u.EmailKey, u.UsernameKey, u.ID, u.CreatedAt)
		}
		switch {
		case len(list) == limit:
		case f.Until == "":
			return got
		default:
			after = f.Until
		}
	}
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
