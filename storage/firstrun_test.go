package storage_test

import (
	"testing"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
)

// A restore ends the link that makes the first administrator, and opens nothing that was closed.
func TestARestoreEndsTheLinkOfTheFirstRun(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		for _, before := range []string{"hash", "closed"} {
			state, _, err := db.FirstRun(t.Context())
			var expires time.Time
			if before != "closed" {
				expires = instant
			}
			if err == nil {
				err = db.SetFirstRun(t.Context(), state, before, expires)
			}
			if err == nil {
				_, err = db.EndAllAfterRestore(t.Context(), instant)
			}
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"hash": "", "closed": "closed"}[before]
			if state, _, err := db.FirstRun(t.Context()); state != want || err != nil {
				t.Errorf("after a restore of %q: %q, %v", before, state, err)
			}
		}
	})
}
