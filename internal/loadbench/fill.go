package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// crowd is who is in a database before: people who send nothing, with a session and a password each, and their grants.
type crowd struct{ grants, people int }

// cold is of how many grants one is of the client web, so that it can be refreshed.
const cold = 100

// grantOfCrowd is the id of the i-th grant.
func grantOfCrowd(i int) string { return fmt.Sprintf("%010d-A-GRANT-OF-SOME", i) }

// Statements that make the crowd. Rows come in the order of their keys, so that a key that cannot be made afterwards is made fast.
// TEN(x) is x as ten digits; MIX is i in an order of its own, so that neighbours in a table are none in its other indexes.
var crowdRows = []struct{ table, query string }{
	{"users", `INSERT INTO users (id, email_key, email, email_verified, profile, created_at, updated_at)
	SELECT TEN(i) || '-PERSON-OF-CROWD', 'p' || TEN(i) || '@crowd.example', 'p' || TEN(i) || '@crowd.example', TRUE,
	'{"name":"Somebody Else"}', NOW, NOW FROM n`},
	{"credentials", `INSERT INTO credentials (id, user_id, kind, data, created_at)
	SELECT TEN(i) || '-PASSWORD-OF-ONE', TEN(i) || '-PERSON-OF-CROWD', 'password',
	'{"hash":"$2a$10$' || TEN(i) || '.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"}', NOW FROM n`},
	{"sessions", `INSERT INTO sessions (id, secret_hash, user_id, auth_time, amr, agent, address, created_at, seen_at, expires_at, ends_at)
	SELECT TEN(i) || '-SESSION-OF-SOME', TEN(i) || '-secret-of-a-session-of-the-crowd', TEN(i) || '-PERSON-OF-CROWD', NOW, 'pwd',
	'Mozilla/5.0 (X11; Linux x86_64)', '192.0.2.1', NOW, NOW, LATER, LATER FROM n`},
	{"grants", `INSERT INTO grants (id, client_id, user_id, session_id, offline, scopes, auth_time, amr, data, code_hash, code_expires_at,
	code_used_at, generation, rotated_at, created_at, last_used_at, expires_at, ends_at, idle)
	SELECT TEN(i) || '-A-GRANT-OF-SOME', CASE WHEN i % COLD = 0 THEN 'web' ELSE 'crowd-' || (i % COLD) END,
	TEN(MIX % PEOPLE + 1) || '-PERSON-OF-CROWD', TEN(MIX % PEOPLE + 1) || '-SESSION-OF-SOME', TRUE,
	'openid profile email offline_access', NOW, 'pwd', '{"v":1,"nonce":"nonce-nonce-nonce",' ||
	'"redirect_uri":"http://localhost:1/cb","code_challenge":"fD3GLJ_KzCDB0w6uDOSFNNdflrHwtv8Cizh6P5pJkfQ","access":600,"idle":2592000}',
	TEN(MIX) || '-hash-of-a-code-of-the-crowd-----', NOW, NOW, 1, NOW, NOW, NOW, LATER + MIX * 1296, LATER + MIX * 1296, 5184000000000
	FROM n`},
}

// crowdEnds is when the first grants of a crowd end that was made at a time, and through how long the others do: all of them before those
// of a grant that is made meanwhile.
func crowdEnds(made time.Time) (first time.Time, through time.Duration) {
	return made.Add(10 * 24 * time.Hour), 15 * 24 * time.Hour
}

