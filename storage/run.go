package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"
)

// errScan marks a row that does not fit the record: a mistake of ours, not of the database.
var errScan = errors.New("scan row")

// errNoSuchText is what a SELECT by a text answers that no row can hold.
var errNoSuchText = fmt.Errorf("%w: %w", ErrNotFound, ErrText)

// storable reports whether all texts among the values can be in a database. Postgres refuses the others and SQLite does not: they are
// kept from both, so that people get the same answer.
func storable(args []any) bool {
	for _, arg := range args {
		if s, ok := arg.(string); ok && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
			return false
		}
	}
	return true
}

// exec runs one write and returns how many rows it touched. Statements use $1, $2 …, which both engines understand; their
// texts are constants, so each is prepared once a connection.
func (db *DB) exec(ctx context.Context, query string, args ...any) (int64, error) {
	var n int64
	err := db.write(ctx, query, args, func(ctx context.Context, on executor) error {
		res, err := on.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	db.count(ctx, n)
	return n, err
}

// count notes rows written for the test of jobs: of the transaction of ctx, or by a statement alone.
func (db *DB) count(ctx context.Context, n int64) {
	if t := db.joined(ctx); t != nil {
		t.rows += n
	} else if db.wrote != nil {
		db.wrote(n)
	}
}

// must is exec for a conditional statement: none when it touched no row.
func (db *DB) must(ctx context.Context, none error, query string, args ...any) error {
	n, err := db.exec(ctx, query, args...)
	if err == nil && n == 0 {
		return none
	}
	return err
}

// returning runs one write with a RETURNING clause.
func (db *DB) returning(ctx context.Context, query string, args []any, each func(*sql.Rows) error) error {
	n := int64(0)
	err := db.write(ctx, query, args, func(ctx context.Context, on executor) error {
		return eachRow(ctx, on, query, args, func(rows *sql.Rows) error { n++; return each(rows) })
	})
	db.count(ctx, n)
	return err
}

// many runs one SELECT and calls each for every row.
func (db *DB) many(ctx context.Context, query string, args []any, each func(*sql.Rows) error) error {
	return db.read(ctx, query, args, func(ctx context.Context, on executor) error {
		return eachRow(ctx, on, query, args, each)
	})
}

// one runs one SELECT that finds a row or ErrNotFound.
func (db *DB) one(ctx context.Context, query string, args []any, dest ...any) error {
	return db.read(ctx, query, args, func(ctx context.Context, on executor) error {
		return firstRow(ctx, on, query, args, dest)
	})
}

func firstRow(ctx context.Context, on executor, query string, args, dest []any) error {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return ErrNotFound
	}
	if err := rows.Scan(dest...); err != nil {
		return fmt.Errorf("%w: %w", errScan, err)
	}
	return rows.Close()
}

func eachRow(ctx context.Context, on executor, query string, args []any, each func(*sql.Rows) error) error {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return fmt.Errorf("%w: %w", errScan, err)
		}
	}
	return rows.Err()
}

// write runs one writing statement: in the transaction of ctx if there is one, else by itself.
func (db *DB) write(ctx context.Context, query string, args []any, run func(ctx context.Context, on executor) error) error {
	if !storable(args) {
		return ErrText
	}
	if db.readOnly {
		return ErrReadOnly
	}
	return db.observed(ctx, query, true, run, db.engine.write)
}

// read runs one SELECT: in the transaction of ctx if there is one, else on a reader.
func (db *DB) read(ctx context.Context, query string, args []any, run func(ctx context.Context, on executor) error) error {
	if !storable(args) {
		return errNoSuchText
	}
	return db.observed(ctx, query, false, run, db.engine.read)
}

type runner = func(ctx context.Context, on executor) error

// observed runs one statement where it belongs, translates its error and counts it.
func (db *DB) observed(ctx context.Context, query string, writes bool, run runner,
	outside func(ctx context.Context, run runner) error) error {
	if err := ctx.Err(); err != nil {
		return db.translate(err) // nothing begins for a caller who is gone
	}
	start := time.Now()
	var err error
	if t := db.joined(ctx); t != nil {
		err = db.translate(t.run(ctx, run))
	} else {
		err = db.translate(outside(ctx, run))
	}
	db.observe(ctx, query, writes, start, err)
	return err
}

// ask lets gorm read (Find and the like, which fetch all rows before they return).
func (db *DB) ask(ctx context.Context, run func(q *gorm.DB) error) error {
	if err := ctx.Err(); err != nil {
		return db.translate(err)
	}
	if db.joined(ctx) != nil {
		return db.translate(run(db.orm.WithContext(ctx)))
	}
	return db.translate(db.engine.read(ctx, func(ctx context.Context, _ executor) error {
		return run(db.orm.WithContext(ctx))
	}))
}

// change lets gorm write one statement and returns how many rows it touched.
func (db *DB) change(ctx context.Context, run func(q *gorm.DB) *gorm.DB) (int64, error) {
	res := run(db.orm.WithContext(ctx))
	db.count(ctx, res.RowsAffected)
	return res.RowsAffected, db.translate(res.Error)
}

// insert writes one record.
func (db *DB) insert(ctx context.Context, record any) error {
	_, err := db.change(ctx, func(q *gorm.DB) *gorm.DB { return q.Create(record) })
	return err
}

// connPool is what gorm takes for its connections. It routes each statement by its context and by what it does.
type connPool struct{ db *DB }

// PrepareContext is never asked for: statements are prepared beneath.
func (connPool) PrepareContext(context.Context, string) (*sql.Stmt, error) {
	return nil, errors.ErrUnsupported
}

// ExecContext implements gorm.ConnPool.
func (p connPool) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	err = p.db.write(ctx, query, args, func(ctx context.Context, on executor) (err error) {
		res, err = on.ExecContext(ctx, query, args...)
		return err
	})
	return res, err
}

// QueryContext implements gorm.ConnPool. gorm reads all rows before it answers (see ask).
func (p connPool) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	if !strings.HasPrefix(query, "SELECT ") {
		return nil, fmt.Errorf("%w: gorm may only SELECT through a query", errors.ErrUnsupported)
	}
	if !storable(args) {
		return nil, errNoSuchText
	}
	start := time.Now()
	run := func(ctx context.Context, on executor) (err error) {
		rows, err = on.QueryContext(ctx, query, args...)
		return err
	}
	if t := p.db.joined(ctx); t != nil {
		err = t.run(ctx, run)
	} else {
		err = run(ctx, p.db.reader)
	}
	err = p.db.translate(err)
	p.db.observe(ctx, query, false, start, err)
	return rows, err
}

// QueryRowContext serves only gorm's question for the version of SQLite when it opens.
func (p connPool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if pool, ok := p.db.reader.(interface {
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}); ok {
		return pool.QueryRowContext(ctx, query, args...)
	}
	return new(sql.Row)
}
