package storage

import (
	"context"
	"sync/atomic"
	"time"
)

// Stats counts the statements run under a context (see WithStats); safe for concurrent use.
type Stats struct {
	reads, writes, spent atomic.Int64

	// Each, if not nil, is told of each statement when it is over: its text without values, when it began, and whether the database
	// failed it. To be set before the first.
	Each func(ctx context.Context, query string, start time.Time, failed bool)
}

// Reads is the number of SELECT statements so far.
func (s *Stats) Reads() int64 { return s.reads.Load() }

// Writes is the number of INSERT, UPDATE and DELETE statements so far (BEGIN, COMMIT and savepoints do not count).
func (s *Stats) Writes() int64 { return s.writes.Load() }

// Time spent waiting for the database.
func (s *Stats) Time() time.Duration { return time.Duration(s.spent.Load()) }

type statsKey struct{}

// WithStats returns a context whose statements are counted in the returned Stats. The wide event of a request and the
// test of statements per request use it.
func WithStats(ctx context.Context) (context.Context, *Stats) {
	s := new(Stats)
	return context.WithValue(ctx, statsKey{}, s), s
}

// slow is how long a statement may take before it is worth a line in the log.
const slow = 500 * time.Millisecond

// observe counts one statement and logs it, without its values, if it was slow or the database failed it.
func (db *DB) observe(ctx context.Context, query string, write bool, start time.Time, err error) {
	took := time.Since(start)
	if s, ok := ctx.Value(statsKey{}).(*Stats); ok {
		if write {
			s.writes.Add(1)
		} else {
			s.reads.Add(1)
		}
		s.spent.Add(int64(took))
		if s.Each != nil {
			s.Each(ctx, query, start, isUnavailable(err))
		}
	}
	kind := kindRead
	if write {
		kind = kindWrite
	}
	db.watched.done(kind, took)
	if db.trace != nil {
		db.trace(query)
	}
	switch {
	case isUnavailable(err):
		db.log.WarnContext(ctx, "statement failed", "statement", query, "took_us", took.Microseconds(), "error", err)
	case took > slow:
		db.log.WarnContext(ctx, "statement was slow", "statement", query, "took_us", took.Microseconds())
	}
}
