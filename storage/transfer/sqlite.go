package transfer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"signet/storage/migrations"

	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// sqliteEngine is one connection to a file.
type sqliteEngine struct{ pool *sql.DB }

func openSQLite(ctx context.Context, path string) (engine, error) {
	// A move begins while a server writes all the time, and SQLite's lock has no order: it waits for longer than that server does.
	q := url.Values{"mode": {"rw"}, "_txlock": {"immediate"}, "_pragma": {"busy_timeout(60000)", "foreign_keys(1)", "synchronous(FULL)"}}
	pool, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), pool.Close())
	}
	return &sqliteEngine{pool}, nil
}

func (g *sqliteEngine) close() error { return g.pool.Close() }

func (g *sqliteEngine) query(ctx context.Context, query string, args []any, each func(values []any) error) error {
	rows, err := g.pool.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	into := make([]any, len(names))
	for rows.Next() {
		values := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := each(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (g *sqliteEngine) tx(ctx context.Context, body func(w writer) error) error {
	tx, err := g.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := body(sqliteWriter{tx}); err != nil {
		return err
	}
	return tx.Commit()
}

var sqliteKinds = map[string]kind{"TEXT": text, "BIGINT": integer, "INTEGER": integer, "BOOLEAN": truth, "BLOB": octets}

func (g *sqliteEngine) catalogue(ctx context.Context) (all []table, err error) {
	for _, name := range ours {
		t := table{name: name}
		err := g.query(ctx, "SELECT name, type, pk, hidden, \"notnull\" FROM pragma_table_xinfo($1)", []any{name}, func(v []any) error {
			hidden, key := v[3].(int64), v[2].(int64)
			c := column{name: v[0].(string), kind: sqliteKinds[v[1].(string)], key: int(key), computed: hidden != 0, required: v[4] == int64(1)}
			t.columns = append(t.columns, c)
			return nil
		})
		if err == nil {
			err = g.query(ctx, "SELECT \"table\" FROM pragma_foreign_key_list($1)", []any{name}, func(v []any) error {
				t.refers = append(t.refers, v[0].(string))
				return nil
			})
		}
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return described(all)
}

// described checks what a catalogue said, and brings the columns into one order.
func described(all []table) ([]table, error) {
	for i, t := range all {
		t.columns = slices.DeleteFunc(t.columns, func(c column) bool { return c.computed })
		slices.SortFunc(t.columns, func(a, b column) int { return strings.Compare(a.name, b.name) })
		if slices.Contains(leftOut, t.name) {
			t.columns = nil
		} else if len(t.columns) == 0 || len(t.keys()) == 0 {
			return nil, fmt.Errorf("%w: there is no table %s with a primary key", ErrSchema, t.name)
		}
		for _, c := range t.columns {
			if c.kind == "" {
				return nil, fmt.Errorf("%w: column %s.%s has a type that is not known here", ErrSchema, t.name, c.name)
			}
		}
		all[i] = t
	}
	return all, nil
}

func (g *sqliteEngine) freezing(tables []table) (freeze, thaw []string) {
	for _, t := range tables {
		for _, act := range []string{"INSERT", "UPDATE", "DELETE"} {
			name := trigger(t.name, strings.ToLower(act))
			freeze = append(freeze, fmt.Sprintf(`CREATE TRIGGER IF NOT EXISTS "%s" BEFORE %s ON "%s" BEGIN SELECT RAISE(ABORT, '%s'); END`,
				name, act, t.name, migrations.Frozen))
			thaw = append(thaw, fmt.Sprintf(`DROP TRIGGER IF EXISTS "%s"`, name))
		}
	}
	return freeze, thaw
}

// sqliteWriter is a transaction on SQLite.
type sqliteWriter struct{ tx *sql.Tx }

func (w sqliteWriter) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	res, err := w.tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (w sqliteWriter) insert(ctx context.Context, t table, rows [][]any) (err error) {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(t.columns)), ", ")
	into, err := w.tx.PrepareContext(ctx, `INSERT INTO "`+t.name+`" (`+quoted(namesOf(t.columns))+") VALUES ("+marks+")")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	for _, row := range rows {
		if _, err := into.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return nil
}
