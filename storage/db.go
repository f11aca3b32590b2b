package storage

import (
	"context"
	"log/slog"
	"time"
)

// Engine names the SQL dialect in use.
type Engine string

// The two engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// Options of Open.
type Options struct {
	// DSN is "sqlite:PATH", "sqlite::memory:" or "postgres://…".
	DSN string
	// Log receives slow or failed statements, without their values. Nil discards.
	Log *slog.Logger
	// PoolSize bounds connections (Postgres) or readers (SQLite); 0 = default.
	PoolSize int
}

// DB is the one handle on the database.
type DB struct{}

// Open connects. It does not migrate: see DB.MigrateUp and DB.CheckSchema.
func Open(ctx context.Context, o Options) (*DB, error) { panic("unbuilt") }

// Close waits for queued writes and closes the pools.
func (db *DB) Close() error { panic("unbuilt") }

// Engine in use.
func (db *DB) Engine() Engine { panic("unbuilt") }

// Ping tells whether the database answers (ErrUnavailable if not).
func (db *DB) Ping(ctx context.Context) error { panic("unbuilt") }

// Tx runs fn in one transaction, which travels in fn's ctx; a nested Tx joins the outer one. fn must not hash, sign or
// call out, and must use only the ctx it is given. On Postgres 40001 and 40P01 are retried here, so fn may run again.
func (db *DB) Tx(ctx context.Context, fn func(ctx context.Context) error) error { panic("unbuilt") }

// Stats counts the statements run under a context (see WithStats); safe for concurrent use.
type Stats struct { /* reads, writes atomic.Int64; time spent */
}

// Reads is the number of SELECT statements so far.
func (s *Stats) Reads() int64 { panic("unbuilt") }

// Writes is the number of INSERT, UPDATE and DELETE statements so far (BEGIN, COMMIT and savepoints do not count).
func (s *Stats) Writes() int64 { panic("unbuilt") }

// Time spent waiting for the database.
func (s *Stats) Time() time.Duration { panic("unbuilt") }

// WithStats returns a context whose statements are counted in the returned Stats. The wide event of a request and the
// test of statements per request use it.
func WithStats(ctx context.Context) (context.Context, *Stats) { panic("unbuilt") }

// Migration is one step as `signet migrate status` shows it.
type Migration struct {
	Version   int64
	Name      string
	AppliedAt time.Time // zero = pending
}

// MigrateUp applies all pending migrations under a lock (two replicas may start at once).
func (db *DB) MigrateUp(ctx context.Context) ([]Migration, error) { panic("unbuilt") }

// MigrateDown takes the newest applied migration back.
func (db *DB) MigrateDown(ctx context.Context) (Migration, error) { panic("unbuilt") }

// MigrateStatus lists all migrations, oldest first.
func (db *DB) MigrateStatus(ctx context.Context) ([]Migration, error) { panic("unbuilt") }
