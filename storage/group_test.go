package storage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// insertReplay is any row; its key tells which job wrote it.
func insertReplay(i int) func(ctx context.Context, on executor) error {
	return func(ctx context.Context, on executor) error {
		_, err := on.ExecContext(ctx, "INSERT INTO replay (kind, owner, id_hash, expires_at) VALUES ('k', 'o', $1, 0)", fmt.Sprint(i))
		return err
	}
}

func engineOf(t *testing.T) (*DB, *writer) {
	t.Helper()
	db, err := Open(t.Context(), Options{DSN: "sqlite:" + filepath.Join(t.TempDir(), "signet.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db, db.engine.(*sqliteEngine).writes
}

func rowsIn(t *testing.T, db *DB) int {
	t.Helper()
	var n int64
	if err := db.one(t.Context(), "SELECT count(*) FROM replay", nil, &n); err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// inLine holds the writer until all the calls wait in line, so that they make one group, and returns their errors.
func inLine(t *testing.T, w *writer, calls ...func() error) []error {
	t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	errs := make([]error, len(calls))
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = w.do(context.Background(), &job{statement: func(context.Context, executor) error {
			close(held)
			<-release
			return nil
		}})
	})
	<-held
	for i, call := range calls {
		wg.Go(func() { errs[i] = call() })
		synctest.Wait()
	}
	close(release)
	wg.Wait()
	return errs
}

func TestGroupKeepsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, w := engineOf(t)
		ctx := t.Context()
		statement := func(i int) func() error {
			return func() error { return w.do(ctx, &job{statement: insertReplay(i)}) }
		}
		stop := errors.New("stop")
		gone, cancel := context.WithCancel(ctx)
		errs := inLine(t, w,
			statement(1), statement(2), statement(2), // the last is a duplicate
			func() error {
				return db.engine.tx(ctx, func(ctx context.Context, on executor) error {
					return errors.Join(insertReplay(3)(ctx, on), stop)
				})
			},
			func() error {
				return db.engine.tx(ctx, func(ctx context.Context, on executor) error {
					return errors.Join(insertReplay(4)(ctx, on), insertReplay(5)(ctx, on))
				})
			},
			func() error { return w.do(gone, &job{statement: insertReplay(6)}) },
			func() error { cancel(); return nil }, // takes the one before out of the line
		)
		for i, want := range []bool{true, true, false, false, true, false, true} {
			if (errs[i] == nil) != want {
				t.Errorf("job %d: %v, want success %v", i, errs[i], want)
			}
		}
		if !errors.Is(errs[3], stop) || !errors.Is(errs[5], context.Canceled) {
			t.Errorf("got %v and %v", errs[3], errs[5])
		}
		if n := rowsIn(t, db); n != 4 { // 1, 2, 4, 5
			t.Errorf("%d rows, want 4", n)
		}
	})
}

func TestFailedCommitFailsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, w := engineOf(t)
		errs := inLine(t, w,
			func() error { return w.do(t.Context(), &job{statement: insertReplay(1)}) },
			func() error { return w.do(t.Context(), &job{statement: insertReplay(2)}) },
			func() error { // as SQLite does by itself when the disk is full
				return w.do(t.Context(), &job{statement: func(context.Context, executor) error { return w.on.run("ROLLBACK") }})
			},
		)
		for i, err := range errs {
			if err == nil {
				t.Errorf("job %d was told that it is written", i)
			}
		}
		if n := rowsIn(t, db); n != 0 {
			t.Errorf("%d rows, want none", n)
		}
		if err := db.SpendOnce(t.Context(), "k", "o", "1", time.Now()); err != nil {
			t.Errorf("the writer is spoiled: %v", err)
		}
	})
}

// TestGoexit: a body that ends its goroutine (t.FailNow does) leaves nobody waiting, whether it leads or follows.
func TestGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, w := engineOf(t)
		exit := func() error {
			return db.engine.tx(t.Context(), func(ctx context.Context, on executor) error {
				if err := insertReplay(9)(ctx, on); err != nil {
					return err
				}
				runtime.Goexit()
				return nil
			})
		}
		inLine(t, w, exit)
		follower := inLine(t, w, func() error { return w.do(t.Context(), &job{statement: insertReplay(1)}) }, exit)
		if follower[0] != nil {
			t.Errorf("a follower's end took the group with it: %v", follower[0])
		}
		leader := inLine(t, w, exit, func() error { return w.do(t.Context(), &job{statement: insertReplay(2)}) })
		if !isUnavailable(leader[1]) {
			t.Errorf("got %v, want unavailable", leader[1])
		}
		if err := w.do(t.Context(), &job{statement: insertReplay(3)}); err != nil {
			t.Errorf("the writer is taken: %v", err)
		}
		if n := rowsIn(t, db); n != 2 { // 1 and 3
			t.Errorf("%d rows, want 2", n)
		}
	})
}

// TestGroupIsBounded: more than a group holds are written by several, and none is forgotten.
func TestGroupIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, w := engineOf(t)
		calls := make([]func() error, 2*groupMost+10)
		for i := range calls {
			calls[i] = func() error { return w.do(t.Context(), &job{statement: insertReplay(i)}) }
		}
		if err := errors.Join(inLine(t, w, calls...)...); err != nil {
			t.Fatal(err)
		}
		if n := rowsIn(t, db); n != len(calls) {
			t.Fatalf("%d rows, want %d", n, len(calls))
		}
	})
}

// TestCloseWaits: what waits in line when Close begins is written before it ends; what comes later is refused.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, w := engineOf(t)
		errs := inLine(t, w,
			func() error { return w.do(t.Context(), &job{statement: insertReplay(1)}) },
			db.Close,
			func() error { return w.do(t.Context(), &job{statement: insertReplay(2)}) },
		)
		if errs[0] != nil || errs[1] != nil || !isUnavailable(errs[2]) {
			t.Fatalf("got %v", errs)
		}
	})
}
