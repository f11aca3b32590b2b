package storage

import (
	"context"
	"errors"
	"time"
)

// byKey is one for the reads of the hot paths, which find their row by a unique key: on Postgres many of them share a round trip.
func (db *DB) byKey(ctx context.Context, query string, args []any, dest ...any) error {
	g, ok := db.engine.(*postgresEngine)
	if !ok || g.reads == nil || db.joined(ctx) != nil || !storable(args) {
		return db.one(ctx, query, args, dest...)
	}
	run := func(ctx context.Context, on executor) error { return firstRow(ctx, on, query, args, dest) }
	return db.observed(ctx, query, false, run, func(ctx context.Context, run runner) error {
		s, err := g.together(ctx, g.reads, query, args)
		switch {
		case err != nil:
		case !s.found:
			return ErrNotFound
		case s.scan(dest) == nil:
			return nil
		default:
			err = errAlone // what is behind database/sql may know better
		}
		if errors.Is(err, errAlone) {
			return g.read(ctx, run)
		}
		return err
	})
}

// mustByKey is must for the conditional statements of the hot paths, which write one row by a unique key: on Postgres many of them share
// a round trip and a commit. unlocked is the same statement for a row that nobody else holds, see notLocked.
func (db *DB) mustByKey(ctx context.Context, none error, query, unlocked string, args ...any) error {
	g, ok := db.engine.(*postgresEngine)
	if !ok || g.writes == nil || db.joined(ctx) != nil || db.readOnly || !storable(args) {
		return db.must(ctx, none, query, args...)
	}
	var n int64
	run := func(ctx context.Context, on executor) error {
		res, err := on.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	}
	err := db.observed(ctx, query, true, run, func(ctx context.Context, run runner) error {
		s, err := g.together(ctx, g.writes, unlocked, args)
		if err == nil && s.rows > 0 {
			n = s.rows
			return nil
		}
		if err == nil || errors.Is(err, errAlone) { // no such row, or somebody holds it: that is waited for alone
			return g.write(ctx, run)
		}
		return err
	})
	db.count(ctx, n)
	if err == nil && n == 0 {
		return none
	}
	return err
}

// together sends a statement with those of others; errAlone where it was not.
func (g *postgresEngine) together(ctx context.Context, p *pipeline, query string, args []any) (*sent, error) {
	if g.breaker.retryAt.Load() != 0 {
		return nil, errAlone
	}
	texts, ok := textArgs(args)
	if !ok {
		return nil, errAlone
	}
	began := time.Now()
	s := &sent{query: query, args: texts}
	err := p.do(ctx, s)
	if !errors.Is(err, errAlone) {
		g.breaker.note(err, began)
	}
	return s, err
}
