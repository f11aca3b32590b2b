package transfer

import (
	"context"
	"errors"
	"strings"
)

// engine is one side: a connection to its database.
type engine interface {
	// query runs a SELECT; values are each's to keep.
	query(ctx context.Context, query string, args []any, each func(values []any) error) error
	// tx runs body in one transaction, durable once it answers.
	tx(ctx context.Context, body func(w writer) error) error
	// catalogue describes our tables, by name.
	catalogue(ctx context.Context) ([]table, error)
	// freezing are the statements that have the database refuse all writes to these tables, and those that take it back.
	freezing(tables []table) (freeze, thaw []string)
	close() error
}

// writer is a transaction.
type writer interface {
	exec(ctx context.Context, statement string, args ...any) (rows int64, err error)
	insert(ctx context.Context, t table, rows [][]any) error
}

// open connects to a database that is there.
func open(ctx context.Context, dsn string) (engine, error) {
	if path, is := strings.CutPrefix(dsn, "sqlite:"); is {
		return openSQLite(ctx, path)
	}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return openPostgres(ctx, dsn)
	}
	return nil, errors.New(`an address must begin with "sqlite:" or "postgres://"`)
}

// one runs a SELECT of one row; nil = there is none.
func one(ctx context.Context, on engine, query string, args ...any) (row []any, err error) {
	err = on.query(ctx, query, args, func(values []any) error { row = values; return nil })
	return row, err
}

// trigger is how the triggers are named that freeze a table.
func trigger(table, what string) string { return "signet_move_" + what + "_" + table }
