package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3/lock"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// postgresTries is how often a statement or transaction runs that may be tried again, see retryable.
const postgresTries = 10

// postgresEngine is a pool of connections to one primary; pgx caches the prepared statements of each.
type postgresEngine struct {
	pool    *sql.DB
	beside  func() *sql.DB // another pool to the same, closed by whoever asks
	slots   *slots         // one per connection
	breaker breaker
	watched *watchers
	locks   lockWait // of migrations

	reads, writes *pipeline // nil where the DSN says that prepared statements cannot be kept
}

// unparsed is what pgx says of an address, after the address. Its words quote what they could not take apart, the password perhaps:
// then they are left out.
func unparsed(dsn string, err error) string {
	text := err.Error()
	u, broken := url.Parse(dsn)
	_, its := errors.AsType[*pgconn.ParseConfigError](err)
	i := strings.LastIndex(text, "`: ")
	if !its || broken != nil || i < 0 {
		return ""
	}
	text = text[i+len("`: "):]
	secrets := []string{u.Query().Get("password"), u.Query().Get("sslpassword")}
	if password, set := u.User.Password(); set {
		secrets = append(secrets, password)
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(text, secret) {
			return ""
		}
	}
	return ": " + text
}

func openPostgres(o Options) (*postgresEngine, error) {
	config, err := pgx.ParseConfig(o.DSN)
	if err != nil {
		return nil, errors.New("the DSN is no valid postgres:// address" + unparsed(o.DSN, err))
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = callTimeout
	}
	if _, set := config.RuntimeParams["application_name"]; !set {
		config.RuntimeParams["application_name"] = "signet"
	}
	if config.DefaultQueryExecMode == pgx.QueryExecModeDescribeExec {
		// It names no statement, and asks what it needs before it sends the parameters. Where a pooler hands the connection on in between,
		// another client's statement gets them. This mode sends them with the statement.
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	size := o.PoolSize
	if size <= 0 {
		size = min(16, max(8, 4*runtime.GOMAXPROCS(0)))
	}
	primary := newPrimary(config)
	options := []stdlib.OptionOpenDB{stdlib.OptionAfterConnect(primary.connected), stdlib.OptionResetSession(primary.reused)}
	if o.Password != nil {
		options = append(options, stdlib.OptionBeforeConnect(func(ctx context.Context, c *pgx.ConnConfig) (err error) {
			c.Password, err = o.Password(ctx)
			return err
		}))
	}
	pool := stdlib.OpenDB(*config, options...)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(10 * time.Minute) // so that a change of hosts behind one name is followed in the end
	g := &postgresEngine{pool: pool, slots: newSlots(size, o.Wait), locks: patient}
	g.beside = func() *sql.DB { return stdlib.OpenDB(*config, options...) }
	if config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && config.StatementCacheCapacity > 0 {
		g.reads = &pipeline{engine: g, most: max(1, size/2)}
		g.writes = &pipeline{engine: g, most: max(1, size/2), writes: true}
	}
	return g, nil
}

// detached is ctx without its cancellation, but with its deadline or ours. Cut off in the middle of a statement pgx
// closes the connection, so people who go away would empty the pool; a statement that has begun runs to its end.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(callTimeout)
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline)
}

// connected runs a call that needs a connection.
func (g *postgresEngine) connected(ctx context.Context, call func(ctx context.Context) error) (err error) {
	tries, err := g.breaker.pass()
	if err != nil {
		return err
	}
	defer func(began time.Time) { g.breaker.note(err, began) }(time.Now())
	if err := g.slots.take(ctx); err != nil {
		return err
	}
	defer g.slots.give()
	if tries {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, retryEvery)
		defer cancel()
	}
	return call(ctx)
}

func (g *postgresEngine) write(ctx context.Context, run func(ctx context.Context, on executor) error) error {
	return g.connected(ctx, func(ctx context.Context) error {
		ctx, cancel := detached(ctx)
		defer cancel()
		return g.again(ctx, func() error { return run(ctx, g.pool) })
	})
}

func (g *postgresEngine) read(ctx context.Context, run func(ctx context.Context, on executor) error) error {
	return g.write(ctx, run)
}

func (g *postgresEngine) tx(ctx context.Context, body func(ctx context.Context, on executor) error) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return g.connected(ctx, func(ctx context.Context) error {
		lasting, cancel := detached(ctx)
		defer cancel()
		return g.again(lasting, func() error { return g.attempt(ctx, lasting, body) })
	})
}

// attempt is one try at a transaction.
func (g *postgresEngine) attempt(ctx, lasting context.Context, body func(ctx context.Context, on executor) error) error {
	tx, err := g.pool.BeginTx(lasting, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := body(ctx, detachedTx{tx, lasting}); err != nil {
		return err
	}
	return tx.Commit()
}

// detachedTx runs the statements of a transaction under the transaction's own context; txn has looked at the caller's.
type detachedTx struct {
	tx  *sql.Tx
	ctx context.Context
}

// ExecContext implements executor.
func (t detachedTx) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(t.ctx, query, args...)
}

// QueryContext implements executor.
func (t detachedTx) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(t.ctx, query, args...)
}

// again repeats what Postgres asks to be repeated, and what did not reach it over a connection found dead, a bounded
// number of times, after a random pause that grows: those who met in a deadlock must not meet there again. What a server
// refused because it only reads is tried once more, on a new connection.
func (g *postgresEngine) again(ctx context.Context, try func() error) error {
	for n := 1; ; n++ {
		err := try()
		if err == nil || n == postgresTries || !retryable(err) && !(n == 1 && notPrimary(err)) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(1+rand.IntN(30*n)) * time.Millisecond):
			g.watched.retried(err)
		}
	}
}

func (g *postgresEngine) dialector(pool gorm.ConnPool) gorm.Dialector {
	return postgres.New(postgres.Config{Conn: pool})
}

// migrationLock is goose's own number, for earlier releases took its lock of a session.
const migrationLock = lock.DefaultLockID

// migrating holds a lock over run: of two replicas that start at once the second waits, looking every second for two minutes. The lock is a
// transaction's, which a pooler in transaction mode leaves to its client, on a connection beside the pool's, which may be one alone. It
// reads committed, so that it holds no snapshot, for whose end the building of an index would wait.
func (g *postgresEngine) migrating(ctx context.Context, run func(pool *sql.DB) error) error {
	beside := g.beside()
	defer beside.Close()
	tx, err := beside.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, unlimited(0, true)); err != nil {
		return err
	}
	var only string
	if err := tx.QueryRowContext(ctx, "SHOW transaction_read_only").Scan(&only); err != nil {
		return err
	} else if only == "on" { // goose would say that its connection was closed
		return errOnlyReads
	}
	for n := 0; ; n++ {
		var held bool
		// The simple protocol leaves no portal open, which would keep its snapshot.
		err := tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1)", pgx.QueryExecModeSimpleProtocol, migrationLock).Scan(&held)
		if err != nil {
			return err
		}
		if held {
			return g.patiently(ctx, beside, func() error { return run(beside) })
		}
		if n == 120 {
			return errMigrating
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// errMigrating: another process migrates the same database.
var errMigrating = fmt.Errorf("%w: another process has been migrating it for two minutes; try again when that is done", ErrUnavailable)

func (g *postgresEngine) close() error { return g.pool.Close() }
