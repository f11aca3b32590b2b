package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

type txKey struct{}

// txn is the transaction that travels in a context.
type txn struct {
	db     *DB
	on     executor
	failed error // the first statement the database refused; nothing more runs after it
	over   bool
	rows   int64 // written so far
}

// joined finds the transaction of this database in ctx.
func (db *DB) joined(ctx context.Context) *txn {
	if t, ok := ctx.Value(txKey{}).(*txn); ok && t.db == db {
		return t
	}
	return nil
}

// run runs one statement of the transaction. Once one has failed the transaction is lost, on both engines alike.
func (t *txn) run(ctx context.Context, run func(ctx context.Context, on executor) error) error {
	if t.over {
		return errors.New("statement after the end of its transaction")
	}
	if t.failed != nil {
		return fmt.Errorf("statement in a failed transaction: %w", t.failed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := run(ctx, t.on)
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.failed = t.db.translate(err)
	}
	return err
}

// Tx runs fn in one transaction, which travels in fn's ctx; a nested Tx joins the outer one. fn must not hash, sign or
// call out, and must use only the ctx it is given, on one goroutine at a time. An error of fn rolls back. So does a
// statement that the database refused (ErrConflict, say), even where fn swallows the error: Postgres knows no other way,
// and SQLite is held to the same. On Postgres 40001 and 40P01 are retried here, so fn may run again.
func (db *DB) Tx(ctx context.Context, fn func(ctx context.Context) error) error {
	if t := db.joined(ctx); t != nil {
		if t.over {
			return errors.New("transaction after the end of the one it would join")
		}
		return fn(ctx)
	}
	if db.readOnly {
		return fn(ctx) // every write in it is refused, and nothing that it reads is held
	}
	if err := ctx.Err(); err != nil {
		return db.translate(err)
	}
	var rows int64
	start := time.Now()
	err := db.engine.tx(ctx, func(ctx context.Context, on executor) error {
		t := &txn{db: db, on: on}
		defer func() { t.over = true }()
		if err := fn(context.WithValue(ctx, txKey{}, t)); err != nil {
			return &refused{err}
		}
		rows = t.rows
		return t.failed
	})
	db.watched.done(kindTransaction, time.Since(start))
	if err == nil && db.wrote != nil {
		db.wrote(rows)
	}
	if no, ok := errors.AsType[*refused](err); ok {
		return no.error
	}
	return db.translate(err)
}

// refused is fn's own error: a reason of the caller's, or what a statement of it said, translated already. It must not be
// taken for the database's.
type refused struct{ error }

// Unwrap shows what may have to be tried again.
func (r *refused) Unwrap() error { return r.error }
