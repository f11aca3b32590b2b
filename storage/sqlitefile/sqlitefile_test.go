package sqlitefile_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"signet/storage/sqlitefile"
)

// database makes one with pairs of rows that are only ever written together.
func database(t *testing.T) (path string, db *sql.DB) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "a.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, text := range []string{"CREATE TABLE a (n INTEGER PRIMARY KEY, text TEXT)",
		"CREATE TABLE b (n INTEGER PRIMARY KEY REFERENCES a (n))"} {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	return path, db
}

func put(t *testing.T, db *sql.DB) {
	tx, err := db.Begin()
	if err != nil {
		t.Error(err)
		return
	}
	_, one := tx.Exec("INSERT INTO a (text) VALUES (hex(randomblob(500)))")
	_, two := tx.Exec("INSERT INTO b SELECT max(n) FROM a")
	if err := errors.Join(one, two, tx.Commit()); err != nil {
		t.Error(err)
	}
}

func TestACopyIsConsistentWhileOthersWrite(t *testing.T) {
	t.Parallel()
	path, db := database(t)
	for range 50 {
		put(t, db)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				put(t, db)
			}
		}
	})
	for i := range 5 {
		to := filepath.Join(t.TempDir(), "copy.db")
		if err := sqlitefile.Copy(t.Context(), path, to); err != nil {
			t.Fatal(err)
		}
		if err := sqlitefile.Check(t.Context(), to); err != nil {
			t.Error(err)
		}
		rows, err := sqlitefile.Rows(t.Context(), to)
		if err != nil || rows["a"] != rows["b"] || rows["a"] < 50 {
			t.Errorf("copy %d has %v, %v", i, rows, err)
		}
		if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if err := sqlitefile.Copy(t.Context(), path, to); !errors.Is(err, os.ErrExist) {
			t.Errorf("copied over a file: %v", err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestAFileIsSettledOnlyWhenNobodyHasItOpen(t *testing.T) {
	t.Parallel()
	path, db := database(t)
	put(t, db)
	if err := sqlitefile.Settle(t.Context(), path); !errors.Is(err, sqlitefile.ErrBusy) {
		t.Errorf("open elsewhere: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sqlitefile.Settle(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(path + "-*"); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	path, db := database(t)
	for range 100 {
		put(t, db)
	}
	if _, err := db.Exec("PRAGMA foreign_keys = OFF"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO b (n) VALUES (9999)"); err != nil {
		t.Fatal(err)
	}
	if err := sqlitefile.Check(t.Context(), path); !errors.Is(err, sqlitefile.ErrDamaged) {
		t.Errorf("a row that refers to none: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"cut": whole[:len(whole)/2], "nothing of it": []byte("this is no database, whatever its name")} {
		bad := filepath.Join(t.TempDir(), "bad.db")
		if err := os.WriteFile(bad, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := sqlitefile.Check(t.Context(), bad); !errors.Is(err, sqlitefile.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFullDiskIsSaidBefore(t *testing.T) {
	t.Parallel()
	if err := sqlitefile.Space(t.TempDir(), 1<<60); !errors.Is(err, sqlitefile.ErrSpace) {
		t.Errorf("got %v", err)
	}
	if err := sqlitefile.Space(t.TempDir(), 1000); err != nil {
		t.Errorf("got %v", err)
	}
}
