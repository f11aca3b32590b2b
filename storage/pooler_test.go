package storage_test

import (
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"signet/storage"
	"signet/storage/storagetest"
)

// mode has pgx speak to Postgres in another way, as an operator says it in the address.
func mode(t *testing.T, dsn, of string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("default_query_exec_mode", of)
	u.RawQuery = q.Encode()
	return u.String()
}

// TestAPoolerNeedsAnotherMode: behind a pooler in transaction mode prepared statements are another client's; the error says what to write
// into the address, and so written it works. Without a name (describe_exec) the statement of another would get the parameters, and no error
// might come of it: so that mode is never spoken.
func TestAPoolerNeedsAnotherMode(t *testing.T) {
	t.Parallel()
	through := storagetest.Pooler(t)
	dsn := through(storagetest.Addresses["postgres"](t))
	hot := func(db *storage.DB) error { // what shares round trips where statements can be kept
		_, err := db.GrantStateByID(t.Context(), "none")
		if err := db.RotateGrant(t.Context(), rotation("none")); !errors.Is(err, storage.ErrStale) {
			return err
		}
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		return err
	}
	failed := func(dsn string) (worst error) {
		db, other := connect(t, dsn), connect(t, dsn)
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 8 {
			for _, one := range []*storage.DB{db, other} {
				wg.Go(func() {
					err := errors.Join(one.Write(t.Context()), one.Ping(t.Context()), one.Tx(t.Context(), one.Write), hot(one))
					mu.Lock()
					defer mu.Unlock()
					worst = errors.Join(worst, err)
				})
			}
		}
		wg.Wait()
		return worst
	}
	err := failed(mode(t, dsn, "cache_statement"))
	if !errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), "default_query_exec_mode=cache_describe") {
		t.Errorf("%v; want the remedy", err)
	}
	for _, works := range []string{"cache_describe", "describe_exec", "exec", "simple_protocol"} {
		if err := failed(mode(t, dsn, works)); err != nil {
			t.Errorf("%s: %v", works, err)
		}
	}
}

// TestMigrationsThroughAPooler: the lock of migrations holds there as well, and is given back. Two start at once.
func TestMigrationsThroughAPooler(t *testing.T) {
	t.Parallel()
	through := storagetest.Pooler(t)
	dsn := mode(t, through(storagetest.PostgresDSN(t)), "cache_describe")
	var wg sync.WaitGroup
	var mu sync.Mutex
	steps := 0
	for _, db := range []*storage.DB{connect(t, dsn), connect(t, dsn)} {
		wg.Go(func() {
			done, err := db.MigrateUp(t.Context())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			steps += len(done)
		})
	}
	wg.Wait()
	db := connect(t, dsn)
	all, err := db.MigrateStatus(t.Context())
	if err != nil || steps != len(all) {
		t.Errorf("%d steps were done, of %d (%v)", steps, len(all), err)
	}
	if _, err := db.MigrateDown(t.Context()); err != nil {
		t.Error(err)
	}
	if done, err := db.MigrateUp(t.Context()); err != nil || len(done) != 1 {
		t.Errorf("%v, %v", done, err)
	}
}

// TestEarlierReleasesWaitForMigrations: theirs is goose's lock of a session.
func TestEarlierReleasesWaitForMigrations(t *testing.T) {
	t.Parallel()
	dsn := storagetest.PostgresDSN(t)
	pool, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	const goose = 4097083626
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "SELECT pg_advisory_lock($1)", goose); err != nil {
		t.Fatal(err)
	}
	end := make(chan error, 1)
	db := connect(t, dsn)
	go func() {
		_, err := db.MigrateUp(t.Context())
		end <- err
	}()
	for asks := false; !asks; {
		err := pool.QueryRowContext(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND "+
			"query LIKE '%pg_try_advisory_xact_lock%' AND pid <> pg_backend_pid())").Scan(&asks)
		if err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-end:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	if _, err := conn.ExecContext(t.Context(), "SELECT pg_advisory_unlock($1)", goose); err != nil {
		t.Fatal(err)
	}
	if err := <-end; err != nil {
		t.Error(err)
	}
}

// TestContractFar is the contract behind a pooler, in the two modes that docs/operations.md names, and on databases that sort as people
// do. It takes minutes: the gate's long form has it.
func TestContractFar(t *testing.T) {
	if !storagetest.Far() {
		t.Skip("SIGNET_TEST_POSTGRES_FAR=required runs it")
	}
	for _, of := range []string{"cache_describe", "exec"} {
		t.Run(of, func(t *testing.T) {
			through := storagetest.Pooler(t)
			storagetest.Run(t, func(t *testing.T) *storage.DB {
				t.Helper()
				return connect(t, mode(t, through(storagetest.Addresses["postgres"](t)), of))
			})
		})
	}
	for _, of := range []string{"libc", "icu"} {
		t.Run(of, func(t *testing.T) {
			storagetest.Run(t, storagetest.Collated(t, of))
		})
	}
}
