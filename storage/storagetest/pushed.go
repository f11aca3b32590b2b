package storagetest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"signet/storage"
)

// pushed: requests that wait for a browser (RFC 9126).
func pushed(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	put := func(id string, at time.Time, share int) error {
		return db.InsertPushed(ctx, storage.Ticket{ID: id, SecretHash: "hash of " + id, Owner: "shop ", Data: json.RawMessage(`{"a":1}`),
			CreatedAt: at, ExpiresAt: at.Add(time.Minute)}, "", share)
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
	n, err := db.EvictPushed(ctx, "shop ", 1, now)
	ok(t, err)
	same(t, n, int64(1))
	_, err = db.Pushed(ctx, "hash of p2", now)
	fails(t, err, storage.ErrNotFound)
	_, err = db.Pushed(ctx, "hash of p1", now.Add(59*time.Minute))
	ok(t, err)
	ok(t, db.SpendPushed(ctx, "p1"))
	fails(t, db.SpendPushed(ctx, "p1"), storage.ErrNotFound)
	pushedAddresses(t, db)
}

// pushedAddresses: within an owner the address that has most gives way first, the oldest of its own; what is over is not counted.
func pushedAddresses(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for i, address := range []string{"192.0.2.9", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.9"} {
		id := fmt.Sprintf("from %d", i)
		life := time.Hour
		if i == 4 { // over
			life = -time.Hour
		}
		ok(t, db.InsertPushed(ctx, storage.Ticket{ID: id, SecretHash: id, Owner: "shop 192.0.2.0/24", Data: json.RawMessage(`{}`),
			CreatedAt: now.Add(time.Duration(i) * time.Second), ExpiresAt: now.Add(life)}, address, 10))
	}
	n, err := db.EvictPushed(ctx, "shop 192.0.2.0/24", 2, now)
	ok(t, err)
	same(t, n, int64(2))
	for id, live := range map[string]bool{"from 0": true, "from 1": false, "from 2": false, "from 3": true} {
		_, err := db.Pushed(ctx, id, now)
		same(t, err == nil, live)
	}
}
