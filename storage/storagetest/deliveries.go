package storagetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/expired"
)

func deliveryOf(id string) storage.Message {
	return storage.Message{
		ID: id, Kind: "logout", Target: "https://shop.example/out", ClientID: "shop", Sealed: []byte{0, 1, 255}, DueAt: now, CreatedAt: now,
		ExpiresAt: now.Add(time.Hour),
	}
}

func deliveries(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	one, two, other := deliveryOf("d1"), deliveryOf("d2"), deliveryOf("d3")
	two.DueAt = now.Add(-time.Minute)
	other.Kind, other.ClientID = "webhook", "till"
	for _, d := range []storage.Message{one, two, other} {
		ok(t, db.InsertDelivery(ctx, d))
	}
	fails(t, db.Tx(ctx, func(ctx context.Context) error { return db.InsertDelivery(ctx, one) }), storage.ErrConflict)
	due := func(at time.Time, want ...storage.Message) {
		t.Helper()
		list, err := db.DueDeliveries(ctx, "logout", at, nil, 10)
		ok(t, err)
		same(t, list, want)
	}
	due(now, two, one) // of its kind: a release that does not know a kind leaves it alone
	due(now.Add(-time.Second), two)
	due(now.Add(time.Hour)) // expired ones are not tried

	fails(t, db.LeaseDelivery(ctx, "d1", now.Add(time.Second), now.Add(time.Minute)), storage.ErrStale)
	ok(t, db.LeaseDelivery(ctx, "d1", now, now.Add(time.Minute)))
	fails(t, db.LeaseDelivery(ctx, "d1", now, now.Add(time.Minute)), storage.ErrStale)
	due(now, two)
	one.DueAt, one.Tries = now.Add(time.Minute), 1
	due(now.Add(time.Minute), two, one) // a lease that ended
	ok(t, db.RetryDelivery(ctx, "d1", now.Add(2*time.Minute), "status 500"))
	ok(t, db.FailDelivery(ctx, "d2", now, "status 400"))
	due(now.Add(time.Minute))
	fails(t, db.LeaseDelivery(ctx, "d2", two.DueAt, now), storage.ErrStale)
	one.DueAt, one.LastError = now.Add(2*time.Minute), "status 500"
	two.FailedAt, two.LastError = now, "status 400"
	list, err := db.DeliveriesOfClient(ctx, "shop", 10)
	ok(t, err)
	same(t, list, []storage.Message{one, two})
	ok(t, db.DeleteDelivery(ctx, "d1"))
	if list, err = db.DeliveriesOfClient(ctx, "shop", 10); err != nil || len(list) != 1 {
		t.Fatalf("%d left, %v", len(list), err)
	}
}

// queues are those of several clients: one is passed over, put off as a whole, and hastened as a whole.
func queues(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for id, client := range map[string]string{"a1": "a", "a2": "a", "a3": "a", "b1": "b", "c1": "c"} {
		d := deliveryOf(id)
		d.ClientID = client
		ok(t, db.InsertDelivery(ctx, d))
	}
	ok(t, db.LeaseDelivery(ctx, "a2", now, now.Add(time.Minute)))
	ok(t, db.FailDelivery(ctx, "a3", now, "status 400"))
	due := func(at time.Time, skip []string, want ...string) {
		t.Helper()
		list, err := db.DueDeliveries(ctx, "logout", at, skip, 10)
		ok(t, err)
		var ids []string
		for _, d := range list {
			ids = append(ids, d.ID)
		}
		slices.Sort(ids)
		same(t, ids, want)
	}
	due(now, nil, "a1", "b1", "c1")
	due(now, []string{"a"}, "b1", "c1")
	due(now, []string{"a", "c"}, "b1")
	ok(t, db.PutOffDeliveries(ctx, "webhook", "a", now, now.Add(10*time.Minute))) // of another kind
	due(now, nil, "a1", "b1", "c1")
	ok(t, db.PutOffDeliveries(ctx, "logout", "a", now, now.Add(10*time.Minute)))
	due(now.Add(time.Minute), nil, "a2", "b1", "c1") // what somebody sends stays theirs
	ok(t, db.HastenDeliveries(ctx, "a", now.Add(2*time.Minute), now.Add(time.Minute)))
	due(now.Add(time.Minute), nil, "a2", "b1", "c1")
	due(now.Add(2*time.Minute), nil, "a1", "a2", "b1", "c1") // and what was given up stays so
}

