package storage_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
)

// TestRefreshWritesNoIndex is not parallel: a transaction that runs elsewhere in the cluster keeps Postgres from clearing pages.
func TestRefreshWritesNoIndex(t *testing.T) {
	heapOnly(t, time.Hour, 100, 95)
}

// TestADailyRefreshWritesTheIndexesOnceInFourDays: each of them is a page of its own that is in no cache, and as a whole in the log.
func TestADailyRefreshWritesTheIndexesOnceInFourDays(t *testing.T) {
	heapOnly(t, 24*time.Hour, 40, 70)
}

// heapOnly refreshes grants that live unused for 30 days, and wants so many of a hundred refreshes to write no index.
func heapOnly(t *testing.T, every time.Duration, refreshes int64, want int64) {
	dsn := storagetest.PostgresDSN(t)
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn, PoolSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := time.Now().Truncate(time.Microsecond)
	const idle, grants = 30 * 24 * time.Hour, 20
	err = db.Tx(t.Context(), func(ctx context.Context) error {
		for i := range grants {
			id := fmt.Sprintf("g%d", i)
			if err := db.InsertGrant(ctx, storage.Grant{ID: id, UserID: id, ClientID: "shop", Generation: 1, CreatedAt: start,
				LastUsedAt: start, ExpiresAt: start.Add(idle), EndsAt: start.Add(12 * idle)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range refreshes {
		for i := range grants {
			now := start.Add(time.Duration(n+1) * every)
			if err := db.RotateGrant(t.Context(),
				storage.Rotation{ID: fmt.Sprintf("g%d", i), Presented: n + 1, Now: now, ExpiresAt: now.Add(idle)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := db.Close(); err != nil { // its connection tells what it counted as it ends
		t.Fatal(err)
	}
	raw, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var all, hot int64
	for all < grants*refreshes && t.Context().Err() == nil {
		err := raw.QueryRowContext(t.Context(),
			"SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'grants'").Scan(&all, &hot)
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d refreshes were heap-only", hot, all)
	if hot < all*want/100 {
		t.Errorf("%d of %d refreshes were heap-only, want %d %%", hot, all, want)
	}
}
