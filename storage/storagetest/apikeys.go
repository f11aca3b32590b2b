package storagetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"signet/storage"
)

func apiKeys(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for _, id := range []string{"shop", "zoo"} {
		ok(t, db.InsertClient(ctx, storage.Client{ID: id, CreatedAt: now, UpdatedAt: now}))
	}
	later := now.Add(time.Hour)
	ok(t, db.InsertAPIKey(ctx, "k1", "shop", 0, "h1", []byte(`{"n":1}`), now))
	ok(t, db.InsertAPIKey(ctx, "k2", "shop", 1, "h2", []byte(`{"n":2}`), later))
	ok(t, db.InsertAPIKey(ctx, "k3", "zoo", 0, "h3", []byte(`{"n":3}`), later))
	fails(t, db.InsertAPIKey(ctx, "k4", "shop", 1, "h4", []byte("{}"), later), storage.ErrConflict) // the slot
	fails(t, db.InsertAPIKey(ctx, "k3", "zoo", 1, "h4", []byte("{}"), later), storage.ErrConflict)  // the id
	if err := db.InsertAPIKey(ctx, "k5", "nobody", 0, "h", nil, later); err == nil {
		t.Fatal("a key of no client")
	}
	var got []string
	note := func(data []byte, used time.Time) { got = append(got, fmt.Sprintf("%s %v", data, used.Equal(now))) }
	want := func(err error, want ...string) {
		t.Helper()
		ok(t, err)
		same(t, got, want)
		got = nil
	}
	ok(t, db.TouchAPIKey(ctx, "k2", now, now.Add(-time.Hour)))
	ok(t, db.TouchAPIKey(ctx, "k2", now.Add(time.Minute), now.Add(-time.Hour))) // one was noted since
	want(db.APIKeysOf(ctx, "shop", note), `{"n":1} false`, `{"n":2} true`)
	want(db.APIKeys(ctx, "k1", 1, note), `{"n":2} true`)
	want(db.APIKeysUntil(ctx, now, later, 10, note), `{"n":2} true`, `{"n":3} false`)
	want(db.APIKeysUntil(ctx, now, later.Add(-time.Second), 10, note))
	hash, data, used, err := db.APIKey(ctx, "k2")
	if ok(t, err); hash != "h2" || string(data) != `{"n":2}` || !used.Equal(now) {
		t.Fatalf("got %s %s %v", hash, data, used)
	}
	if _, _, _, err := db.APIKey(ctx, "k9"); !errors.Is(err, storage.ErrNotFound) {
		t.Fatal(err)
	}
	ok(t, db.DeleteOldAPIKeys(ctx, "shop", now))
	want(db.APIKeysOf(ctx, "shop", note), `{"n":2} true`)
	ok(t, db.InsertAPIKey(ctx, "k6", "shop", 0, "h6", []byte(`{"n":6}`), later))
	ok(t, db.DeleteAPIKey(ctx, "k6"))
	fails(t, db.DeleteAPIKey(ctx, "k6"), storage.ErrNotFound)
	ok(t, db.DeleteClient(ctx, "shop", now)) // its keys go with it
	want(db.APIKeys(ctx, "", 9, note), `{"n":3} false`)
}
