package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"signet/config"
	"signet/internal/owner"
	"signet/internal/seal"
	"signet/storage"
)

// MasterFile is the master key's name beside the SQLite database.
const MasterFile = "master.key"

// ErrNoMasterKey: there is no master key and none may be made.
var ErrNoMasterKey = errors.New("there is no master key")

// needsMaster refuses Postgres without a master key, before anything is done (S03).
func needsMaster(c config.Config) error {
	if !c.Storage.DSN.Postgres() || !c.MasterKey.Empty() {
		return nil
	}
	return fmt.Errorf("%w: on Postgres it must be given as SIGNET_MASTER_KEY, in a file named by SIGNET_MASTER_KEY_FILE, "+
		"or by a program in SIGNET_MASTER_KEY_COMMAND that prints it; make one, once, with `signet key generate-master`, and keep a copy "+
		"where the database's backups are not", ErrNoMasterKey)
}

// openMaster finds the master key: as configured, or (SQLite) in the file beside the database, which is made at the first
// start (S02, S03). o.Notice receives a clear word when a key was made.
func openMaster(ctx context.Context, o Options, db *storage.DB) (*seal.Master, error) {
	c := o.Config
	if !c.MasterKey.Empty() {
		m, err := seal.Parse(c.MasterKey.Reveal())
		if err != nil {
			return nil, fmt.Errorf("the master key (SIGNET_MASTER_KEY, its _FILE, or what its _COMMAND prints): %w; it must be what "+
				"`signet key generate-master` prints", err)
		}
		return m, nil
	}
	path := c.Storage.DSN.SQLitePath()
	if path == "" { // in memory: key and database end together
		return seal.Parse(seal.Generate())
	}
	return fileMaster(ctx, masterFile(path), db, o)
}

// readMaster finds the master key as openMaster does, and makes none.
func readMaster(c config.Config) (*seal.Master, error) {
	if !c.MasterKey.Empty() {
		return seal.Parse(c.MasterKey.Reveal())
	}
	path := c.Storage.DSN.SQLitePath()
	if path == "" {
		return nil, ErrNoMasterKey
	}
	name := masterFile(path)
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoMasterKey, err)
	}
	m, err := seal.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return m, nil
}

// masterFile is where the master key of a SQLite database is, if none is configured.
func masterFile(database string) string { return filepath.Join(filepath.Dir(database), MasterFile) }

func fileMaster(ctx context.Context, name string, db *storage.DB, o Options) (*seal.Master, error) {
	notice := o.Notice
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = missingMaster(ctx, name, db, o)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("the master key: %w; it must belong to the account that runs this (chown), with mode 0600", err)
	}
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
		notice(fmt.Sprintf("Warning: %s can be read by other users of this machine; run: chmod 600 %s", name, name))
	}
	m, err := seal.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w; restore it from your copy", name, err)
	}
	return m, nil
}

// missingMaster makes a new key for serving, unless the database already holds something sealed with another one. Who reads
// a database in which nothing is sealed needs none.
func missingMaster(ctx context.Context, name string, db *storage.DB, o Options) ([]byte, error) {
	sealed, err := db.Keys(ctx)
	if err != nil {
		return nil, err
	}
	if len(sealed) > 0 {
		return nil, fmt.Errorf("%w: %s is missing, but the database holds keys sealed with it; restore the file from your copy", ErrNoMasterKey,
			name)
	}
	switch o.Use {
	case ForReading:
		return []byte(seal.Generate()), nil
	case ForActing:
		return nil, fmt.Errorf("%w: %s is not there yet; `signet serve` or `signet migrate up` makes it", ErrNoMasterKey, name)
	}
	return makeMaster(name, o.Notice)
}

func makeMaster(name string, notice func(string)) ([]byte, error) {
	text := []byte(seal.Generate() + "\n")
	switch err := writeOnce(name, text); {
	case errors.Is(err, fs.ErrExist): // another process was faster
		return os.ReadFile(name)
	case err != nil:
		return nil, fmt.Errorf("write the master key: %w", err)
	}
	notice(fmt.Sprintf("Made the master key %s. Keep a copy of it in a safe place: without it the database is worthless.", name))
	return text, nil
}

// writeOnce makes the file with all of its content, durable and for the owner only, or fails with fs.ErrExist.
func writeOnce(name string, text []byte) error {
	f, err := owner.CreateTemp(filepath.Dir(name), ".master-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	// A link fails where a rename would overwrite: of two processes that start at once, one makes the key.
	if err := os.Link(f.Name(), name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
