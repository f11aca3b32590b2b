package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// lockWait bounds how long a statement of a step waits for a lock, and with it whoever comes after. Then the step is taken back, the
// others go on, and it is tried again.
type lockWait struct {
	wait  time.Duration
	tries int
}

var patient = lockWait{wait: 3 * time.Second, tries: 30}

// all is how long one waits where nobody waits behind.
func (l lockWait) all() time.Duration { return l.wait * time.Duration(l.tries) }

// lockNotAvailable is what Postgres says when lock_timeout is over.
const lockNotAvailable = "55P03"

// stepMark begins the statements of a step, so that another connection finds who waits, through a pooler as well.
const stepMark = "-- signet migrate\n"

// unlimited lifts the limits that the role or the database has for statements and transactions, for one transaction or for the session.
func unlimited(wait time.Duration, local bool) string {
	return fmt.Sprintf("SELECT set_config('lock_timeout', '%d', %t), (SELECT count(set_config(s, '0', %[2]t)) FROM unnest(ARRAY["+
		"'statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout']) AS s WHERE current_setting(s, true) IS NOT NULL)",
		wait.Milliseconds(), local)
}

// goSteps are the steps as functions, for what a file cannot say: how long to wait, and what to do about an index that is not valid.
func (g *postgresEngine) goSteps(steps []Migration, text func(Migration) (string, error)) ([]*goose.Migration, error) {
	var all []*goose.Migration
	for _, m := range steps {
		whole, err := text(m)
		if err != nil {
			return nil, err
		}
		up, down, _ := strings.Cut(whole, "-- +goose Down")
		way := g.inTransaction
		if strings.HasPrefix(whole, "-- +goose NO TRANSACTION\n") {
			way = g.concurrently
		}
		all = append(all, goose.NewGoMigration(m.Version, way(up), way(down)))
	}
	return all, nil
}

func (g *postgresEngine) inTransaction(text string) *goose.GoFunc {
	return &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, unlimited(g.locks.wait, true)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, stepMark+text)
		return err
	}}
}

// concurrent finds the statements of a step without a transaction, which has no others (TestStepsLetOthersWrite).
var concurrent = regexp.MustCompile(
	`(?m)^(?:CREATE INDEX CONCURRENTLY IF NOT EXISTS (\w+)\s+ON (\w+)|DROP INDEX CONCURRENTLY IF EXISTS \w+)[^;]*;`)

func (g *postgresEngine) concurrently(text string) *goose.GoFunc {
	return &goose.GoFunc{RunDB: func(ctx context.Context, pool *sql.DB) error {
		conn, err := pool.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := g.unlimitSession(ctx, conn); err != nil {
			return err
		}
		for _, m := range concurrent.FindAllStringSubmatch(text, -1) {
			if m[1] != "" {
				err = g.buildIndex(ctx, conn, m[0], m[1], m[2])
			} else {
				_, err = conn.ExecContext(ctx, stepMark+m[0])
			}
			if refusedLock(err) { // it has waited as long as it may: nobody waited behind it
				return waited{err}
			}
			if err != nil {
				return err
			}
		}
		return nil
	}}
}

// unlimitSession lifts the limits of a connection that is Postgres's own and is closed after the steps. Behind a pooler, which gives
// another number than the process has, the limits would be set for somebody else.
func (g *postgresEngine) unlimitSession(ctx context.Context, conn *sql.Conn) error {
	var pid, said uint32
	if err := conn.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return err
	}
	err := conn.Raw(func(c any) error {
		said = c.(*stdlib.Conn).Conn().PgConn().PID()
		return nil
	})
	if err != nil || pid != said {
		return err
	}
	_, err = conn.ExecContext(ctx, unlimited(g.locks.all(), false))
	return err
}

