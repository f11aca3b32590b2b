package storage_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"signet/storage"
	"signet/storage/migrations"
	"signet/storage/storagetest"
)

// ownSteps are the first step of Signet's, and steps of the test's own after it.
func ownSteps(t *testing.T, steps ...string) fstest.MapFS {
	t.Helper()
	names, err := fs.Glob(migrations.Files, "postgres/0001_*.sql")
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	first, err := migrations.Files.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{names[0]: {Data: first}}
	for i, text := range steps {
		files[fmt.Sprintf("postgres/%04d_own.sql", i+2)] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// stepped is a database with the first step; db has the further ones before it.
func stepped(t *testing.T, steps ...string) (db *storage.DB, dsn string, raw *sql.DB) {
	t.Helper()
	dsn = storagetest.PostgresDSN(t)
	before := connect(t, dsn)
	before.WithSteps(ownSteps(t))
	if _, err := before.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	db = connect(t, dsn)
	db.WithSteps(ownSteps(t, steps...))
	raw, err := sql.Open("pgx", dsn+"&application_name=someone")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return db, dsn, raw
}

func holdTable(t *testing.T, raw *sql.DB, query string) (end func()) {
	t.Helper()
	tx, err := raw.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
	if err == nil {
		_, err = tx.ExecContext(t.Context(), query)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// until asks again and again, as long as the test may take.
func until(t *testing.T, raw *sql.DB, query string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for yes := false; !yes; {
		if err := raw.QueryRowContext(ctx, query).Scan(&yes); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
}

const (
	addColumn  = "-- +goose Up\nCREATE TABLE halves (id TEXT);\nALTER TABLE consents ADD COLUMN more TEXT;\n-- +goose Down\nSELECT 1;\n"
	buildIndex = "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY IF NOT EXISTS consents_own ON consents (user_id);\n" +
		"-- +goose Down\nDROP INDEX CONCURRENTLY IF EXISTS consents_own;\n"
	valid = "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('consents_own') AND indisvalid)"
)

// TestAStepLetsOthersGoOnWhileItWaits: somebody reads a table that a step changes. Other readers come between the tries, and the step is
// done when the first has ended.
func TestAStepLetsOthersGoOnWhileItWaits(t *testing.T) {
	t.Parallel()
	db, _, raw := stepped(t, addColumn)
	db.WaitForLocks(300*time.Millisecond, 1000)
	end := holdTable(t, raw, "SELECT count(*) FROM consents")
	defer end()
	done := make(chan error, 1)
	go func() {
		_, err := db.MigrateUp(t.Context())
		done <- err
	}()
	for range 3 { // behind the step in the queue, again and again
		until(t, raw, "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'consents'::regclass AND NOT granted)")
		if _, err := raw.ExecContext(t.Context(), "SELECT count(*) FROM consents"); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := raw.ExecContext(t.Context(), "SELECT more FROM consents"); err != nil {
		t.Error(err)
	}
}

// TestAStepThatFindsNoLockNamesWhoHoldsIt, and leaves nothing of itself behind.
func TestAStepThatFindsNoLockNamesWhoHoldsIt(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]string{"transaction": addColumn, "concurrently": buildIndex} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, _, raw := stepped(t, "-- +goose Up\nCREATE TABLE own (id TEXT);\n-- +goose Down\nDROP TABLE own;\n", step)
			db.WaitForLocks(500*time.Millisecond, 2)
			end := holdTable(t, raw, "UPDATE consents SET user_id = user_id")
			defer end()
			done, err := db.MigrateUp(t.Context())
			if err == nil || len(done) != 1 {
				t.Fatalf("done: %v, %v", done, err)
			}
			for _, says := range []string{"pid ", `application_name "someone"`, "idle in transaction", "pg_terminate_backend", "migrate up"} {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("no %q in: %v", says, err)
				}
			}
			until(t, raw, "SELECT to_regclass('halves') IS NULL")
			end()
			if done, err := db.MigrateUp(t.Context()); err != nil || len(done) != 1 {
				t.Errorf("when the lock is free: %v, %v", done, err)
			}
			if name == "concurrently" { // the first try had left an index that was not valid
				until(t, raw, valid)
			}
		})
	}
}

// TestAnIndexIsBuiltBesideWrites: while it waits for a transaction from before it, others write, and a second server waits for its end.
func TestAnIndexIsBuiltBesideWrites(t *testing.T) {
	t.Parallel()
	db, dsn, raw := stepped(t, buildIndex)
	other := connect(t, dsn)
	other.WithSteps(ownSteps(t, buildIndex))
	end := holdTable(t, raw, "UPDATE consents SET user_id = user_id")
	defer end()
	var wg sync.WaitGroup
	for _, one := range []*storage.DB{db, other} {
		wg.Go(func() {
			if _, err := one.MigrateUp(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	until(t, raw, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND "+
		"query LIKE '%CREATE INDEX CONCURRENTLY%' AND pid <> pg_backend_pid())")
	if _, err := raw.ExecContext(t.Context(), "UPDATE consents SET user_id = user_id"); err != nil {
		t.Error(err)
	}
	end()
	wg.Wait()
	until(t, raw, valid)
	if _, err := db.MigrateDown(t.Context()); err != nil {
		t.Error(err)
	}
	until(t, raw, "SELECT to_regclass('consents_own') IS NULL")
}

// TestAnIndexThatIsNotValidIsBuiltAnew: a build that broke off leaves one.
func TestAnIndexThatIsNotValidIsBuiltAnew(t *testing.T) {
	t.Parallel()
	db, dsn, raw := stepped(t, buildIndex)
	storagetest.Exec(t, dsn, "CREATE INDEX consents_own ON consents (user_id)",
		"UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'consents_own'::regclass")
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Error(err)
	}
	until(t, raw, valid)
}

// TestLimitsOfTheRoleDoNotStopAStep: a statement_timeout that is shorter than a step takes.
func TestLimitsOfTheRoleDoNotStopAStep(t *testing.T) {
	t.Parallel()
	_, dsn, raw := stepped(t)
	var name string
	if err := raw.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
		storagetest.Exec(t, dsn, fmt.Sprintf("ALTER DATABASE %s SET %s = '1s'", name, limit))
	}
	db := connect(t, dsn)
	slow := "-- +goose Up\nSELECT pg_sleep(1.3);\n-- +goose Down\nSELECT 1;\n"
	index := strings.Replace(buildIndex, "(user_id)", "(slowly(user_id))", 1)
	storagetest.Exec(t, dsn, "CREATE FUNCTION slowly(v TEXT) RETURNS TEXT IMMUTABLE LANGUAGE plpgsql AS "+
		"'BEGIN PERFORM pg_sleep(1.3); RETURN v; END'",
		"INSERT INTO consents (user_id, client_id, created_at, updated_at) VALUES ('u', 'c', 0, 0)")
	db.WithSteps(ownSteps(t, slow, index))
	if done, err := db.MigrateUp(t.Context()); err != nil || len(done) != 2 {
		t.Errorf("%v, %v", done, err)
	}
}

// TestWhatAStepStopsIsTold: an index beside writes is told from one that stops them.
func TestWhatAStepStopsIsTold(t *testing.T) {
	t.Parallel()
	db, dsn, _ := stepped(t, "-- +goose Up\nCREATE INDEX consents_more ON consents (client_id);\n-- +goose Down\nSELECT 1;\n", buildIndex)
	storagetest.Exec(t, dsn, "INSERT INTO consents (user_id, client_id, created_at, updated_at) VALUES ('u', 'c', 0, 0)")
	_, costs, err := db.MigrateUpCosts(t.Context())
	if err != nil || len(costs) != 2 || costs[2]["index consents_more on consents"] != 1 ||
		costs[3]["index consents_own on consents beside writes"] != 1 {
		t.Errorf("%v, %v", costs, err)
	}
}
