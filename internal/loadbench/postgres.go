package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"

	_ "signet/storage" // brings the driver named "pgx"
)

// ask reads one row of the database under measurement.
func ask(ctx context.Context, dsn, query string, into ...any) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.QueryRowContext(ctx, query).Scan(into...)
}

// clusterOf is the first process of the cluster that a database is of; 0 where it is not of this machine.
func clusterOf(ctx context.Context, dsn string) (pid int) {
	if dsn == "" {
		return 0
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return 0
	}
	defer db.Close()
	if db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid) != nil {
		return 0
	}
	return parentOf(pid)
}

// walBytes is how much Postgres wrote ahead so far; 0 on SQLite.
func walBytes(ctx context.Context, dsn string) (n float64) {
	if dsn != "" {
		_ = ask(ctx, dsn, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn", &n)
	}
	return n
}

// printHeapOnly tells how many updates of grants wrote no index.
func printHeapOnly(ctx context.Context, out io.Writer, dsn string) {
	if dsn == "" {
		return
	}
	var all, hot int64
	if err := ask(ctx, dsn, "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'grants'", &all, &hot); err != nil {
		fmt.Fprintln(out, "heap-only updates:", err)
		return
	}
	fmt.Fprintf(out, "\n%d updates of grants, %.1f %% of them heap-only\n", all, 100*float64(hot)/float64(max(1, all)))
}