// buildIndex builds an index beside writes. What an earlier build left behind is taken away, once whoever still builds has ended.
func (g *postgresEngine) buildIndex(ctx context.Context, conn *sql.Conn, statement, name, table string) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, s := range []string{unlimited(g.locks.all(), true), stepMark + "LOCK TABLE " + table + " IN SHARE UPDATE EXCLUSIVE MODE"} {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	invalid := func() (is bool, err error) {
		err = conn.QueryRowContext(ctx, fmt.Sprintf(
			"SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('%s') AND NOT indisvalid)", name)).Scan(&is)
		return is, err
	}
	if is, err := invalid(); err != nil {
		return err
	} else if is {
		if _, err := conn.ExecContext(ctx, stepMark+"DROP INDEX CONCURRENTLY IF EXISTS "+name); err != nil {
			return err
		}
	}
	if _, err := conn.ExecContext(ctx, stepMark+statement); err != nil {
		return err
	}
	if is, err := invalid(); err != nil || is {
		return errors.Join(err, fmt.Errorf("the index %s is not valid: run `signet migrate up` again, which builds it anew", name))
	}
	return nil
}

// waited is a lock that is not to be asked for again.
type waited struct{ error }

// Unwrap implements errors.Unwrap.
func (w waited) Unwrap() error { return w.error }

// refusedLock reports whether a statement gave up on a lock: that after which nothing was done, or can be done over.
func refusedLock(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == lockNotAvailable
}

// patiently repeats run, which begins with the first step that is not done, while it finds no lock or meets others in a deadlock.
func (g *postgresEngine) patiently(ctx context.Context, beside *sql.DB, run func() error) error {
	for n := 1; ; n++ {
		stop := g.watchHolders(ctx, beside)
		err := run()
		holders := stop()
		if !refusedLock(err) && !(retryable(err) && !errors.Is(err, driver.ErrBadConn)) {
			return err
		}
		if partial, ok := errors.AsType[*goose.PartialError](err); ok && len(partial.Applied) > 0 {
			n = 1
		}
		if _, end := errors.AsType[waited](err); end || n >= g.locks.tries {
			return fmt.Errorf("%w: %w: %s", ErrUnavailable, err, holders)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(g.locks.wait / 3): // for those who waited behind
		}
	}
}

// watchHolders looks who holds what a step waits for, until stop is called, which says so.
func (g *postgresEngine) watchHolders(ctx context.Context, beside *sql.DB) (stop func() string) {
	ctx, cancel := context.WithCancel(ctx)
	seen := make(chan string, 1)
	go func() {
		last := "who held the lock is not known: look into pg_stat_activity for transactions that do not end"
		defer func() { seen <- last }()
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(g.locks.wait / 3):
			}
			if held := holders(ctx, beside); held != "" {
				last = "the lock is held by " + held + ": wait for its end, or end it by SELECT pg_terminate_backend(pid), and run " +
					"`signet migrate up` again. Steps that are not done whole are not done at all"
			}
		}
	}()
	return func() string {
		cancel()
		return <-seen
	}
}

// holders names those whom a step waits for, "" where there are none, or it cannot be told.
func holders(ctx context.Context, beside *sql.DB) string {
	rows, err := beside.QueryContext(ctx, `SELECT b.pid, COALESCE(b.usename, ''), COALESCE(b.application_name, ''), COALESCE(b.state, ''),
			COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - b.xact_start)::bigint, 0)
		FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS h (pid) JOIN pg_stat_activity b ON b.pid = h.pid
		WHERE w.datname = current_database() AND w.wait_event_type = 'Lock' AND w.query LIKE '-- signet migrate%'
		ORDER BY b.xact_start LIMIT 3`)
	if err != nil {
		return ""
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var pid, seconds int64
		var user, app, state string
		if rows.Scan(&pid, &user, &app, &state, &seconds) == nil {
			all = append(all, fmt.Sprintf("pid %d (user %s, application_name %q, %s, for %s)", pid, user, app, state,
				time.Duration(seconds)*time.Second))
		}
	}
	if rows.Err() != nil {
		return ""
	}
	return strings.Join(all, ", ")
}
