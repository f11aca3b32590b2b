package storagetest

import (
	"context"
	"testing"
	"time"

	"signet/storage"
)

// refusing: a person may be asked nothing by apps, since the first time that they said so, until they take it back or are gone.
func refusing(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ada(t, db)
	ok(t, db.InsertUser(ctx, storage.User{ID: "bob", EmailKey: "bob@x", Email: "bob@x", CreatedAt: now, UpdatedAt: now}))
	since := func(id string, want time.Time) {
		t.Helper()
		got, err := db.RefusesRequests(ctx, id)
		ok(t, err)
		same(t, got, want)
	}
	since("ada", time.Time{})
	since("nobody", time.Time{})
	ok(t, db.RefuseRequests(ctx, "ada", now))
	ok(t, db.RefuseRequests(ctx, "ada", now.Add(time.Hour)))
	since("ada", now)
	since("bob", time.Time{})
	ok(t, db.TakeRequests(ctx, "bob"))
	since("ada", now)
	ok(t, db.TakeRequests(ctx, "ada"))
	ok(t, db.TakeRequests(ctx, "ada"))
	since("ada", time.Time{})
	if err := db.RefuseRequests(ctx, "nobody", now); err == nil {
		t.Error("nobody refuses")
	}
	ok(t, db.RefuseRequests(ctx, "ada", now))
	ok(t, db.Tx(ctx, func(ctx context.Context) error { return db.EraseUser(ctx, "ada") }))
	since("ada", time.Time{})
}
