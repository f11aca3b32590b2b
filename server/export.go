package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"signet/config"
	"signet/internal/backup"
	"signet/internal/program"
	"signet/storage"
	"signet/storage/sqlitefile"
	"signet/storage/transfer"
)

// exportPrefix begins the name of a folder in which a Postgres is copied into a file.
const exportPrefix = "signet-export-"

// copyDatabase copies the configured database as it is at this moment into a SQLite file of a folder of its own, and says which; done
// removes the folder. A SQLite file is copied beside itself, a Postgres into the system's folder for temporary files.
func copyDatabase(ctx context.Context, c config.Config, step func(done string)) (folder, copied string, done func() error, err error) {
	path := c.Storage.DSN.SQLitePath()
	switch {
	case path != "":
		folder, done, err = scratch(filepath.Dir(path), scratchPrefix)
	case c.Storage.DSN.Postgres():
		folder, done, err = scratch("", exportPrefix)
	default:
		return "", "", nil, errNotSQLite
	}
	if err != nil {
		return "", "", nil, err
	}
	copied = filepath.Join(folder, backup.Database)
	if path != "" {
		err = sqlitefile.Copy(ctx, path, copied)
	} else {
		err = exportPostgres(ctx, c, copied, step)
	}
	if err != nil {
		return "", "", nil, errors.Join(err, done())
	}
	return folder, copied, done, nil
}

// exportPostgres makes a SQLite file with all that is in the configured Postgres at one moment.
func exportPostgres(ctx context.Context, c config.Config, to string, step func(done string)) error {
	dsn := "sqlite:" + to
	db, err := storage.Open(ctx, storage.Options{DSN: dsn, PoolSize: 1})
	if err != nil {
		return err
	}
	_, err = db.MigrateUp(ctx)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	from, err := program.Address(ctx, c.Storage.DSN.Reveal(), c.Storage.PasswordCommand)
	if err != nil {
		return fmt.Errorf("storage.password_command: %w", err)
	}
	if err := transfer.Export(ctx, from, dsn, step); err != nil {
		return fmt.Errorf("copy Postgres: %w", err)
	}
	return sqlitefile.Settle(ctx, to)
}
