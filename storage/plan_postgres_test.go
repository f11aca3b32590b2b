package storage_test

import (
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signet/storage"
	"signet/storage/storagetest"
)

var (
	parameterOf = regexp.MustCompile(`\$(\d+)`)
	seqScan     = regexp.MustCompile(`^Seq Scan on (\w+)`)
	indexScan   = regexp.MustCompile(`^Index (?:Only )?Scan (?:Backward )?using \w+ on (\w+)`)
)

// TestEveryStatementIsIndexedOnPostgres asks Postgres how it would do each statement of the contract, were it not for the tables
// being empty.
func TestEveryStatementIsIndexedOnPostgres(t *testing.T) {
	seen := contractStatements(t, storage.Postgres, storagetest.Postgres)
	raw := migratedPostgres(t)
	for query := range seen {
		plan := postgresPlan(t, raw, query)
		if strings.Contains(query, "to_regclass") || strings.Contains(query, "goose_db_version") {
			continue
		}
		for i, line := range plan {
			step := strings.TrimLeft(line, " ->")
			if m := seqScan.FindStringSubmatch(step); m != nil && !slices.Contains(small, m[1]) {
				t.Errorf("%s\n  in %s", step, query)
			}
			bounded := i+1 < len(plan) && strings.HasPrefix(strings.TrimSpace(plan[i+1]), "Index Cond:") || strings.Contains(query, "LIMIT")
			if m := indexScan.FindStringSubmatch(step); m != nil && !bounded && !slices.Contains(small, m[1]) {
				t.Errorf("%s reads the whole index\n  in %s", step, query)
			}
		}
	}
}

func migratedPostgres(t *testing.T) *sql.DB {
	t.Helper()
	dsn := storagetest.PostgresDSN(t)
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	raw.SetMaxOpenConns(1)
	for _, setting := range []string{"SET enable_seqscan = off", "SET enable_bitmapscan = off", "SET plan_cache_mode = force_generic_plan"} {
		if _, err := raw.ExecContext(t.Context(), setting); err != nil {
			t.Fatal(err)
		}
	}
	return raw
}

// postgresPlan is the plan for whichever parameters.
func postgresPlan(t *testing.T, raw *sql.DB, query string) []string {
	t.Helper()
	n := 0
	for _, m := range parameterOf.FindAllStringSubmatch(query, -1) {
		var i int
		if _, err := fmt.Sscan(m[1], &i); err == nil {
			n = max(n, i)
		}
	}
	if _, err := raw.ExecContext(t.Context(), "PREPARE asked AS "+query); err != nil {
		t.Fatalf("%v\n  in %s", err, query)
	}
	explain := "EXPLAIN EXECUTE asked"
	if n > 0 {
		explain += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", n), ", ") + ")"
	}
	rows, err := raw.QueryContext(t.Context(), explain)
	if err != nil {
		t.Fatalf("%v\n  in %s", err, query)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.ExecContext(t.Context(), "DEALLOCATE asked"); err != nil {
		t.Fatal(err)
	}
	return plan
}
