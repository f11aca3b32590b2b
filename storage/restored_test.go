package storage_test

import (
	"testing"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
)

// TestARestoreForgetsNoClock: locks are given back, and what is known of when a server last ran stays.
func TestARestoreForgetsNoClock(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db, now := open(t), time.Now().Truncate(time.Microsecond)
		if err := db.NoteClock(t.Context(), now, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Lock(t.Context(), "keys", "a", now, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := db.HoldAllAfterRestore(t.Context(), nil, now); err != nil {
			t.Fatal(err)
		}
		if seen, held, err := db.ClockSeen(t.Context()); err != nil || !seen.Equal(now) || !held.Equal(now.Add(time.Hour)) {
			t.Errorf("%v, %v, %v", seen, held, err)
		}
		if free, err := db.Lock(t.Context(), "keys", "b", now, now.Add(time.Hour)); err != nil || !free {
			t.Errorf("the lock: %v, %v", free, err)
		}
	})
}
