package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
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
	if err != nil || have >= db.newestStep() {
		return nil, err
	}
	if err := db.checkOrder(ctx); err != nil {
		return nil, err
	}
	steps, err := db.embedded()
	if err != nil {
		return nil, err
	}
	var applied []Migration
	err = db.withGoose(ctx, func(p *goose.Provider) error {
		results, err := p.Up(ctx)
		if partial, ok := errors.AsType[*goose.PartialError](err); ok {
			results = partial.Applied
		}
		for _, r := range results {
			i := slices.IndexFunc(steps, func(m Migration) bool { return m.Version == r.Source.Version })
			applied = append(applied, Migration{Version: r.Source.Version, Name: steps[i].Name, AppliedAt: time.Now()})
		}
		return err
	})
	if db.dialect == SQLite && err != nil {
		return nil, err // all of them were taken back
	}
	return applied, err
}

// MigrateDown takes the newest applied migration back; ErrNotFound when there is none, ErrSchemaNewer when only a newer
// binary knows how.
func (db *DB) MigrateDown(ctx context.Context) (Migration, error) {
	back, err := db.stepBack(ctx)
	if err != nil {
		return back, err
	}
	return back, db.withGoose(ctx, func(p *goose.Provider) error {
		_, err := p.DownTo(ctx, back.Version-1)
		return err
	})
}

// MigrateStatus lists all migrations, oldest first, those of a newer binary by number. It writes nothing.
func (db *DB) MigrateStatus(ctx context.Context) ([]Migration, error) {
	steps, err := db.embedded()
	if err != nil {
		return nil, err
	}
	if have, err := db.schemaVersion(ctx); err != nil || have == 0 {
		return steps, err
	}
	at := map[int64]time.Time{}
	err = db.many(ctx, "SELECT version_id, tstamp FROM goose_db_version WHERE is_applied ORDER BY id", nil, func(rows *sql.Rows) error {
		var version int64
		var when time.Time
		err := rows.Scan(&version, &when)
		at[version] = when
		return err
	})
	if err != nil {
		return nil, err
	}
	delete(at, 0) // goose's own
	for i, s := range steps {
		steps[i].AppliedAt = at[s.Version]
		delete(at, s.Version)
	}
	for _, version := range slices.Sorted(maps.Keys(at)) {
		steps = append(steps, Migration{Version: version, Name: "(of a newer release)", AppliedAt: at[version]})
	}
	return steps, nil
}

// losing finds what the way back of a step takes away.
var losing = regexp.MustCompile(
	`(?i)\b(?:DROP TABLE(?: IF EXISTS)?|DELETE FROM) (\w+)|\bALTER TABLE (\w+)\s+DROP COLUMN(?: IF EXISTS)? (\w+)`)

// MigrateDownLoses tells what MigrateDown would take back, and how many rows of which "table NAME" or "column TABLE.NAME" go with it.
// The errors are MigrateDown's.
func (db *DB) MigrateDownLoses(ctx context.Context) (Migration, map[string]int64, error) {
	step, err := db.stepBack(ctx)
	if err != nil {
		return step, nil, err
	}
	text, err := db.stepText(step)
	if err != nil {
		return step, nil, err
	}
	_, down, _ := strings.Cut(text, "-- +goose Down")
	losses := map[string]int64{}
	for _, m := range losing.FindAllStringSubmatch(down, -1) {
		table, what := m[1]+m[2], "table "+m[1]
		if m[3] != "" {
			what = "column " + table + "." + m[3]
		}
		there, err := db.hasTable(ctx, table)
		var rows int64
		if err == nil && there {
			err = db.one(ctx, "SELECT count(*) FROM "+table, nil, &rows)
		}
		if err != nil {
			return step, nil, err
		}
		losses[what] = rows
	}
	return step, losses, nil
}

// building finds what a step does to rows that are there.
var building = regexp.MustCompile(`(?im)^\s*(?:CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?(?:IF NOT EXISTS )?(\w+)\s+ON (\w+)|` +
	`UPDATE (\w+)|DELETE FROM (\w+)|ALTER TABLE (\w+)\s+ADD)`)

// MigrateUpCosts lists the pending migrations, and for each what it does to rows that are there ("index grants_user on grants", with
// "beside writes" after it where these go on, "rows of grants" for those that are written, "column of grants") with how many these are.
// It writes nothing.
func (db *DB) MigrateUpCosts(ctx context.Context) ([]Migration, map[int64]map[string]int64, error) {
	have, err := db.schemaVersion(ctx)
	if err != nil {
		return nil, nil, err
	}
	steps, err := db.embedded()
	if err != nil {
		return nil, nil, err
	}
	steps = slices.DeleteFunc(steps, func(m Migration) bool { return m.Version <= have })
	costs := map[int64]map[string]int64{}
	for _, step := range steps {
		text, err := db.stepText(step)
		if err != nil {
			return nil, nil, err
		}
		up, _, _ := strings.Cut(text, "-- +goose Down")
		costs[step.Version] = map[string]int64{}
		for _, m := range building.FindAllStringSubmatch(up, -1) {
			table := m[3] + m[4] + m[5] + m[6]
			what := "rows of " + table
			switch {
			case m[2] != "":
				what = "index " + m[2] + " on " + table
			case m[6] != "":
				what = "column of " + table
			}
			if m[1] != "" {
				what += " beside writes"
			}
			there, err := db.hasTable(ctx, table)
			var rows int64
			if err == nil && there {
				err = db.one(ctx, "SELECT count(*) FROM "+table, nil, &rows)
			}
			if err != nil {
				return nil, nil, err
			}
			costs[step.Version][what] = rows
		}
	}
	return steps, costs, nil
}

// stepBack is the newest applied step; ErrNotFound when there is none, ErrSchemaNewer when only a newer binary knows it.
func (db *DB) stepBack(ctx context.Context) (Migration, error) {
	have, err := db.schemaVersion(ctx)
	if err != nil {
		return Migration{}, err
	}
	if have == 0 {
		return Migration{}, ErrNotFound
	}
	steps, err := db.embedded()
	if err != nil {
		return Migration{}, err
	}
	i := slices.IndexFunc(steps, func(m Migration) bool { return m.Version == have })
	if i < 0 {
		return Migration{}, fmt.Errorf("%w (it is at version %d, known is %d): run `signet migrate down` of the newer binary",
			ErrSchemaNewer, have, db.newestStep())
	}
	return steps[i], nil
}

func (db *DB) withGoose(ctx context.Context, run func(p *goose.Provider) error) error {
	if db.readOnly {
		return ErrReadOnly
	}
	files, err := fs.Sub(db.files, string(db.dialect))
	if err != nil {
		return err
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if g, ok := db.engine.(*postgresEngine); ok {
		steps, err := db.embedded()
		if err != nil {
			return err
		}
		all, err := g.goSteps(steps, db.stepText)
		if err != nil {
			return err
		}
		dialect, files, options = goose.DialectPostgres, nil, append(options, goose.WithGoMigrations(all...))
	}
	err = db.engine.migrating(ctx, func(pool *sql.DB) error {
		if db.dialect == SQLite {
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
