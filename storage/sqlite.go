package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // the driver named "sqlite", in pure Go

	"signet/internal/owner"
)

// sqliteReaders is the default number of reading connections.
const sqliteReaders = 4

// sqliteEngine is SQLite in WAL mode: one connection writes, several read beside it and see each commit at once.
type sqliteEngine struct {
	uri    func(pragmas ...string) string
	sync   string // the pragma of durability
	dir    string // of "sqlite::memory:", removed by close
	writes *writer
	pool   *preparedPool
	slots  *slots  // one per reader, so that waiting for one ends, with the caller's context or before
	own    *sql.DB // holds the writer's connection
}

func openSQLite(ctx context.Context, path string, o Options) (g *sqliteEngine, err error) {
	g = &sqliteEngine{}
	defer func() {
		if err != nil {
			err = errors.Join(translateSQLite(err), g.close())
		}
	}()
	g.sync = "synchronous(FULL)"
	switch path {
	case "":
		return g, errors.New(`the DSN names no file: write "sqlite:./data/signet.db"`)
	case ":memory:":
		if o.Existing || o.ReadOnly {
			return g, fmt.Errorf("%w to look at: it is in the memory of the server, which alone reaches it", ErrNoDatabase)
		}
		// A folder of its own that goes with the handle. SQLite's own in-memory databases know no WAL: readers and the
		// writer would block one another, and tests would run on other rules than the real thing.
		if g.dir, err = os.MkdirTemp("", "signet-memory-"); err != nil {
			return g, err
		}
		path, g.sync = filepath.Join(g.dir, "signet.db"), "synchronous(OFF)"
	}
	if err := findFile(path, o.Existing || o.ReadOnly); err != nil {
		return g, err
	}
	g.uri = func(pragmas ...string) string {
		q := url.Values{"_txlock": {"immediate"}, "mode": {"rw"}, "_pragma": append(pragmas, "busy_timeout(5000)", "foreign_keys(1)")}
		return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + q.Encode()
	}
	if !o.ReadOnly {
		if err := g.openWriter(ctx); err != nil {
			return g, err
		}
	}
	return g, g.openReaders(ctx, o.PoolSize, o.Wait)
}

func (g *sqliteEngine) openWriter(ctx context.Context) (err error) {
	// 4000 pages (16 MB) of log between checkpoints instead of 1000: rows that rotate often are copied back less often.
	if g.own, err = sql.Open("sqlite",
		g.uri("journal_mode(WAL)", g.sync, "journal_size_limit(67108864)", "wal_autocheckpoint(4000)")); err != nil {
		return err
	}
	g.own.SetMaxOpenConns(1)
	conn, err := g.own.Conn(ctx)
	if err != nil {
		return err
	}
	g.writes = newWriter(conn)
	return nil
}

func (g *sqliteEngine) openReaders(ctx context.Context, readers int, wait time.Duration) error {
	if readers <= 0 {
		readers = sqliteReaders
	}
	g.slots = newSlots(readers, wait)
	pool, err := sql.Open("sqlite", g.uri("query_only(1)"))
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(readers)
	pool.SetMaxIdleConns(readers)
	g.pool = &preparedPool{db: pool}
	return pool.PingContext(ctx)
}

// findFile makes the database file if it is not there and may be made.
func findFile(path string, existing bool) error {
	if !existing {
		return makeFile(path)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w at %s", ErrNoDatabase, path)
	} else if err != nil {
		return err
	}
	return nil
}

// makeFile makes the database file readable by its owner alone, and its folder likewise if it is not there yet. SQLite
// gives the files beside it (-wal, -shm) the same mode.
func makeFile(path string) error {
	if err := owner.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := owner.Open(path, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w (%s)", err, whose)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func (g *sqliteEngine) write(ctx context.Context, run func(ctx context.Context, on executor) error) error {
	return g.writes.do(ctx, &job{statement: run})
}

func (g *sqliteEngine) tx(ctx context.Context, body func(ctx context.Context, on executor) error) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return g.writes.do(ctx, &job{body: body, ctx: ctx})
}

func (g *sqliteEngine) read(ctx context.Context, run func(ctx context.Context, on executor) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := g.slots.take(ctx); err != nil {
		return err
	}
	defer g.slots.give()
	return run(ctx, g.pool)
}

