package storage_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"signet/storage"
	"signet/storage/storagetest"
)

// TestAFullDiskIsNotReady: and ready again when there is space. The descriptors of the write-ahead log become those of /dev/full, where
// every write ends with "no space left on device", as it does on a disk that is full.
func TestAFullDiskIsNotReady(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "signet.db")
	db := connect(t, "sqlite:"+file)
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	storagetest.Exec(t, "sqlite:"+file, "PRAGMA wal_checkpoint(TRUNCATE)") // nothing has to be read from the log
	empty := fill(t, file+"-wal")
	for range 2 {
		if err := db.Write(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("full: %v, want unavailable", err)
		}
		if err := db.TryWrite(t.Context()); !errors.Is(err, storage.ErrUnavailable) { // what doctor tries
			t.Errorf("tried on a full disk: %v, want unavailable", err)
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Errorf("read: %v", err)
		}
	}
	empty()
	if err := db.Write(t.Context()); err != nil {
		t.Errorf("with space again: %v", err)
	}
	if err := db.TryWrite(t.Context()); err != nil {
		t.Errorf("tried with space again: %v", err)
	}
}

// fill puts /dev/full in the place of an open file of this process; what it returns takes that back.
func fill(t *testing.T, path string) (empty func()) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	full, err := syscall.Open("/dev/full", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	must(err)
	open, err := os.ReadDir("/proc/self/fd")
	must(err)
	var ours []int // found before any is duplicated: a copy may get the number of the folder that was just read
	for _, entry := range open {
		fd, err := strconv.Atoi(entry.Name())
		must(err)
		if to, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && to == path {
			ours = append(ours, fd)
		}
	}
	real := map[int]int{} // descriptor: where what it was is kept
	for _, fd := range ours {
		kept, err := syscall.Dup(fd)
		must(err)
		real[fd] = kept
		must(syscall.Dup3(full, fd, syscall.O_CLOEXEC))
	}
	if len(real) == 0 {
		t.Fatalf("%s is not open", path)
	}
	return func() {
		t.Helper()
		for fd, kept := range real {
			must(syscall.Dup3(kept, fd, syscall.O_CLOEXEC))
			must(syscall.Close(kept))
		}
		must(syscall.Close(full))
	}
}
