package storagetest

import (
	"encoding/json"
	"testing"
	"time"

	"signet/storage"
)

// pushed: requests that wait for a browser (RFC 9126).
func pushed(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	put := func(id string, at time.Time, share int) error {
		return db.InsertPushed(ctx, storage.Ticket{ID: id, SecretHash: "hash of " + id, Owner: "shop ", Data: json.RawMessage(`{"a":1}`),
			CreatedAt: at, ExpiresAt: at.Add(time.Minute)}, share)
	}
	ok(t, put("p1", now, 2))
	ok(t, put("p2", now.Add(time.Second), 2))
	fails(t, put("p3", now.Add(2*time.Second), 2), storage.ErrTooMany)
	ok(t, put("p4", now.Add(2*time.Minute), 2)) // the others are over
	got, err := db.Pushed(ctx, "hash of p1", now)
	ok(t, err)
	same(t, got.ID, "p1")
	same(t, string(got.Data), `{"a":1}`)
	_, err = db.Pushed(ctx, "hash of p1", now.Add(time.Minute))
	fails(t, err, storage.ErrNotFound)
	shares, err := db.PushedShares(ctx, now)
	ok(t, err)
	same(t, shares, map[string][2]int64{"shop ": {3, 21}})
	ok(t, db.OpenPushed(ctx, "p1", now.Add(time.Hour)))
	ok(t, db.OpenPushed(ctx, "p1", now.Add(time.Second))) // not for less than it was
	fails(t, db.OpenPushed(ctx, "other", now), storage.ErrNotFound)
	n, err := db.EvictPushed(ctx, "shop ", 1)
	ok(t, err)
	same(t, n, int64(1))
	_, err = db.Pushed(ctx, "hash of p2", now)
	fails(t, err, storage.ErrNotFound)
	_, err = db.Pushed(ctx, "hash of p1", now.Add(59*time.Minute))
	ok(t, err)
	ok(t, db.SpendPushed(ctx, "p1"))
	fails(t, db.SpendPushed(ctx, "p1"), storage.ErrNotFound)
}