// fill puts the crowd into a database that has its schema and that nobody uses, and tells how large that is. What indexes need not be
// there meanwhile are made afterwards, as the migrations made them.
func fill(ctx context.Context, dsn string, c crowd, now time.Time) error {
	driver, source := "pgx", dsn
	numbers, ten := "WITH n(i) AS (SELECT generate_series(1, %d::bigint)) ", "lpad((%s)::text, 10, '0')"
	indexes := "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = $1 AND NOT EXISTS " +
		"(SELECT 1 FROM pg_constraint WHERE conindid = (quote_ident(schemaname) || '.' || quote_ident(indexname))::regclass)"
	path, file := strings.CutPrefix(dsn, "sqlite:")
	if file {
		driver = "sqlite"
		source = "file:" + path +
			"?_pragma=journal_mode(off)&_pragma=cache_size(-1000000)&_pragma=synchronous(off)&_pragma=locking_mode(exclusive)"
		numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
		ten = "printf('%%010d', %s)"
		indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = $1 AND sql IS NOT NULL"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if !file {
		if _, err := db.ExecContext(ctx, "SET maintenance_work_mem = '1GB'"); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
	}
	began, first := time.Now(), now
	first, _ = crowdEnds(now)
	const mix = "(i * 736338717 % 1000000007)"
	words := strings.NewReplacer("TEN(MIX % PEOPLE + 1)", fmt.Sprintf(ten, fmt.Sprintf("%s %% %d + 1", mix, c.people)),
		"TEN(MIX)", fmt.Sprintf(ten, mix), "TEN(i)", fmt.Sprintf(ten, "i"), "MIX", mix, "COLD", fmt.Sprint(cold),
		"NOW", fmt.Sprint(now.UnixMicro()), "LATER", fmt.Sprint(first.UnixMicro()))
	for _, part := range crowdRows {
		rows := c.people
		if part.table == "grants" {
			rows = c.grants
		}
		start := time.Now()
		insert := fmt.Sprintf(numbers, rows) + words.Replace(part.query)
		if err := withoutIndexes(ctx, db, indexes, part.table, insert); err != nil {
			return fmt.Errorf("fill %s: %w", part.table, err)
		}
		took := time.Since(start)
		fmt.Printf("%s: %d rows in %s, %.0f a second\n", part.table, rows, took.Round(time.Second/10), float64(rows)/took.Seconds())
	}
	if err := told(ctx, db, path, file, c); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	fmt.Printf("%d grants of %d people in %s\n", c.grants, c.people, time.Since(began).Round(time.Second))
	return nil
}

// withoutIndexes inserts while the table has none of its indexes but those of its keys.
func withoutIndexes(ctx context.Context, db *sql.DB, list, table, insert string) (err error) {
	found, err := db.QueryContext(ctx, list, table)
	if err != nil {
		return err
	}
	defer found.Close()
	made := map[string]string{}
	for found.Next() {
		var name, text string
		if err := found.Scan(&name, &text); err != nil {
			return err
		}
		made[name] = text
	}
	if err := errors.Join(found.Err(), found.Close()); err != nil {
		return err
	}
	for name := range made {
		if _, err := db.ExecContext(ctx, `DROP INDEX "`+name+`"`); err != nil {
			return err
		}
	}
	if _, err := db.ExecContext(ctx, insert); err != nil {
		return err
	}
	for _, text := range made {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// told prints how large the database is, and makes it as one that has been there for a while.
func told(ctx context.Context, db *sql.DB, path string, file bool, c crowd) error {
	if file {
		info, err := os.Stat(path)
		if err == nil {
			fmt.Printf("database %.0f MB\n", float64(info.Size())/1e6)
		}
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM ANALYZE"); err != nil {
		return err
	}
	for _, part := range crowdRows {
		var table, indexes float64
		err := db.QueryRowContext(ctx, "SELECT pg_table_size($1::text::regclass), pg_indexes_size($1::text::regclass)", part.table).
			Scan(&table, &indexes)
		if err != nil {
			return err
		}
		rows := float64(c.people)
		if part.table == "grants" {
			rows = float64(c.grants)
		}
		fmt.Printf("%s: %.0f MB, its indexes %.0f MB: %.0f + %.0f bytes a row\n", part.table, table/1e6, indexes/1e6, table/rows, indexes/rows)
	}
	var all float64
	err := db.QueryRowContext(ctx, "SELECT pg_database_size(current_database())").Scan(&all)
	fmt.Printf("database %.0f MB\n", all/1e6)
	return err
}
