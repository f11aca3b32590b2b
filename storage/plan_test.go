package storage_test

import (
	"database/sql"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signet/storage"
	"signet/storage/storagetest"
)

// small are the tables that hold a handful of rows; every other one (plans may name it by its alias) grows with use, and
// a statement that scans it gets slower every day.
var small = []string{"versions", "retention", "keys", "further_keys", "resources", "locks", "goose_db_version", "schema_compat",
	"master_keys", "salts", "cursors", "webhooks", "settings",
	"first_run", "upstream_uses", "sqlite_master", "CONSTANT"}

// derived are results of a SELECT inside a statement over interactions, waiting or tickets; what fills them is looked at by itself.
var derived = []string{"held", "ends", "live", "ordered", "(subquery-3)", "(subquery-4)", "(subquery-5)", "(subquery-6)"}

// TestEveryStatementIsIndexedOnSQLite asks SQLite how it does each statement of the contract.
func TestEveryStatementIsIndexedOnSQLite(t *testing.T) {
	seen := contractStatements(t, storage.SQLite, storagetest.SQLite)
	path := filepath.Join(t.TempDir(), "signet.db")
	file(t, path)
	raw, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	parameter := regexp.MustCompile(`\$(\d+)|\?`)
	for query := range seen {
		args := make([]any, len(slices.Compact(slices.Sorted(slices.Values(parameter.FindAllString(query, -1))))))
		if strings.Contains(query, "?") {
			args = make([]any, strings.Count(query, "?"))
		}
		for _, step := range planOf(t, raw, query, args) {
			table, isScan := strings.CutPrefix(step, "SCAN ")
			table, how, _ := strings.Cut(table, " ")
			// By primary key in order, up to a LIMIT, is how pages are read.
			paged := strings.Contains(query, "LIMIT") && strings.HasPrefix(how, "USING ")
			if isScan && !paged && !slices.Contains(small, table) && !slices.Contains(derived, table) {
				t.Errorf("%s\n  in %s", step, query)
			}
		}
	}
}

func planOf(t *testing.T, raw *sql.DB, query string, args []any) []string {
	t.Helper()
	rows, err := raw.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%v\n  in %s", err, query)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}
