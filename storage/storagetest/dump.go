package storagetest

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// Exec runs statements beside the program, as an operator or another release does.
func Exec(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	driver, source := "pgx", dsn
	if path, is := strings.CutPrefix(dsn, "sqlite:"); is {
		driver, source = "sqlite", "file:"+path
	}
	pool, err := sql.Open(driver, source)
	ok(t, err)
	defer pool.Close()
	for _, statement := range statements {
		_, err := pool.ExecContext(t.Context(), statement)
		ok(t, err)
	}
}

// Dump is every value of every table as text, a row a line, as somebody reads it who gets hold of the database (dsn as
// storage.Options has it).
func Dump(t *testing.T, dsn string) string {
	t.Helper()
	driver, source, tables := "pgx", dsn, "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1"
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, source, tables = "sqlite", "file:"+
			path, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
	}
	pool, err := sql.Open(driver, source)
	ok(t, err)
	defer pool.Close()
	var out strings.Builder
	for _, table := range column(t, pool, tables) {
		fmt.Fprintf(&out, "# %s\n", table)
		rows, err := pool.QueryContext(t.Context(), "SELECT * FROM "+table)
		ok(t, err)
		names, err := rows.Columns()
		ok(t, err)
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(any)
			}
			ok(t, rows.Scan(values...))
			for i, v := range values {
				switch x := (*v.(*any)).(type) {
				case nil:
				case []byte:
					fmt.Fprintf(&out, "%s=%s ", names[i], x)
				default:
					fmt.Fprintf(&out, "%s=%v ", names[i], x)
				}
			}
			out.WriteByte('\n')
		}
		ok(t, rows.Err())
		ok(t, rows.Close())
	}
	return out.String()
}

func column(t *testing.T, pool *sql.DB, query string) []string {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), query)
	ok(t, err)
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		ok(t, rows.Scan(&s))
		list = append(list, s)
	}
	ok(t, rows.Err())
	return list
}
