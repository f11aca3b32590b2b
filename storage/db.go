package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"signet/storage/migrations"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Dialect names the SQL dialect in use.
type Dialect string

// The two engines.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// callTimeout bounds a call whose context has no deadline of its own.
const callTimeout = 5 * time.Second

// Options of Open.
type Options struct {
	// DSN is "sqlite:PATH", "sqlite::memory:" or "postgres://…".
	DSN string
	// Password is asked for the password of Postgres whenever a connection is made; nil = the DSN has it, or there is none.
	Password func(ctx context.Context) (string, error)
	// Log receives slow or failed statements, without their values. Nil discards.
	Log *slog.Logger
	// PoolSize bounds connections (Postgres) or readers (SQLite); 0 = default.
	PoolSize int
	// Wait is how long a call waits for a connection that others hold; 0 = a second.
	Wait time.Duration
	// Existing makes no SQLite file: ErrNoDatabase where there is none.
	Existing bool
	// ReadOnly is Existing, and every write is ErrReadOnly.
	ReadOnly bool
}

// DB is the one handle on the database.
type DB struct {
	dialect  Dialect
	readOnly bool
	engine   engine
	slots    *slots   // of the engine: as many as there are connections
	reader   executor // the engine's pool behind read, for gorm
	orm      *gorm.DB
	log      *slog.Logger
	closed   atomic.Bool
	watched  *watchers
	files    fs.FS              // the steps, see package migrations
	trace    func(query string) // sees every statement, in the test of query plans
	wrote    func(rows int64)   // sees how many rows every transaction of its own wrote, in the test of jobs
}

// executor runs statements: a pool, or the connection of one transaction.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// engine is what differs between SQLite and Postgres: how connections are come by and how writes reach the disk.
type engine interface {
	// write runs one statement outside any transaction, and answers once it is durable.
	write(ctx context.Context, run func(ctx context.Context, on executor) error) error
	// read runs one SELECT outside any transaction.
	read(ctx context.Context, run func(ctx context.Context, on executor) error) error
	// tx runs body in a transaction whose statements go to the executor it is given.
	tx(ctx context.Context, body func(ctx context.Context, on executor) error) error
	// migrating lends a pool that migrations may use as they please.
	migrating(ctx context.Context, run func(pool *sql.DB) error) error
	close() error
}

// Open connects. It does not migrate: see DB.MigrateUp and DB.CheckSchema.
func Open(ctx context.Context, o Options) (*DB, error) {
	db := &DB{log: o.Log, readOnly: o.ReadOnly, watched: &watchers{}, files: migrations.Files}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	var err error
	var dialector gorm.Dialector
	switch path, isSQLite := strings.CutPrefix(o.DSN, "sqlite:"); {
	case isSQLite:
		db.dialect = SQLite
		var g *sqliteEngine
		if g, err = openSQLite(ctx, path, o); g != nil {
			db.engine, db.slots, db.reader, dialector = g, g.slots, g.pool, g.dialector(connPool{db})
		}
	case strings.HasPrefix(o.DSN, "postgres://"), strings.HasPrefix(o.DSN, "postgresql://"):
		db.dialect = Postgres
		var g *postgresEngine
		if g, err = openPostgres(o); g != nil {
			db.engine, db.slots, db.reader, dialector = g, g.slots, g.pool, g.dialector(connPool{db})
			g.watched = db.watched
		}
	default:
		err = errors.New(`the DSN must begin with "sqlite:" or "postgres://"`)
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	// gorm maps records and builds the plain statements; preparing, routing, counting and translating errors happen in
	// our connPool beneath it, so that hand-written statements get the same.
	db.orm, err = gorm.Open(dialector, &gorm.Config{
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		Logger:                 logger.Discard,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), db.engine.close())
	}
	return db, nil
}

// Close waits for queued writes and closes the pools. A second call does nothing.
func (db *DB) Close() error {
	if db.closed.Swap(true) {
		return nil
	}
	return db.engine.close()
}

// Connections are how many are in use, and how many there may be; on SQLite those that read.
func (db *DB) Connections() (used, most int) {
	return db.slots.used(), db.slots.most()
}

// Dialect in use.
func (db *DB) Dialect() Dialect { return db.dialect }

// Write proves that the database takes writes: it commits a small one. A primary that only reads and a full disk are errors.
func (db *DB) Write(ctx context.Context) error {
	_, err := db.exec(ctx, `INSERT INTO locks (name, holder, until) VALUES ('write', '', 0)
		ON CONFLICT (name) DO UPDATE SET until = (locks.until + 1) % 1000`)
	return err
}

// TryWrite is Write that leaves nothing behind: the row is committed, since what is rolled back need not reach a disk, and taken away.
func (db *DB) TryWrite(ctx context.Context) error {
	_, err := db.exec(ctx, `INSERT INTO locks (name, holder, until) VALUES ('try', '', 0) ON CONFLICT (name) DO UPDATE SET until = 0`)
	if err == nil {
		_, err = db.exec(ctx, `DELETE FROM locks WHERE name = 'try'`)
	}
	return err
}

// Clock reads the clock of the database's machine. On SQLite it is this one's.
func (db *DB) Clock(ctx context.Context) (time.Time, error) {
	if db.dialect == SQLite {
		return time.Now(), db.Ping(ctx)
	}
	var at time.Time
	err := db.one(ctx, "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint", nil, (*stamp)(&at))
	return at, err
}

// Ping reports whether the database answers (ErrUnavailable if not).
func (db *DB) Ping(ctx context.Context) error {
	var one int64
	return db.one(ctx, "SELECT 1", nil, &one)
}
