package storage

import (
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// What Watch is told of as kinds.
const (
	kindRead        = "read"
	kindWrite       = "write"
	kindTransaction = "transaction"
)

// watchers see what a database does; the zero value tells nobody.
type watchers struct{ told atomic.Pointer[watcher] }

type watcher struct {
	done    func(kind string, took time.Duration)
	retried func(code string)
}

// Watch has done told of each statement (kinds read and write, those of transactions too) and of each transaction (kind transaction, from
// its beginning to the end of its commit), with how long each took, waiting for a connection included; and retried of each try that
// follows a failure which Postgres asks to be repeated: by its SQLSTATE, or "connection" where one was found dead.
func (db *DB) Watch(done func(kind string, took time.Duration), retried func(code string)) {
	db.watched.told.Store(&watcher{done, retried})
}

func (w *watchers) done(kind string, took time.Duration) {
	if w := w.told.Load(); w != nil {
		w.done(kind, took)
	}
}

// retried notes that what failed with err is tried again.
func (w *watchers) retried(err error) {
	told := w.told.Load()
	if told == nil {
		return
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		told.retried(e.Code)
	} else if errors.Is(err, driver.ErrBadConn) {
		told.retried("connection")
	}
}
