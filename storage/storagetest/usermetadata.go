package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"signet/storage"
)

// userMetadata: each change names what it was made of, of several at once one is written, and it goes with the person.
func userMetadata(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ada(t, db)
	is := func(want string) {
		t.Helper()
		got, err := db.UserMetadata(ctx, "ada")
		ok(t, err)
		same(t, string(got), want)
	}
	set := func(old, data string) error {
		return db.SetUserMetadata(ctx, "ada", json.RawMessage(old), json.RawMessage(data), now)
	}
	stale := func(err error) {
		t.Helper()
		if !errors.Is(err, storage.ErrStale) {
			t.Errorf("got %v, want ErrStale", err)
		}
	}
	is("")
	stale(set(`{"a":1}`, `{"a":2}`))
	stale(set(`{"a":1}`, ""))
	ok(t, set("", `{"a":1}`))
	stale(set("", `{"a":2}`))
	stale(set(`{"a":3}`, `{"a":2}`))
	is(`{"a":1}`)
	ok(t, set(`{"a":1}`, `{"a":2}`))
	stale(set(`{"a":1}`, ""))
	is(`{"a":2}`)
	ok(t, set(`{"a":2}`, ""))
	is("")
	if err := db.SetUserMetadata(ctx, "nobody", nil, json.RawMessage(`{"a":1}`), now); err == nil || errors.Is(err, storage.ErrStale) {
		t.Errorf("of nobody: %v", err)
	}

	for _, old := range []string{"", `{"n":0}`} { // a row that is made, and one that is changed
		if old != "" {
			current, err := db.UserMetadata(ctx, "ada")
			ok(t, err)
			ok(t, set(string(current), old))
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		written := 0
		for i := range 8 {
			wg.Go(func() {
				err := set(old, `{"n":`+string(rune('1'+i))+`}`)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					written++
				} else if !errors.Is(err, storage.ErrStale) {
					t.Errorf("at once: %v", err)
				}
			})
		}
		wg.Wait()
		same(t, written, 1)
	}
	ok(t, db.Tx(ctx, func(ctx context.Context) error { return db.EraseUser(ctx, "ada") }))
	is("")
}
