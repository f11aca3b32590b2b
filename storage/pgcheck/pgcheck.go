// Package pgcheck looks whether a Postgres, and what is in front of it, is set up as docs/operations.md recommends. It reads only.
package pgcheck

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Remark is one thing that was looked at.
type Remark struct {
	OK   bool // false = it will fail, or has
	Text string
}

// Look connects to the database at dsn beside those who use it. pool is how many connections a server opens, running how many servers have
// said that they run.
func Look(ctx context.Context, dsn string, pool, running int) (list []Remark, err error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the address cannot be read") // its words may quote the password
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	config.RuntimeParams["application_name"] = "signet doctor"
	db := stdlib.OpenDB(*config)
	defer db.Close()
	remark, pooled, err := pooler(ctx, db)
	if pooled {
		list = append(list, remark)
	}
	if err != nil || pooled && !remark.OK {
		return list, err
	}
	if remark, err = collation(ctx, db); err != nil {
		return list, err
	}
	list = append(list, remark)
	list = append(list, archiving(ctx, db))
	if !pooled { // the connections are the pooler's otherwise
		remark, err = connections(ctx, db, pool, running)
		list = append(list, remark)
	}
	return list, err
}

// pooler tells by two clients who get one connection in turn that somebody hands connections around, and whether the address fits that.
func pooler(ctx context.Context, db *sql.DB) (r Remark, pooled bool, err error) {
	one, err := db.Conn(ctx)
	if err != nil {
		return r, false, err
	}
	defer one.Close()
	other, err := db.Conn(ctx)
	if err != nil {
		return r, false, err
	}
	defer other.Close()
	var first, second int
	for range 4 {
		err = errors.Join(backend(ctx, one, &first), backend(ctx, other, &second))
		if mixedUp(err) {
			return Remark{false, "a pooler in transaction mode is in front of it: add default_query_exec_mode=cache_describe to the " +
				"parameters of storage.dsn, or prepared statements are mixed up"}, true, nil
		}
		if err != nil {
			return r, false, err
		}
		if first == second {
			return Remark{true, "a pooler in transaction mode is in front of it, and the address suits it"}, true, nil
		}
	}
	return r, false, nil
}

func backend(ctx context.Context, conn *sql.Conn, pid *int) error {
	return conn.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(pid)
}

// collation tells of an encoding that is not ours, of an order that an upgrade of the operating system may change, and of one that it has
// changed: then indexes of text, the unique ones too, find no longer what is there.
func collation(ctx context.Context, db *sql.DB) (Remark, error) {
	var collate, made, now, encoding string
	var version int
	err := db.QueryRowContext(ctx, `SELECT COALESCE(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', d.datcollate),
			COALESCE(to_jsonb(d) ->> 'datcollversion', ''), current_setting('server_version_num')::int,
			current_setting('server_encoding')
		FROM pg_database d WHERE datname = current_database()`).Scan(&collate, &made, &version, &encoding)
	if err != nil {
		return Remark{}, err
	}
	if encoding != "UTF8" {
		return Remark{false, "its encoding is " + encoding + ", so Postgres takes text for other characters than it is: make a database with " +
			"ENCODING 'UTF8', and `signet move` there"}, nil
	}
	if version >= 150000 {
		err := db.QueryRowContext(ctx, `SELECT COALESCE(pg_database_collation_actual_version(oid), '') FROM pg_database
			WHERE datname = current_database()`).Scan(&now)
		if err != nil {
			return Remark{}, err
		}
	}
	switch name := strings.ToUpper(strings.ReplaceAll(collate, "-", "")); {
	case name == "C", name == "POSIX", name == "C.UTF8":
		return Remark{true, "sorts by " + collate}, nil
	case made != now:
		return Remark{false, fmt.Sprintf("sorts by %s, whose version was %s when the database was made and is %s: indexes may miss rows and "+
			"let duplicates in. Run REINDEX DATABASE and ALTER DATABASE … REFRESH COLLATION VERSION", collate, made, now)}, nil
	}
	return Remark{true, fmt.Sprintf("worth a look: it sorts by %s, and an upgrade of the operating system may change that under its indexes; "+
		"LOCALE 'C' never changes", collate)}, nil
}

// archived is how old the newest archived part of the log may be before that is worth a look.
const archived = 24 * time.Hour

// tried is how long Postgres may try again before that is a problem.
const tried = 10 * time.Minute

// archiving tells where backups of Postgres's own stand, as far as it knows: whether its log is kept, which base backups go forward by.
func archiving(ctx context.Context, db *sql.DB) Remark {
	var mode, name string
	var last, failed, now sql.NullTime
	err := db.QueryRowContext(ctx, `SELECT current_setting('archive_mode'), COALESCE(last_failed_wal, ''), last_archived_time,
			last_failed_time, now() FROM pg_stat_archiver`).Scan(&mode, &name, &last, &failed, &now)
	if err != nil {
		return Remark{true, "worth a look: whether its log is archived cannot be seen (" + err.Error() + ")"}
	}
	return judgeArchive(mode, name, last.Time, failed.Time, now.Time)
}

func judgeArchive(mode, name string, last, failed, now time.Time) Remark {
	const see = " (docs/operations.md, Backup and restore, Postgres)"
	age := now.Sub(last).Round(time.Minute)
	switch {
	case mode == "off":
		return Remark{true, "worth a look: it keeps no log for going back to a moment (archive_mode is off), unless your provider does in " +
			"another way" + see}
	case failed.After(last) && now.Sub(last) > tried:
		return Remark{false, fmt.Sprintf("archiving its log fails (%s, at %s): backups do not go beyond what was archived before, and its disk "+
			"fills up; its own log says why", name, failed.UTC().Format(time.RFC3339))}
	case last.IsZero():
		return Remark{true, "worth a look: nothing of its log was archived yet, since its counters began" + see}
	case age > archived:
		return Remark{true, fmt.Sprintf("worth a look: a part of its log was last archived %s ago; archive_timeout sees to one in time", age)}
	}
	return Remark{true, fmt.Sprintf("a part of its log was archived %s ago", age)}
}

// connections compares what the servers open with what Postgres gives. Servers of a release that does not say that it runs are counted by
// their addresses.
func connections(ctx context.Context, db *sql.DB, pool, running int) (Remark, error) {
	var most, servers int
	err := db.QueryRowContext(ctx, `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
			- COALESCE(current_setting('reserved_connections', true), '0')::int,
		(SELECT count(DISTINCT COALESCE(host(client_addr), '')) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'signet')`).Scan(&most, &servers)
	if err != nil {
		return Remark{}, err
	}
	servers = max(servers, running)
	remark := Remark{true, fmt.Sprintf("%d connections: enough for %d servers with a pool of %d", most, most/max(pool, 1), pool)}
	if max(servers, 1)*pool > most {
		remark = Remark{false, fmt.Sprintf("%d connections are too few for a pool of %d in each of the %d servers seen: lower "+
			"storage.pool_size, raise max_connections, or put a pooler between", most, pool, max(servers, 1))}
	}
	return remark, nil
}

// mixedUp reports whether err is of a prepared statement that another client's connection has, or has not.
func mixedUp(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "42P05" || e.Code == "26000")
}
