package server

import (
	"context"
	"errors"

	"signet/config"
	"signet/storage"
)

// Migrate prepares the configured database for its first server: it makes a SQLite file and its master key where there are none, and
// applies the pending migrations. It needs no master key of Postgres, nor makes any signing key.
func Migrate(ctx context.Context, c config.Config, notice func(string)) (done []storage.Migration, err error) {
	db, err := OpenDatabase(ctx, c, nil, ForServing)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	copied, err := snapshot(ctx, c, db, false)
	if err != nil {
		return nil, err
	}
	if copied != "" && notice != nil {
		notice("Copied the database to " + copied + ", as it was before the migration.")
	}
	if done, err = db.MigrateUp(ctx); err != nil {
		return done, err
	}
	if c.Storage.DSN.SQLitePath() == "" || !c.MasterKey.Empty() {
		return done, nil
	}
	_, err = openMaster(ctx, Options{Config: c, Notice: notice}, db)
	if errors.Is(err, ErrNoMasterKey) { // lost: that is for whoever needs it to say
		err = nil
	}
	return done, err
}
