package storage_test

import (
	"database/sql"
	"strings"
	"testing"

	"signet/storage"
	"signet/storage/storagetest"
)

// TestADatabaseThatSortsByALanguage, in which ids of events would not be in the order of time, is refused before anything is written.
func TestADatabaseThatSortsByALanguage(t *testing.T) {
	dsn := storagetest.PostgresDSN(t)
	raw, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var name string
	if err := raw.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	for locale, fits := range map[string]bool{"en": true, "da": false, "nb": false, "cy": false} {
		other := name + "_" + locale
		_, err := raw.ExecContext(t.Context(), "CREATE DATABASE "+other+" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE '"+
			locale+"'")
		if err != nil {
			t.Skipf("a Postgres without such orders: %v", err)
		}
		db, err := storage.Open(t.Context(), storage.Options{DSN: strings.Replace(dsn, "/"+name, "/"+other, 1), PoolSize: 2})
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.MigrateUp(t.Context())
		if (err == nil) != fits || !fits && !strings.Contains(err.Error(), "LOCALE 'C'") {
			t.Errorf("%s: %v", locale, err)
		}
		if err := db.CheckSchema(t.Context()); (err == nil) != fits {
			t.Errorf("%s: at the start: %v", locale, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if _, err := raw.ExecContext(t.Context(), "DROP DATABASE "+other); err != nil {
			t.Error(err)
		}
	}
}
