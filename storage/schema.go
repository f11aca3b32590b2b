package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
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
	known := db.newestStep()
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

// ourTable is one that the first step makes: where the table of versions has steps and this one is missing, they are another program's.
const ourTable = "revoked_tokens"

// schemaVersion reads the newest applied step; 0 for an empty database. A database with the tables of another program is an error. It is
// looked at twice: another replica that begins at the same time may have made tables after the versions were read, and their version with
// them.
func (db *DB) schemaVersion(ctx context.Context) (version int64, err error) {
	version, err = db.readVersion(ctx)
	if errors.Is(err, errForeign) {
		version, err = db.readVersion(ctx)
	}
	return version, err
}

func (db *DB) readVersion(ctx context.Context) (version int64, err error) {
	there, err := db.hasTable(ctx, "goose_db_version")
	if err == nil && there {
		err = db.one(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied", nil, &version)
	}
	if err != nil {
		return 0, err
	}
	if version == 0 {
		return 0, db.checkForeign(ctx, "sqlite_sequence", "goose_db_version")
	}
	if ours, err := db.hasTable(ctx, ourTable); err != nil || ours {
		return version, err
	}
	return 0, db.checkForeign(ctx, "sqlite_sequence")
}

var errForeign = errors.New("the database is another program's")

// checkForeign refuses a database that has tables: whoever mistyped its address wants no fifty more in it. Tables of extensions of
// Postgres are nobody's, nor are those in except.
func (db *DB) checkForeign(ctx context.Context, except ...string) error {
	query := "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
	remedy := "give Signet a file of its own"
	if db.dialect == Postgres {
		var schemas int64
		if err := db.one(ctx, "SELECT count(current_schema())", nil, &schemas); err != nil {
			return err
		}
		if schemas == 0 {
			return errors.New("no schema of the database's search_path exists: make one by CREATE SCHEMA, or take search_path out of the DSN " +
				"(or ALTER ROLE …, ALTER DATABASE … RESET search_path)")
		}
		query = `SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT EXISTS
				(SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e')
			ORDER BY c.relname`
		remedy = "give Signet a database of its own, or a schema: CREATE SCHEMA signet, and ?search_path=signet in the DSN"
	}
	var names []string
	err := db.many(ctx, query, nil, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		if !slices.Contains(except, name) {
			names = append(names, strconv.Quote(name))
		}
		return err
	})
	if err != nil || len(names) == 0 {
		return err
	}
	return fmt.Errorf("%w (it has tables that are not Signet's: %s): %s", errForeign,
		strings.Join(names[:min(3, len(names))], ", "), remedy)
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
func (db *DB) embedded() ([]Migration, error) {
	files, err := fs.ReadDir(db.files, string(db.dialect)) // in the order of their names
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

// stepText is the file of a step.
func (db *DB) stepText(m Migration) (string, error) {
	text, err := fs.ReadFile(db.files, path.Join(string(db.dialect), m.Name+".sql"))
	return string(text), err
}

// newestStep is the version of the newest embedded step.
func (db *DB) newestStep() int64 {
	steps, err := db.embedded()
	if err != nil || len(steps) == 0 {
		return 0 // TestMigrationFiles sees to it that there are some
	}
	return steps[len(steps)-1].Version
}
