package storage

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What a server says that is no longer, or not now, the primary (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	readOnlyTransaction = "25006"
	adminShutdown       = "57P01"
	crashShutdown       = "57P02"
	cannotConnectNow    = "57P03"
)

// primary has all connections leave a server that is the primary no longer, so that the next ones walk the hosts of the DSN again.
type primary struct {
	lost atomic.Int64 // how often one was lost
}

// lostKey is where a connection keeps how often a primary had been lost when it was made.
const lostKey = "signet.lost"

func newPrimary(config *pgx.ConnConfig) *primary {
	p := &primary{}
	before := config.OnPgError
	config.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		switch err.Code {
		case readOnlyTransaction, adminShutdown, crashShutdown, cannotConnectNow:
			if made, ok := conn.CustomData()[lostKey].(int64); ok {
				p.lost.CompareAndSwap(made, made+1) // once, however many connections notice
			}
			return false // closes the connection
		}
		return before == nil || before(conn, err)
	}
	return p
}

func (p *primary) connected(_ context.Context, conn *pgx.Conn) error {
	conn.PgConn().CustomData()[lostKey] = p.lost.Load()
	return nil
}

// reused drops a connection that is older than the last loss.
func (p *primary) reused(_ context.Context, conn *pgx.Conn) error {
	if conn.PgConn().CustomData()[lostKey] != p.lost.Load() {
		return driver.ErrBadConn
	}
	return nil
}

// notPrimary reports whether a server refused to write at all; then nothing was done.
func notPrimary(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == readOnlyTransaction
}
