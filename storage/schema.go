package storage

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"signet/storage/migrations"
)

// CheckSchema compares the schema with what this binary was built for: nil, ErrSchemaOlder, ErrSchemaAhead or
// ErrSchemaNewer, with the remedy in the message.
//
// A release is named by the newest step that it knows. A step that takes something away (contract) writes into
// schema_compat the oldest release that does without; whoever is that release or a later one runs on the schema.
func (db *DB) CheckSchema(ctx context.Context) error {
	have, err := db.schemaVersion(ctx)
	if err != nil {
		return err
	}
	if err := db.checkOrder(ctx); err != nil {
		return err
	}
	known := newestStep(db.dialect)
	if have < known {
		return fmt.Errorf("%w (it is at version %d, needed is %d): run `signet migrate up`", ErrSchemaOlder, have, known)
	}
	if have == known {
		return nil
	}
	oldest, err := db.oldestRelease(ctx)
	if err != nil {
		return err
	}
	if have == migrations.Unfinished {
		return fmt.Errorf("%w: its rows have not all arrived yet; run the same `signet move` again, to its end", ErrSchemaNewer)
	}
	if oldest > known {
		return fmt.Errorf("%w (it is at version %d, known is %d, and it needs a binary that knows %d): "+
			"start the newer binary, or run its `signet migrate down`", ErrSchemaNewer, have, known, oldest)
	}
	return fmt.Errorf("%w (it is at version %d, known is %d), which does no harm: finish the upgrade, or the step back", ErrSchemaAhead,
		have, known)
}

// schemaVersion reads the newest applied step; 0 for an empty database.
func (db *DB) schemaVersion(ctx context.Context) (int64, error) {
	there, err := db.hasTable(ctx, "goose_db_version")
	if err != nil || !there {
		return 0, err
	}
	var version int64
	err = db.one(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied", nil, &version)
	return version, err
}

// oldestRelease reads what the contracting steps have written: the newest step that a binary must know to run here.
func (db *DB) oldestRelease(ctx context.Context) (int64, error) {
	var release int64
	err := db.one(ctx, "SELECT COALESCE(MAX(min_release), 0) FROM schema_compat", nil, &release)
	return release, err
}

func (db *DB) hasTable(ctx context.Context, name string) (bool, error) {
	query := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1"
	if db.dialect == Postgres {
		query = "SELECT count(to_regclass($1))"
	}
	var n int64
	err := db.one(ctx, query, []any{name}, &n)
	return n > 0, err
}

// embedded are the steps that this binary knows, oldest first.
func embedded(dialect Dialect) ([]Migration, error) {
	files, err := fs.ReadDir(migrations.Files, string(dialect)) // in the order of their names
	if err != nil {
		return nil, err
	}
	steps := make([]Migration, len(files))
	for i, f := range files {
		number, _, _ := strings.Cut(f.Name(), "_")
		steps[i].Name = stepName(f.Name())
		if steps[i].Version, err = strconv.ParseInt(number, 10, 64); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

// newestStep is the version of the newest embedded step.
func newestStep(dialect Dialect) int64 {
	steps, err := embedded(dialect)
	if err != nil || len(steps) == 0 {
		return 0 // TestMigrationFiles sees to it that there are some
	}
	return steps[len(steps)-1].Version
}