func raceDelivery(t *testing.T, db *storage.DB) {
	ok(t, db.InsertDelivery(t.Context(), deliveryOf("d")))
	if won := raced(t, 8, storage.ErrStale, func(ctx context.Context, i int) error {
		return db.LeaseDelivery(ctx, "d", now, now.Add(time.Duration(i+1)*time.Minute))
	}); won != 1 {
		t.Errorf("%d took one delivery, want 1", won)
	}
}

func sessionClients(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for _, id := range []string{"ada", "eve"} {
		ok(t, db.InsertUser(ctx, storage.User{ID: id, EmailKey: id, Email: id, CreatedAt: now, UpdatedAt: now}))
	}
	session := func(id, user string, expires time.Time) {
		ok(t, db.InsertSession(ctx,
			storage.Session{ID: id, SecretHash: "h" + id, UserID: user, CreatedAt: now, ExpiresAt: expires, EndsAt: expires}))
	}
	session("s1", "ada", now.Add(time.Hour))
	session("s2", "ada", now.Add(time.Hour))
	session("s3", "eve", now.Add(time.Hour))
	note := func(session, client string, at time.Duration) {
		ok(t, db.NoteSessionClient(ctx, session, client, now.Add(at)))
	}
	note("s1", "shop", 0)
	note("s1", "till", time.Second)
	note("s1", "shop", time.Minute) // the first time counts
	note("s2", "shop", 0)
	note("s3", "shop", 0)
	note("gone", "shop", 0) // a session that is not there

	of := func(id string, limit int, want ...storage.GrantPair) {
		t.Helper()
		list, err := db.ClientsOfSession(ctx, id, limit)
		ok(t, err)
		same(t, list, want)
	}
	shop, till := storage.GrantPair{UserID: "ada", ClientID: "shop"}, storage.GrantPair{UserID: "ada", ClientID: "till"}
	of("s1", 10, till, shop)
	of("s1", 1, till)
	of("gone", 10)
	_, err := db.EndSession(ctx, "s1", "", now)
	ok(t, err)
	of("s1", 10, till, shop) // they are told after the end

	taken, err := db.TakeSessionsOfClient(ctx, shop)
	ok(t, err)
	same(t, taken, []string{"s2"}) // s1 has told it already
	of("s2", 10)
	of("s3", 10, storage.GrantPair{UserID: "eve", ClientID: "shop"})

	_, err = db.DeleteExpired(ctx, expired.Sessions, now.Add(2*time.Hour), 10)
	ok(t, err)
	of("s3", 10) // gone with its session
}

