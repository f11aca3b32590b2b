package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"signet/storage/migrations"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// Migration is one step as `signet migrate status` shows it.
type Migration struct {
	Version   int64
	Name      string
	AppliedAt time.Time // zero = pending
}

// MigrateUp applies all pending migrations under a lock (two replicas may start at once). When nothing is pending it is
// one read.
func (db *DB) MigrateUp(ctx context.Context) ([]Migration, error) {
	have, err := db.schemaVersion(ctx)
	if err != nil || have >= newestStep(db.engine) {
		return nil, err
	}
	var applied []Migration
	err = db.withGoose(ctx, func(p *goose.Provider) error {
		results, err := p.Up(ctx)
		for _, r := range results {
			applied = append(applied, Migration{Version: r.Source.Version, Name: stepName(r.Source.Path), AppliedAt: time.Now()})
		}
		return err
	})
	return applied, err
}

// MigrateDown takes the newest applied migration back; ErrNotFound when there is none, ErrSchemaNewer when only a newer
// binary knows how.
func (db *DB) MigrateDown(ctx context.Context) (Migration, error) {
	var back Migration
	have, err := db.schemaVersion(ctx)
	if err != nil {
		return back, err
	}
	if known := newestStep(db.engine); have > known {
		return back, fmt.Errorf("%w (it is at version %d, known is %d): run `signet migrate down` of the newer binary", ErrSchemaNewer, have, known)
	}
	err = db.withGoose(ctx, func(p *goose.Provider) error {
		r, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return ErrNotFound
		}
		if err == nil {
			back = Migration{Version: r.Source.Version, Name: stepName(r.Source.Path)}
		}
		return err
	})
	return back, err
}

// MigrateStatus lists all migrations, oldest first.
func (db *DB) MigrateStatus(ctx context.Context) ([]Migration, error) {
	var list []Migration
	err := db.withGoose(ctx, func(p *goose.Provider) error {
		steps, err := p.Status(ctx)
		for _, s := range steps {
			list = append(list, Migration{Version: s.Source.Version, Name: stepName(s.Source.Path), AppliedAt: s.AppliedAt})
		}
		return err
	})
	return list, err
}

func (db *DB) withGoose(ctx context.Context, run func(p *goose.Provider) error) error {
	files, err := fs.Sub(migrations.Files, string(db.engine))
	if err != nil {
		return err
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if db.engine == Postgres {
		// Two replicas that start at once: the second waits, looking every second for two minutes.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
		if err != nil {
			return err
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	err = db.ground.migrating(ctx, func(pool *sql.DB) error {
		if db.engine == SQLite {
			if err := makeVersionTable(ctx, pool); err != nil {
				return err
			}
		}
		p, err := goose.NewProvider(dialect, pool, files, options...)
		if err != nil {
			return err
		}
		return run(p)
	})
	if err != nil {
		return fmt.Errorf("migrate: %w", db.translate(err))
	}
	return nil
}

// makeVersionTable makes goose's table as goose would, but inside the transaction that migrating holds on SQLite.
func makeVersionTable(ctx context.Context, pool *sql.DB) error {
	store, err := database.NewStore(database.DialectSQLite3, goose.DefaultTablename)
	if err != nil {
		return err
	}
	var n int
	exists := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'"
	if err := pool.QueryRowContext(ctx, exists).Scan(&n); err != nil || n > 0 {
		return err
	}
	if err := store.CreateVersionTable(ctx, pool); err != nil {
		return err
	}
	return store.Insert(ctx, pool, database.InsertRequest{Version: 0})
}

func stepName(file string) string { return strings.TrimSuffix(path.Base(file), ".sql") }