func (g *sqliteEngine) dialector(pool gorm.ConnPool) gorm.Dialector {
	return sqlite.New(sqlite.Config{DriverName: "sqlite", Conn: pool})
}

// migrating lends a pool of one connection of its own inside one immediate transaction: SQLite's write lock keeps a
// second process out, and either all steps are applied or none.
func (g *sqliteEngine) migrating(ctx context.Context, run func(pool *sql.DB) error) (err error) {
	pool, err := sql.Open("sqlite", g.uri(g.sync))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	pool.SetMaxOpenConns(1)
	if _, err := pool.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := run(pool); err != nil {
		_, undo := pool.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, undo)
	}
	_, err = pool.ExecContext(ctx, "COMMIT")
	return err
}

func (g *sqliteEngine) close() error {
	var errs []error
	if g.writes != nil {
		errs = append(errs, g.writes.close())
	}
	if g.pool != nil {
		errs = append(errs, g.pool.db.Close())
	}
	if g.own != nil {
		errs = append(errs, g.own.Close())
	}
	if g.dir != "" {
		errs = append(errs, os.RemoveAll(g.dir))
	}
	return errors.Join(errs...)
}

// bounded gives ctx the deadline that every call has.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, callTimeout)
}

// preparedPool prepares each statement once. Its statements do not see the end of the caller's context: they are short
// (every one is indexed), locks are bounded by busy_timeout, and watching a context costs two goroutines a statement.
type preparedPool struct {
	db    *sql.DB
	known sync.Map // text → *sql.Stmt
	size  sync.Mutex
	count int
}

// preparedMost bounds the prepared statements of a pool; our texts are some hundred constants, and gorm's few.
const preparedMost = 500

func (p *preparedPool) statement(query string) (*sql.Stmt, error) {
	if s, ok := p.known.Load(query); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := p.db.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	p.size.Lock()
	defer p.size.Unlock()
	if had, ok := p.known.Load(query); ok {
		return had.(*sql.Stmt), s.Close()
	}
	if p.count == preparedMost {
		p.known.Range(func(text, had any) bool {
			p.known.Delete(text)
			_ = had.(*sql.Stmt).Close() // in use elsewhere: closed when its rows are
			return true
		})
		p.count = 0
	}
	p.known.Store(query, s)
	p.count++
	return s, nil
}

// ExecContext refuses: readers are query_only.
func (p *preparedPool) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	return nil, errors.New("write on a reading connection")
}

// QueryContext implements executor.
func (p *preparedPool) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := p.statement(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(context.Background(), args...)
}

// QueryRowContext serves connPool.QueryRowContext.
func (p *preparedPool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return p.db.QueryRowContext(ctx, query, args...)
}

// preparedConn is the writer's connection with its statements. It notes when the database itself failed.
type preparedConn struct {
	conn   *sql.Conn
	known  map[string]*sql.Stmt
	broken error
}

func (c *preparedConn) statement(query string) (*sql.Stmt, error) {
	if s, ok := c.known[query]; ok {
		return s, nil
	}
	if len(c.known) == preparedMost {
		for text, s := range c.known {
			_ = s.Close()
			delete(c.known, text)
		}
	}
	s, err := c.conn.PrepareContext(context.Background(), query)
	if err == nil {
		c.known[query] = s
	}
	return s, err
}

func (c *preparedConn) note(err error) error {
	if err != nil && brokenSQLite(err) {
		c.broken = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// ExecContext implements executor.
func (c *preparedConn) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	s, err := c.statement(query)
	if err != nil {
		return nil, c.note(err)
	}
	res, err := s.ExecContext(context.Background(), args...)
	return res, c.note(err)
}

// QueryContext implements executor.
func (c *preparedConn) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := c.statement(query)
	if err != nil {
		return nil, c.note(err)
	}
	rows, err := s.QueryContext(context.Background(), args...)
	return rows, c.note(err)
}

func (c *preparedConn) run(query string) error {
	_, err := c.ExecContext(context.Background(), query)
	return err
}

func (c *preparedConn) close() error {
	var errs []error
	for _, s := range c.known {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.conn.Close())...)
}