func managed(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	list := func(kind, name string, limit int) (all []string) {
		n, err := db.Managed(ctx, kind, name, limit, func(kind, name, owner string, data []byte, version int64) {
			all = append(all, fmt.Sprintf("%s %s %s %s %d", kind, name, owner, data, version))
		})
		if ok(t, err); n != len(all) {
			t.Errorf("%d rows, told %d", len(all), n)
		}
		return all
	}
	ok(t, db.InsertManaged(ctx, "groups", "b", "team", []byte("{}"), 5))
	ok(t, db.InsertManaged(ctx, "groups", "a", "team", []byte(`{"x":1}`), 5))
	ok(t, db.InsertManaged(ctx, "clients", "a", "other", []byte("{}"), 5))
	fails(t, db.InsertManaged(ctx, "groups", "a", "other", []byte("{}"), 6), storage.ErrConflict)
	ok(t, db.UpdateManaged(ctx, "groups", "a", "other", []byte("{}"), 5, 9))
	fails(t, db.UpdateManaged(ctx, "groups", "a", "other", []byte("{}"), 5, 10), storage.ErrStale)
	ok(t, db.UpdateManaged(ctx, "groups", "a", "other", []byte("{}"), 9, 9)) // a clock that stands still, or goes back
	fails(t, db.UpdateManaged(ctx, "groups", "none", "other", []byte("{}"), 5, 10), storage.ErrStale)
	same(t, list("", "", 2), []string{"clients a other {} 5", "groups a other {} 10"})
	same(t, list("groups", "a", 2), []string{"groups b team {} 5"})
	owner, data, version, err := db.ManagedOf(ctx, "groups", "b")
	ok(t, err)
	same(t, []string{owner, string(data), fmt.Sprint(version)}, []string{"team", "{}", "5"})
	_, _, _, err = db.ManagedOf(ctx, "groups", "none")
	fails(t, err, storage.ErrNotFound)
	fails(t, db.DeleteManaged(ctx, "groups", "b", 4), storage.ErrStale)
	ok(t, db.DeleteManaged(ctx, "groups", "b", 5))
	same(t, list("groups", "a", 2), nil)

	ok(t, db.InsertGroup(ctx, storage.Group{Name: "staff", Description: "all", CreatedAt: now}))
	ok(t, db.HoldGroup(ctx, "staff", "all"))
	fails(t, db.HoldGroup(ctx, "staff", "some"), storage.ErrStale)
	fails(t, db.HoldGroup(ctx, "nobodys", ""), storage.ErrStale)
	ok(t, db.InsertRole(ctx, storage.Group{Name: "reader", CreatedAt: now}))
	ok(t, db.SetRolePermits(ctx, "reader", "", "people:read"))
	ok(t, db.HoldRole(ctx, "reader", "", "people:read"))
	permits, err := db.PermitsOfRoles(ctx, "a", "reader")
	ok(t, err)
	same(t, permits, map[string]string{"reader": "people:read"})
	fails(t, db.HoldRole(ctx, "reader", "", ""), storage.ErrStale)
	fails(t, db.HoldRole(ctx, "reader", "x", "people:read"), storage.ErrStale)
}

func webhooks(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ok(t, db.InsertWebhook(ctx, "b", 1, []byte(`{"url":"https://b"}`), []byte{0, 255}))
	ok(t, db.InsertWebhook(ctx, "a", 1, []byte("{}"), []byte("x")))
	fails(t, db.InsertWebhook(ctx, "a", 1, []byte("{}"), []byte("y")), storage.ErrConflict)
	ok(t, db.UpdateWebhook(ctx, "b", 1, []byte(`{"url":"https://c"}`), []byte{1}))
	fails(t, db.UpdateWebhook(ctx, "b", 1, []byte("{}"), nil), storage.ErrStale)
	ok(t, db.DeleteWebhook(ctx, "a"))
	fails(t, db.DeleteWebhook(ctx, "a"), storage.ErrNotFound)
	var got []string
	ok(t, db.Webhooks(ctx, func(id string, data, sealed []byte, version int64) {
		got = append(got, fmt.Sprintf("%s %s %v %d", id, data, sealed, version))
	}))
	same(t, got, []string{`b {"url":"https://c"} [1] 2`})

	gone := storage.Message{ID: "d", Kind: "webhook", ClientID: "b", Sealed: []byte("x"), DueAt: now, Tries: 9, CreatedAt: now,
		ExpiresAt: now.Add(time.Hour), FailedAt: now, LastError: "status 500"}
	ok(t, db.InsertDelivery(ctx, gone))
	later := now.Add(time.Minute)
	n, err := db.ReviveDeliveries(ctx, "b", later, later.Add(time.Hour), 10)
	if ok(t, err); n != 1 {
		t.Fatalf("%d came back, want 1", n)
	}
	gone.DueAt, gone.CreatedAt, gone.ExpiresAt, gone.FailedAt, gone.Tries = later, later, later.Add(time.Hour), time.Time{}, 0
	list, err := db.DueDeliveries(ctx, "webhook", later, nil, 10)
	ok(t, err)
	same(t, list, []storage.Message{gone})
}
