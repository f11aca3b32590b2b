package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"signet/internal/owner"
)

// lockSuffix is added to the name of the SQLite file.
const lockSuffix = ".lock"

// errLocked: another process holds the lock.
var errLocked = errors.New("locked")

// noLock is held where none is needed.
type noLock struct{}

// Close implements io.Closer.
func (noLock) Close() error { return nil }

// lockFor keeps a second server off a SQLite file: each would have caches that the other does not know of, and jobs that
// count on being alone. The lock is the operating system's and goes with the process, however that ends.
func lockFor(o Options) (io.Closer, error) {
	path := o.Config.Storage.DSN.SQLitePath()
	if o.Use != ForServing || path == "" {
		return noLock{}, nil
	}
	if err := owner.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, notOurs(err)
	}
	f, err := owner.Open(path+lockSuffix, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, notOurs(err)
	}
	if err := lockFile(f); err != nil {
		err = lockError(f, path, err)
		return nil, errors.Join(err, f.Close())
	}
	// Who holds it, for the message of whoever comes second. The lock holds without it.
	if f.Truncate(0) == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return f, nil
}

// notOurs is why the lock's file cannot be opened.
func notOurs(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("storage.dsn: %w; the folder of the database, and the files in it, must be those of the account that runs this "+
			"(chown -R)", err)
	}
	return fmt.Errorf("storage.dsn: %w", err)
}

func lockError(f *os.File, path string, err error) error {
	if !errors.Is(err, errLocked) {
		return fmt.Errorf("storage.dsn: lock %s: %w", f.Name(), err)
	}
	text, _ := io.ReadAll(io.LimitReader(f, 32))
	by := "another process"
	if pid := strings.TrimSpace(string(text)); pid != "" {
		by = "process " + pid
	}
	return fmt.Errorf("storage.dsn: %s serves %s already; stop it first, or use Postgres for several servers", by, path)
}
