package server

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// scratchPrefix begins the name of a folder in which a copy is worked on, beside the database and as private as it is.
	scratchPrefix = ".signet-work-"
	// scratchLock is a file in such a folder that is locked while somebody works there.
	scratchLock = "lock"
	// staleScratch is when a folder without that file is removed.
	staleScratch = 24 * time.Hour
)

// scratch makes a folder to work in, of mode 0700; done removes it. What is in it is not encrypted, so it also removes the folders of runs
// that were killed: of those nobody holds the lock. in "" is the system's folder for temporary files.
func scratch(in, prefix string) (folder string, done func() error, err error) {
	in = cmp.Or(in, os.TempDir())
	clearScratch(in, prefix)
	if folder, err = os.MkdirTemp(in, prefix); err != nil {
		return "", nil, err
	}
	name := filepath.Join(folder, scratchLock)
	lock, err := os.OpenFile(name+".new", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = lockFile(lock)
	}
	if err == nil {
		err = os.Rename(name+".new", name) // never seen unlocked
	}
	done = func() error { return errors.Join(os.RemoveAll(folder), lock.Close()) }
	if err != nil {
		return "", nil, errors.Join(err, done())
	}
	return folder, done, nil
}

func clearScratch(in, prefix string) {
	entries, _ := os.ReadDir(in)
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), prefix) {
			clearStale(filepath.Join(in, e.Name()), e)
		}
	}
}

// clearStale removes a folder in which nobody works. Another account's stays: nothing in it can be removed.
func clearStale(folder string, e fs.DirEntry) {
	name := filepath.Join(folder, scratchLock)
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) { // it is being made, or was made by a release that locked none
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleScratch {
			_ = os.RemoveAll(folder)
		}
		return
	}
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	lock, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return
	}
	if lockFile(lock) == nil && (lockTells || time.Since(info.ModTime()) > staleScratch) {
		_ = os.RemoveAll(folder)
	}
	_ = lock.Close()
}
