package main

import (
	"database/sql"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/oauth/ledger"
	"signet/storage"
	"signet/storage/storagetest"
)

// The crowd is in the tables as the server would have written it, and all indexes are there again.
func TestFill(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, _ func(t *testing.T) *storage.DB) {
		dsn, driver, list := "sqlite:"+filepath.Join(t.TempDir(), "signet.db"), "sqlite", "SELECT name, sql FROM sqlite_master "+
			"WHERE type = 'index' AND sql IS NOT NULL"
		source := strings.Replace(dsn, "sqlite:", "file:", 1)
		if strings.Contains(t.Name(), "postgres") {
			dsn = storagetest.PostgresDSN(t)
			source, driver, list = dsn, "pgx", "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
		}
		db, err := storage.Open(t.Context(), storage.Options{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		before := indexesOf(t, driver, source, list)
		now := time.Now()
		if err := fill(t.Context(), dsn, crowd{grants: 1000, people: 70}, now); err != nil {
			t.Fatal(err)
		}
		if after := indexesOf(t, driver, source, list); len(before) < 20 || !maps.Equal(before, after) {
			t.Errorf("indexes: %v before, %v after", before, after)
		}
		if db, err = storage.Open(t.Context(), storage.Options{DSN: dsn, Existing: true}); err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		first, through := crowdEnds(now)
		people := map[string]bool{}
		for i := 1; i <= 1000; i++ {
			g, err := db.GrantStateByID(t.Context(), grantOfCrowd(i))
			if err != nil {
				t.Fatal(err)
			}
			people[g.User.ID] = true
			if g.User.ID == "" || !g.SessionFound ||
				(g.ClientID == "web") != (i%cold == 0) || g.Generation != 1 || ledger.Readable(g.Grant) != nil ||
				g.ExpiresAt.Before(first.Truncate(time.Second)) || g.ExpiresAt.After(first.Add(through)) {
				t.Fatalf("grant %d: %+v", i, g)
			}
		}
		if len(people) < 60 {
			t.Errorf("the grants are of %d people", len(people))
		}
	})
}

func indexesOf(t *testing.T, driver, source, list string) map[string]string {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		all[name] = text
	}
	return all
}
