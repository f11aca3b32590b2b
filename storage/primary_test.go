package storage_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
)

// TestConnectionsLeaveAPrimaryThatOnlyReads: what a demoted primary refuses goes on over a new connection, which walks the host list.
func TestConnectionsLeaveAPrimaryThatOnlyReads(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 4} {
		db, err := storage.Open(t.Context(), storage.Options{DSN: storagetest.PostgresDSN(t), PoolSize: size})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if _, err := db.MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := db.Exec(t.Context(), "SET default_transaction_read_only = on"); err != nil { // the session that every call uses next
			t.Fatal(err)
		}
		if err := db.Write(t.Context()); err != nil {
			t.Errorf("a write: %v", err)
		}
		if err := db.Exec(t.Context(), "SET default_transaction_read_only = on"); err != nil {
			t.Fatal(err)
		}
		if err := db.Tx(t.Context(), db.Write); err != nil {
			t.Errorf("a transaction: %v", err)
		}
	}
}

// TestAPrimaryThatOnlyReadsIsNotReady: it answers reads, so only a write tells; once it writes again, so do we.
func TestAPrimaryThatOnlyReadsIsNotReady(t *testing.T) {
	t.Parallel()
	dsn := storagetest.PostgresDSN(t)
	db := connect(t, dsn)
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	const others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
	storagetest.Exec(t, dsn,
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$", others)
	for range 3 { // the first may only learn that its connection has gone
		_ = db.Write(t.Context())
	}
	if err := db.Write(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("write: %v, want unavailable", err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("read: %v", err)
	}
	storagetest.Exec(t, dsn, "SET default_transaction_read_only = off",
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = off', current_database()); END $$")
	if err := db.Write(t.Context()); err != nil {
		t.Errorf("write after the database writes again: %v", err)
	}
	if at, err := db.Clock(t.Context()); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("clock %v, %v", at, err)
	}
}

// TestAFullFileSystemIsNotReady is TestAFullDiskIsNotReady on a file system that fills, where one may be mounted.
func TestAFullFileSystemIsNotReady(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=3m", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("needs the right to mount a small file system: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	db := connect(t, "sqlite:"+filepath.Join(dir, "signet.db"))
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 4<<20), 0o600); err == nil {
		t.Fatal("the disk does not fill")
	}
	if err := db.Write(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("full: %v, want unavailable", err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("read: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context()); err != nil {
		t.Errorf("with space again: %v", err)
	}
}
