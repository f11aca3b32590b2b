package storagetest

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"signet/storage"
)

// Collated gives fresh, migrated databases that sort as people do in the United States, by the provider "icu" or "libc". For the latter a
// cluster is started whose C library finds en_US.UTF-8 in a folder of ours: nothing is installed.
func Collated(t *testing.T, provider string) (open func(t *testing.T) *storage.DB) {
	t.Helper()
	here, like := maintenance(t), "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"
	if provider == "libc" {
		here, like = libc(t), "LOCALE 'en_US.UTF-8'"
	}
	name := databaseName("collated")
	if err := here.create(t.Context(), "CREATE DATABASE "+name+" ENCODING 'UTF8' TEMPLATE template0 "+like); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.exec(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	db, err := storage.Open(t.Context(), storage.Options{DSN: here.dsn(name), PoolSize: 2})
	if err == nil {
		_, err = db.MigrateUp(t.Context())
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var people bool // in C capitals come first
	sorts, err := sql.Open("pgx", here.dsn(name))
	if err != nil {
		t.Fatal(err)
	}
	if err := sorts.QueryRowContext(t.Context(), "SELECT 'a' < 'B'").Scan(&people); err != nil || !people {
		t.Fatalf("it sorts bytes (%v)", err)
	}
	if err := sorts.Close(); err != nil { // a database that somebody has open cannot be copied
		t.Fatal(err)
	}
	return func(t *testing.T) *storage.DB {
		t.Helper()
		return opened(t, freshDatabase(t, here, name))
	}
}

// libc starts the cluster.
func libc(t *testing.T) *admin {
	t.Helper()
	bin, err := findBinaries()
	if err != nil {
		t.Fatal(err)
	}
	locales, err := os.MkdirTemp("", "signet-locales-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(locales) })
	if err := os.Chmod(locales, 0o755); err != nil { // Postgres's account reads it
		t.Fatal(err)
	}
	def := exec.CommandContext(t.Context(), "localedef", "--no-archive", "-i", "en_US", "-f", "UTF-8", filepath.Join(locales, "en_US.UTF-8"))
	if out, err := def.CombinedOutput(); err != nil {
		if underCI() {
			t.Fatalf("localedef: %v %s", err, out)
		}
		t.Skipf("localedef (Debian: locales): %v %s", err, out)
	}
	dsn, lifeline, err := startCluster(bin, "LOCPATH="+locales)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAdmin(dsn, lifeline)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.pool.Close()
		_ = lifeline.Close()
	})
	return a
}
