package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"signet/storage/migrations"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// What CheckSchema finds; the messages around them name the remedy.
var (
	// ErrSchemaOlder: this binary needs steps that the database has not had. Serving would fail.
	ErrSchemaOlder = errors.New("database schema is older than this binary")
	// ErrSchemaNewer: a newer binary has migrated. Steps let the previous release keep running, so a caller may warn and
	// go on (a rolling upgrade, or a step back by one release).
	ErrSchemaNewer = errors.New("database schema is newer than this binary")
)

// Migration is one step as `signet migrate status` shows it.
type Migration struct {
	Version   int64
	Name      string
	AppliedAt time.Time // zero = pending
}

// CheckSchema tells whether the schema is older or newer than this binary: ErrSchemaOlder, ErrSchemaNewer, with the
// remedy in the message.
func (db *DB) CheckSchema(ctx context.Context) error {
	have, err := db.schemaVersion(ctx)
	if err != nil {
		return err
	}
	switch want := db.newestStep(); {
	case have < want:
		return fmt.Errorf("%w (it is at version %d, needed is %d): run `signet migrate up`", ErrSchemaOlder, have, want)
	case have > want:
		return fmt.Errorf("%w (it is at version %d, known is %d): start the newer binary, or run its `signet migrate down`", ErrSchemaNewer, have, want)
	}
	return nil
}

// MigrateUp applies all pending migrations under a lock (two replicas may start at once). When nothing is pending it is
// one read.
func (db *DB) MigrateUp(ctx context.Context) ([]Migration, error) {
	have, err := db.schemaVersion(ctx)
	if err != nil || have >= db.newestStep() {
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

// MigrateDown takes the newest applied migration back; ErrNotFound when there is none.
func (db *DB) MigrateDown(ctx context.Context) (Migration, error) {
	var back Migration
	err := db.withGoose(ctx, func(p *goose.Provider) error {
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

// schemaVersion reads the newest applied step; 0 for an empty database.
func (db *DB) schemaVersion(ctx context.Context) (int64, error) {
	exists := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'"
	if db.engine == Postgres {
		exists = "SELECT count(to_regclass('goose_db_version'))"
	}
	var n, version int64
	if err := db.one(ctx, exists, nil, &n); err != nil || n == 0 {
		return 0, err
	}
	err := db.one(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied", nil, &version)
	return version, err
}

// newestStep is the version of the newest embedded step.
func (db *DB) newestStep() int64 {
	var newest int64
	files, _ := fs.ReadDir(migrations.Files, string(db.engine)) // embedded: it is there
	for _, f := range files {
		number, _, _ := strings.Cut(f.Name(), "_")
		if v, err := strconv.ParseInt(number, 10, 64); err == nil {
			newest = max(newest, v)
		}
	}
	return newest
}

func stepName(file string) string { return strings.TrimSuffix(path.Base(file), ".sql") }
