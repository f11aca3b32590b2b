package storage_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/migrations"
	"signet/storage/storagetest"
)

func TestMigrations(t *testing.T) {
	t.Parallel()
	for engine, dsn := range empties(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			db := connect(t, dsn(t))
			ctx := t.Context()
			if err := db.CheckSchema(ctx); !errors.Is(err, storage.ErrSchemaOlder) || !strings.Contains(err.Error(), "signet migrate up") {
				t.Fatalf("empty database: %v; want older, with the remedy", err)
			}
			if _, err := db.MigrateDown(ctx); !errors.Is(err, storage.ErrNotFound) {
				t.Fatalf("nothing to take back: %v", err)
			}
			applied, err := db.MigrateUp(ctx)
			if err != nil || len(applied) == 0 || applied[0].Version != 1 || applied[0].Name != "0001_ground" {
				t.Fatalf("applied %+v, %v", applied, err)
			}
			if err := db.CheckSchema(ctx); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if again, err := db.MigrateUp(ctx); err != nil || len(again) != 0 {
				t.Fatalf("applied again: %+v, %v", again, err)
			}
			t.Logf("nothing pending took %v", time.Since(start))
			status, err := db.MigrateStatus(ctx)
			if err != nil || len(status) != len(applied) || status[0].AppliedAt.IsZero() {
				t.Fatalf("status %+v, %v", status, err)
			}
			for range applied { // all the way back, and forth again
				if _, err := db.MigrateDown(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if status, err = db.MigrateStatus(ctx); err != nil || !status[0].AppliedAt.IsZero() {
				t.Fatalf("status after down %+v, %v", status, err)
			}
			if _, err := db.MigrateUp(ctx); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestMigrateAtOnce: replicas may start together on an empty database.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for engine, dsn := range empties(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			address := dsn(t)
			var wg sync.WaitGroup
			for range 4 {
				db := connect(t, address)
				wg.Go(func() {
					_, err := db.MigrateUp(t.Context())
					if err = errors.Join(err, db.CheckSchema(t.Context())); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestMigrationFiles: both dialects have the same steps, each with a way back, and SQLite's leave the transaction to us.
func TestMigrationFiles(t *testing.T) {
	t.Parallel()
	lite, _ := fs.Glob(migrations.Files, "sqlite/*.sql")
	post, _ := fs.Glob(migrations.Files, "postgres/*.sql")
	if len(lite) == 0 || len(lite) != len(post) {
		t.Fatalf("%d steps for SQLite, %d for Postgres", len(lite), len(post))
	}
	for i := range lite {
		if filepath.Base(lite[i]) != filepath.Base(post[i]) {
			t.Errorf("%s has no counterpart", lite[i])
		}
		for _, name := range []string{lite[i], post[i]} {
			text, err := migrations.Files.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), "-- +goose Up\n") || !strings.Contains(string(text), "-- +goose Down\n") {
				t.Errorf("%s lacks a way", name)
			}
			if name == lite[i] && !strings.HasPrefix(string(text), "-- +goose NO TRANSACTION\n") {
				t.Errorf("%s must begin with -- +goose NO TRANSACTION (see storage/sqlite.go)", name)
			}
		}
	}
}

func empties(t *testing.T) map[string]func(t *testing.T) string {
	t.Helper()
	return map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "signet.db") },
		"postgres": storagetest.PostgresDSN,
	}
}

func connect(t *testing.T, dsn string) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestReplicasBeginAtOnce: whoever looks while another replica makes the schema sees an empty database or one of ours, never another
// program's.
func TestReplicasBeginAtOnce(t *testing.T) {
	for name, address := range empties(t) {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				dsn := address(t)
				one, two := connect(t, dsn), connect(t, dsn)
				done := make(chan struct{})
				var wg sync.WaitGroup
				wg.Go(func() {
					defer close(done)
					if _, err := one.MigrateUp(t.Context()); err != nil {
						t.Error(err)
					}
				})
				for looking := true; looking; {
					select {
					case <-done:
						looking = false
					default:
					}
					if _, err := two.SchemaVersion(t.Context()); err != nil {
						t.Error(err)
						break
					}
				}
				wg.Wait()
			}
		})
	}
}
