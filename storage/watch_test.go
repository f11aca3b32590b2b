package storage_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"signet/storage"
	"signet/storage/storagetest"
)

// watched counts what a database is watched to do.
type watched struct {
	mu            sync.Mutex
	done, retried map[string]int
}

func watch(db *storage.DB) *watched {
	w := &watched{done: map[string]int{}, retried: map[string]int{}}
	db.Watch(func(kind string, took time.Duration) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.done[kind]++; took <= 0 {
			w.done["untimed"]++
		}
	}, func(code string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.retried[code]++
	})
	return w
}

// TestStatementsAreWatched: those alone, those that go together, those of gorm, and transactions with theirs.
func TestStatementsAreWatched(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db, now := open(t), time.Now()
		w := watch(db)
		_, missing := db.GrantStateByID(t.Context(), "g")
		_, users := db.Users(t.Context(), "", 1)
		err := db.Tx(t.Context(), func(ctx context.Context) error {
			return errors.Join(db.SpendOnce(ctx, "k", "o", "h", now), db.Tx(ctx, db.Ping))
		})
		if !errors.Is(missing, storage.ErrNotFound) || users != nil || err != nil {
			t.Fatal(missing, users, err)
		}
		if want := map[string]int{"read": 3, "write": 1, "transaction": 1}; !maps.Equal(w.done, want) || len(w.retried) > 0 {
			t.Errorf("got %v %v, want %v", w.done, w.retried, want)
		}
	})
}

// TestRetriesAreWatched: by what Postgres says; what is not done again is none.
func TestRetriesAreWatched(t *testing.T) {
	t.Parallel()
	db := storagetest.Postgres(t)
	w := watch(db)
	for _, code := range []string{"40001", "40P01", "23505"} {
		tries := 0
		err := db.Tx(t.Context(), func(context.Context) error {
			if tries++; tries == 1 {
				return fmt.Errorf("write: %w", &pgconn.PgError{Code: code})
			}
			return nil
		})
		if failed := err != nil; failed != (code == "23505") {
			t.Errorf("%s: %v", code, err)
		}
	}
	if want := map[string]int{"40001": 1, "40P01": 1}; !maps.Equal(w.retried, want) {
		t.Errorf("got %v, want %v", w.retried, want)
	}
}
