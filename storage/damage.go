package storage

import (
	"compress/gzip"
	"context"
	"database/sql"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"signet/storage/migrations"
)

// outlines list what a database has, a table, and what is in it: its kind and name, and what it is.
var outlines = map[Dialect]string{
	SQLite: `SELECT t.name, 'column ' || c.name, lower(c.type) || CASE WHEN c."notnull" THEN ' not null' ELSE '' END ||
			CASE WHEN c.dflt_value IS NULL THEN '' ELSE ' default' END
			FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\'
		UNION ALL SELECT t.name, 'index ' || i.name, CASE WHEN i."unique" THEN 'unique ' ELSE '' END ||
			(SELECT group_concat(COALESCE(name, '()'), ' ') FROM pragma_index_info(i.name)) || CASE WHEN i.partial THEN ' where' ELSE '' END
			FROM sqlite_master t, pragma_index_list(t.name) i WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\'
		UNION ALL SELECT t.name, 'reference ' || f."from", f."table" || ' ' || lower(f.on_delete)
			FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'
		UNION ALL SELECT tbl_name, 'trigger ' || name, 'on' FROM sqlite_master WHERE type = 'trigger'
		ORDER BY 1, 2`,
	Postgres: `WITH t AS (SELECT c.oid, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = ANY (current_schemas(false)) AND pg_table_is_visible(c.oid) AND c.relkind IN ('r', 'p'))
		SELECT t.relname, 'column ' || a.attname, format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END ||
			CASE WHEN a.atthasdef THEN ' default' ELSE '' END
			FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid WHERE a.attnum > 0 AND NOT a.attisdropped
		UNION ALL SELECT t.relname, 'index ' || i.relname, CASE WHEN x.indisunique THEN 'unique ' ELSE '' END ||
			(SELECT string_agg(pg_get_indexdef(x.indexrelid, k, true), ' ' ORDER BY k) FROM generate_series(1, x.indnatts) k) ||
			CASE WHEN x.indpred IS NULL THEN '' ELSE ' where' END || CASE WHEN x.indisvalid THEN '' ELSE ' (not valid)' END
			FROM t JOIN pg_catalog.pg_index x ON x.indrelid = t.oid JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
		UNION ALL SELECT t.relname, 'reference ' || f.conname, CASE f.confdeltype WHEN 'c' THEN 'cascade' ELSE 'no action' END ||
			CASE WHEN f.convalidated THEN '' ELSE ' (not valid)' END
			FROM t JOIN pg_catalog.pg_constraint f ON f.conrelid = t.oid WHERE f.contype = 'f'
		UNION ALL SELECT t.relname, 'trigger ' || g.tgname, CASE g.tgenabled WHEN 'D' THEN 'disabled' ELSE 'on' END
			FROM t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
		ORDER BY 1, 2`,
}

// outline is what the database has, as migrations has it for each dialect: a table a line, and indented what is in it.
func (db *DB) outline(ctx context.Context) (string, error) {
	var text strings.Builder
	last := ""
	err := db.many(ctx, outlines[db.dialect], nil, func(rows *sql.Rows) error {
		var table, part, is string
		if err := rows.Scan(&table, &part, &is); err != nil || table == "goose_db_version" {
			return err
		}
		if table != last {
			fmt.Fprintln(&text, table)
			last = table
		}
		_, err := fmt.Fprintf(&text, " %s: %s\n", part, is)
		return err
	})
	return text.String(), err
}

// SchemaDamage compares a schema of this binary's version with what the steps make, and says what somebody has taken away or changed, each
// with its remedy. What was added is not looked at.
func (db *DB) SchemaDamage(ctx context.Context) ([]string, error) {
	now, err := db.outline(ctx)
	if err != nil {
		return nil, err
	}
	should, err := db.wanted()
	if err != nil {
		return nil, err
	}
	have := map[string]string{}
	eachPart(now, func(table, part, is string) { have[table+" "+part] = is })
	var damage []string
	eachPart(should, func(table, part, is string) {
		found, there := have[table+" "+part]
		_, whole := have[table+" "]
		what, name, _ := strings.Cut(part, " ")
		switch {
		case part == "" && !there:
			damage = append(damage, fmt.Sprintf("the table %s is missing: %s", table, db.remake("")))
		case !whole || there && found == is: // the table is said, or all is well
		case !there:
			damage = append(damage, fmt.Sprintf("the %s %s of the table %s is missing: %s", what, name, table, db.remake(name)))
		default:
			damage = append(damage, fmt.Sprintf("the %s %s of the table %s is %q and should be %q: change it back", what, name, table, found, is))
		}
	})
	return damage, nil
}

// wanted is what the steps make.
func (db *DB) wanted() (string, error) {
	f, err := migrations.Files.Open(string(db.dialect) + ".txt.gz")
	if err != nil {
		return "", err
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// eachPart reads what outline writes; a table itself is a part without a name.
func eachPart(outline string, each func(table, part, is string)) {
	table := ""
	for line := range strings.Lines(outline) {
		part, is, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		part, within := strings.CutPrefix(part, " ")
		if !within {
			table, part = part, ""
		}
		each(table, part, is)
	}
}

// remake is the statement that makes an index, as the newest step has it, or what is left to do for anything else.
func (db *DB) remake(index string) string {
	steps, _ := db.embedded()
	making := regexp.MustCompile(`(?s)CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY IF NOT EXISTS )?` + regexp.QuoteMeta(index) + `\s[^;]*;`)
	for _, step := range slices.Backward(steps) {
		text, err := db.stepText(step)
		up, _, _ := strings.Cut(text, "-- +goose Down")
		if made := making.FindString(up); err == nil && index != "" && made != "" {
			return "make it again: " + strings.TrimSuffix(strings.Join(strings.Fields(made), " "), ";")
		}
	}
	return "stop the servers and restore the database from a backup (docs/operations.md)"
}
