package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver named "sqlite"

	"signet/internal/owner"
)

// What callers branch on.
var (
	// ErrBusy: another process has the database open.
	ErrBusy = errors.New("another process has the database open")
	// ErrDamaged: the file is no database, or one whose content contradicts itself.
	ErrDamaged = errors.New("the database is damaged")
	// ErrSpace: the disk has too little space.
	ErrSpace = errors.New("too little free space")
)

// spare is by how much more than the size of the database must be free for a copy: the log cannot shrink while it is read.
const spare = 1.2

// open makes a pool of one connection.
func open(path, mode string, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"mode": {mode}, "_pragma": append(pragmas, "busy_timeout(5000)")}
	pool, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	return pool, nil
}

// Copy writes a consistent, compact copy of a database to a file that is not there yet, readable by its owner alone, and durable. Others
// may read and write meanwhile; what they commit after the begin is not in it. ErrSpace before anything is written.
func Copy(ctx context.Context, path, to string) (err error) {
	size, err := Size(path)
	if err != nil {
		return err
	}
	if err := Space(filepath.Dir(to), size); err != nil {
		return err
	}
	f, err := owner.Open(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // an empty file is taken, with its mode
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	if err := f.Close(); err != nil {
		return err
	}
	pool, err := open(path, "ro")
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, "VACUUM INTO ?", to)
	if err = errors.Join(err, pool.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", path, damaged(err))
	}
	return Sync(to)
}

// Size of a database with its log.
func Size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	size := info.Size()
	if wal, err := os.Stat(path + "-wal"); err == nil {
		size += wal.Size()
	}
	return size, nil
}

// Space is ErrSpace unless a copy of so many bytes fits into a folder. Where the system does not tell, it fits.
func Space(folder string, size int64) error {
	free, known := freeBytes(folder)
	need := uint64(float64(size) * spare)
	if known && free < need {
		return fmt.Errorf("%w: %s has %d MB, needed are %d MB", ErrSpace, folder, free>>20, need>>20+1)
	}
	return nil
}

// Check reads the whole file: ErrDamaged, with what is wrong.
func Check(ctx context.Context, path string) (err error) {
	pool, err := open(path, "ro")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	var found []string
	for _, pragma := range []string{"integrity_check", "foreign_key_check"} {
		rows, err := pool.QueryContext(ctx, "PRAGMA "+pragma)
		if err != nil {
			return fmt.Errorf("check %s: %w", path, damaged(err))
		}
		lines, err := firstColumn(rows, 10)
		if err != nil {
			return fmt.Errorf("check %s: %w", path, damaged(err))
		}
		found = append(found, lines...)
	}
	if len(found) == 1 && found[0] == "ok" {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrDamaged, strings.Join(found, "; "))
}

func firstColumn(rows *sql.Rows, most int) (list []string, err error) {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var text sql.NullString
		into := []any{&text}
		for range columns[1:] {
			into = append(into, new(any))
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		if len(list) < most {
			list = append(list, text.String)
		}
	}
	return list, rows.Err()
}

// Rows counts those of each table.
func Rows(ctx context.Context, path string) (counts map[string]int64, err error) {
	pool, err := open(path, "ro")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	rows, err := pool.QueryContext(ctx, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
	if err != nil {
		return nil, damaged(err)
	}
	names, err := firstColumn(rows, 1000)
	if err != nil {
		return nil, damaged(err)
	}
	counts = make(map[string]int64, len(names))
	for _, name := range names {
		var n int64
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		if err := pool.QueryRowContext(ctx, "SELECT count(*) FROM "+quoted).Scan(&n); err != nil {
			return nil, damaged(err)
		}
		counts[name] = n
	}
	return counts, nil
}

// Settle writes the log back into the file and leaves the file alone, without a log, so that it may be moved: ErrBusy where anybody has
// it open. The next Open of package storage makes a log again.
func Settle(ctx context.Context, path string) (err error) {
	pool, err := open(path, "rw", "synchronous(FULL)")
	if err != nil {
		return err
	}
	pool.SetConnMaxIdleTime(0)
	defer func() { err = errors.Join(err, pool.Close()) }()
	var mode string
	err = pool.QueryRowContext(ctx, "PRAGMA journal_mode = DELETE").Scan(&mode)
	switch {
	case err != nil && strings.Contains(err.Error(), "locked"), err == nil && mode != "delete":
		return fmt.Errorf("%w: %s", ErrBusy, path)
	case err != nil:
		return fmt.Errorf("settle %s: %w", path, damaged(err))
	}
	return Sync(path)
}

// Sync makes a file durable, and its name.
func Sync(path string) error {
	for _, name := range []string{path, filepath.Dir(path)} {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// damaged gives what SQLite says of a broken file its category.
func damaged(err error) error {
	if errors.Is(err, fs.ErrNotExist) || err == nil {
		return err
	}
	text := err.Error()
	for _, sign := range []string{"malformed", "not a database", "corrupt"} {
		if strings.Contains(text, sign) {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return err
}
