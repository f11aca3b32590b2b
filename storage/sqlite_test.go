package storage_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
)

func TestMemoryDatabase(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Run("contract", func(t *testing.T) { storagetest.Run(t, memory) }) // waits for its parallel parts
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) != 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
}

func memory(t *testing.T) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite::memory:"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// TestBubble: a database opened in a synctest bubble lives by its clock and leaves no goroutine behind, and writers that
// wait for one another wait durably.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := memory(t)
		now := time.Now().UTC()
		if err := db.InsertInteraction(t.Context(), storage.Interaction{ID: "i", Network: "n", CreatedAt: now, ExpiresAt: now.Add(time.Minute)},
			1, 0, 0); err != nil {
			t.Fatal(err)
		}
		held, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			err := db.Tx(t.Context(), func(ctx context.Context) error {
				close(held)
				<-release
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-held
		var late, patient error
		wg.Go(func() { late = db.SpendOnce(t.Context(), "k", "o", "late", now) })
		synctest.Wait()
		time.Sleep(6 * time.Second) // longer than any call may wait
		synctest.Wait()
		wg.Go(func() { patient = db.SpendOnce(t.Context(), "k", "o", "patient", now) })
		synctest.Wait()
		close(release)
		wg.Wait()
		if !errors.Is(late, storage.ErrUnavailable) || patient != nil {
			t.Fatalf("late: %v, patient: %v; want unavailable after the deadline, and success", late, patient)
		}
		time.Sleep(time.Hour)
		if _, err := db.InteractionByID(t.Context(), "i", time.Now()); !errors.Is(err, storage.ErrNotFound) {
			t.Fatalf("got %v, want expired", err)
		}
	})
}

// TestPoolOfOne: no call reaches for a second connection while it holds one (that is how others deadlock).
func TestPoolOfOne(t *testing.T) {
	anotherPool(t)
	storagetest.Engines(t, func(t *testing.T, _ func(t *testing.T) *storage.DB) {
		storagetest.Run(t, func(t *testing.T) *storage.DB {
			t.Helper()
			dsn := "sqlite:" + filepath.Join(t.TempDir(), "signet.db")
			if strings.Contains(t.Name(), "/postgres/") {
				dsn = storagetest.PostgresDSN(t)
			}
			db, err := storage.Open(t.Context(), storage.Options{DSN: dsn, PoolSize: 1})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			db.WaitForConnections(20 * time.Second) // many wait for the one, on a machine that has other work; a deadlock takes longer
			if _, err := db.MigrateUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			return db
		})
	})
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	t.Run("closed", func(t *testing.T) {
		db := storagetest.SQLite(t)
		if err := errors.Join(db.Close(), db.Close()); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"read": db.Ping(t.Context()), "write": db.RevokeToken(t.Context(), "j", time.Now()),
			"tx": db.Tx(t.Context(), func(context.Context) error { return nil }),
		} {
			if !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("%s after close: %v, want unavailable", name, err)
			}
		}
	})
	t.Run("nobody-listens", func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		db, err := storage.Open(t.Context(), storage.Options{DSN: "postgres://u:hunter2@127.0.0.1:1/x", Log: log})
		if err != nil {
			t.Fatal(err) // opening does not connect
		}
		defer db.Close()
		err = db.Ping(t.Context())
		if !errors.Is(err, storage.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("got %v, want unavailable, and no password in it", err)
		}
		_, err = db.GrantStateByCode(t.Context(), "a-code-hash")
		if !errors.Is(err, storage.ErrUnavailable) || !strings.Contains(out.String(), "statement failed") {
			t.Fatalf("got %v and the log %q", err, out.String())
		}
		if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), "a-code-hash") {
			t.Fatalf("the log tells a value: %s", out.String())
		}
	})
	t.Run("locked-by-another", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "signet.db")
		first, second := file(t, path), file(t, path)
		err := first.Tx(t.Context(), func(ctx context.Context) error {
			if err := first.RevokeToken(ctx, "j", time.Now()); err != nil {
				return err
			}
			if err := second.Ping(t.Context()); err != nil {
				t.Errorf("a reader waits for a writer: %v", err)
			}
			return second.RevokeToken(t.Context(), "k", time.Now()) // after busy_timeout
		})
		if !errors.Is(err, storage.ErrUnavailable) {
			t.Fatalf("got %v, want unavailable", err)
		}
		if err := second.RevokeToken(t.Context(), "k", time.Now()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("wrong-dsn", func(t *testing.T) {
		for _, dsn := range []string{"", "mysql://x", "sqlite:", "postgres://u:hunter2@%zz/", filepath.Join(t.TempDir(), "x.db")} {
			db, err := storage.Open(t.Context(), storage.Options{DSN: dsn})
			if err == nil {
				_ = db.Close()
				t.Errorf("%q was accepted", dsn)
			} else if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error quotes the password: %v", err)
			}
		}
	})
}

func file(t *testing.T, path string) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestDatabaseFileIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new folder?#", "signet.db")
	file(t, path)
	for name, want := range map[string]os.FileMode{path: 0o600, path + "-wal": 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode().Perm(), err, want)
		}
	}
}

// TestKillLosesNothing: what was acknowledged survives kill -9, and nothing was counted twice.
func TestKillLosesNothing(t *testing.T) {
	if path := os.Getenv("SIGNET_TEST_KILL_FILE"); path != "" {
		rotateUntilKilled(t, path)
		return
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "signet.db")
	for round := range 3 {
		acknowledged := killDuring(t, path, 150+100*round)
		db := file(t, path)
		for id, generation := range acknowledged {
			s, err := db.GrantStateByID(t.Context(), id)
			// One rotation may have been committed whose answer the kill cut off.
			if err != nil || s.Generation < generation || s.Generation > generation+1 {
				t.Errorf("round %d: %s is at generation %d (%v), acknowledged %d", round, id, s.Generation, err, generation)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killDuring runs this binary as a child that rotates, kills it after so many answers, and returns the last answers.
func killDuring(t *testing.T, path string, after int) map[string]int64 {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKillLosesNothing$", "-test.v=false")
	child.Env = append(os.Environ(), "SIGNET_TEST_KILL_FILE="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := make(map[string]int64)
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		var id string
		var generation int64
		if _, err := fmt.Sscanf(lines.Text(), "ack %s %d", &id, &generation); err != nil {
			t.Fatalf("the child says %q", lines.Text())
		}
		acknowledged[id] = generation
		if n == after {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	return acknowledged
}

// rotateUntilKilled rotates some grants at once, so that commits are grouped, and says so after each answer.
func rotateUntilKilled(t *testing.T, path string) {
	db := file(t, path)
	now := time.Now()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			id := fmt.Sprintf("%d-%d", os.Getpid(), i)
			g := storage.Grant{ID: id, ClientID: "c", UserID: "u", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
			if err := db.InsertGrant(t.Context(), g); err != nil {
				t.Error(err)
				return
			}
			for gen := int64(0); ; gen++ {
				r := storage.Rotation{ID: id, Presented: gen, Now: now, ExpiresAt: now.Add(time.Hour)}
				if err := db.RotateGrant(t.Context(), r); err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stdout.WriteString(fmt.Sprintf("ack %s %d\n", id, gen+1)); err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}
