package storage

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"signet/storage/migrations"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"
)

// Categories callers branch on with errors.Is.
var (
	// ErrNotFound: no row answers the question.
	ErrNotFound = errors.New("not found")
	// ErrConflict: a unique key is taken (an address, a replayed id, a client id).
	ErrConflict = errors.New("already exists")
	// ErrNameSpace: the id of a client is to be a person's, or the other way round.
	ErrNameSpace = errors.New("a client and a person cannot have the same id")
	// ErrStale: the row changed or was spent since it was read; a conditional statement touched nothing.
	ErrStale = errors.New("changed meanwhile")
	// ErrUnavailable: the database cannot be reached or did not answer in time. Callers answer 503 with Retry-After.
	ErrUnavailable = errors.New("database unavailable")
	// ErrTooMany: a bound that is checked inside the statement was reached (live interactions of a network).
	ErrTooMany = errors.New("too many")
	// ErrReadOnly: a write on a handle that only reads, see Options.ReadOnly.
	ErrReadOnly = errors.New("this handle on the database only reads")
	// ErrNoDatabase: there is no SQLite file at the path of the DSN, and none may be made.
	ErrNoDatabase = errors.New("there is no database")
	// ErrText: a value holds NUL or bytes that are no UTF-8, which no text in a database does. Of a SELECT it is ErrNotFound too.
	ErrText = errors.New("no text")

	// What CheckSchema finds; the messages around them name the remedy.

	// ErrSchemaOlder: this binary needs steps that the database has not had. Serving would fail.
	ErrSchemaOlder = errors.New("database schema is older than this binary")
	// ErrSchemaAhead: a newer binary has migrated, and no step took away what this one needs. Warn and go on: it is a rolling
	// upgrade, or a step back by one release.
	ErrSchemaAhead = errors.New("database schema is ahead of this binary")
	// ErrSchemaNewer: a newer binary has migrated and taken away what this one needs. Serving would fail.
	ErrSchemaNewer = errors.New("database schema is too new for this binary")
)

// errClosed is what queued and later calls get once the database is closed.
var errClosed = fmt.Errorf("%w: closed", ErrUnavailable)

func isUnavailable(err error) bool { return errors.Is(err, ErrUnavailable) }

// translate puts a driver's error into one of our categories and keeps the cause. Neither driver quotes values in the
// message it prints.
func (db *DB) translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrConflict), errors.Is(err, ErrStale), errors.Is(err, ErrUnavailable),
		errors.Is(err, ErrTooMany), errors.Is(err, ErrText), errors.Is(err, ErrReadOnly):
		return err
	case errors.Is(err, sql.ErrNoRows), errors.Is(err, gorm.ErrRecordNotFound):
		return ErrNotFound
	case errors.Is(err, context.Canceled):
		return err // the caller went away; nobody is there to be told 503
	case db.closed.Load(), errors.Is(err, context.DeadlineExceeded), errors.Is(err, sql.ErrConnDone):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case db.dialect == SQLite:
		return translateSQLite(err)
	}
	return translatePostgres(err)
}

// SQLite's result codes, https://sqlite.org/rescode.html.
const (
	sqliteBusy, sqliteLocked, sqliteNoMemory, sqliteReadOnly, sqliteInterrupt = 5, 6, 7, 8, 9
	sqliteIO, sqliteCorrupt, sqliteFull, sqliteCantOpen                       = 10, 11, 13, 14
	sqliteUnique, sqlitePrimaryKey, sqliteTrigger                             = 2067, 1555, 1811
)

// whose says what to look at where a file of SQLite cannot be opened.
const whose = "its files, and their folder, must belong to the account that runs this"

func translateSQLite(err error) error {
	code, ok := sqliteCode(err)
	if !ok {
		return err
	}
	if code == sqliteUnique || code == sqlitePrimaryKey {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	if code&0xff == sqliteCantOpen {
		return fmt.Errorf("%w: %w (%s)", ErrUnavailable, err, whose)
	}
	if brokenSQLite(err) || code == sqliteTrigger && strings.Contains(err.Error(), migrations.Frozen) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func sqliteCode(err error) (int, bool) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return 0, false
	}
	return e.Code(), true
}

// brokenSQLite tells errors of the database from errors of a statement. After one of these SQLite may have rolled the
// whole transaction back by itself (https://sqlite.org/lang_transaction.html section 2.1).
func brokenSQLite(err error) bool {
	code, _ := sqliteCode(err)
	switch code & 0xff {
	case sqliteBusy, sqliteLocked, sqliteNoMemory, sqliteReadOnly, sqliteInterrupt, sqliteIO, sqliteCorrupt, sqliteFull, sqliteCantOpen:
		return true
	}
	return false
}

// oneLine is an error of pgx on one line: it lists what it tried (each address, with and without TLS) a line each, and the text is shown in
// tables and logs.
type oneLine struct{ error }

// Error has each try once.
func (e oneLine) Error() string {
	first, tries, _ := strings.Cut(e.error.Error(), "\n")
	var all []string
	for try := range strings.Lines(tries) {
		if try = strings.TrimSpace(try); try != "" && !slices.Contains(all, try) {
			all = append(all, try)
		}
	}
	return strings.TrimSpace(first + " " + strings.Join(all, "; "))
}

// Unwrap implements errors.Unwrap.
func (e oneLine) Unwrap() error { return e.error }

// unconnected is why there is no connection, with what to look at.
func unconnected(err error) error {
	hint := "look whether Postgres runs at the host and port of storage.dsn, and can be reached from here"
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case strings.HasPrefix(e.Code, "28"): // invalid_authorization_specification
			hint = "look at the user and the password of storage.dsn, or at storage.password_command"
		case e.Code == "3D000": // invalid_catalog_name
			hint = "make the database that storage.dsn names, or name another"
		default: // it starts, stops, or has no connection left
			return oneLine{err}
		}
	}
	if _, refused := errors.AsType[*tls.CertificateVerificationError](err); refused {
		return oneLine{err} // which translatePostgres tells
	}
	return fmt.Errorf("%w (%s)", oneLine{err}, hint)
}

func translatePostgres(err error) error {
	if _, several := errors.AsType[*pgconn.ConnectError](err); several {
		err = unconnected(err)
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if errors.Is(err, errScan) {
			return err
		}
		if _, refused := errors.AsType[*tls.CertificateVerificationError](err); refused {
			return fmt.Errorf("%w: its certificate is refused; the address must have the host that the certificate is for, and "+
				"sslrootcert=FILE the authority that signed it: %w", ErrUnavailable, err)
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, err) // no answer from the server: the network, or its end of it
	}
	if hint := hints[e.Code]; hint != "" && (e.Code != queryCanceled || strings.Contains(e.Message, "timeout")) {
		err = fmt.Errorf("%w (%s)", err, hint)
	}
	switch {
	case e.Code == "23505": // unique_violation
		return fmt.Errorf("%w: %w", ErrConflict, err)
	case e.Code == "22021", e.Code == "22P05": // character_not_in_repertoire, untranslatable_character
		return fmt.Errorf("%w: %w", ErrText, err)
	case e.Code == duplicatePrepared, e.Code == unknownPrepared:
		return fmt.Errorf("%w: %w", errPooler, err)
	case e.Code == readOnlyTransaction && e.Message != migrations.Frozen:
		return fmt.Errorf("%w: %w", errOnlyReads, err)
	case e.Code == protocolViolation && strings.Contains(e.Message, "statement pooling"):
		return fmt.Errorf("%w: %w", errStatements, err)
	case len(e.Code) == 5 && unavailableClasses[e.Code[:2]], e.Code == readOnlyTransaction:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// What Postgres says of a prepared statement that another client's connection has, or that was prepared on another one.
const duplicatePrepared, unknownPrepared = "42P05", "26000"

// errPooler: only a pooler that hands connections around makes these, for all statements are prepared by pgx.
var errPooler = fmt.Errorf("%w: a pooler in transaction mode (PgBouncer and its like) is between this server and Postgres, and hands "+
	"prepared statements to others: add default_query_exec_mode=cache_describe to the parameters of storage.dsn", ErrUnavailable)

// queryCanceled is of a statement that took too long, and of one whose caller went away.
const queryCanceled = "57014"

// hints are how to mend what Postgres only names, by its codes: insufficient_privilege, undefined_table, undefined_column,
// too_many_connections, disk_full.
var hints = map[string]string{
	"42501":       "the account of storage.dsn may not do this: ALTER DATABASE … OWNER TO it, and ALTER SCHEMA public OWNER TO it",
	"42P01":       "somebody took it away, or changed the search_path of the account or the database: put it back, or restore a backup",
	"42703":       "somebody changed this table: put it back as it was, or restore a backup",
	"53300":       "raise max_connections of Postgres, or lower storage.pool_size; signet doctor counts what Signet may open",
	"53100":       "make space on the disk of Postgres",
	queryCanceled: "statement_timeout is too short: raise it by ALTER ROLE … SET statement_timeout, or ALTER DATABASE, whichever has it",
}

// What PgBouncer says of a transaction where it hands a connection on after each statement.
const protocolViolation = "08P01"

var (
	errStatements = fmt.Errorf("%w: a pooler in statement mode is between this server and Postgres, and a transaction is more than one "+
		"statement: set its pool_mode to transaction or session", ErrUnavailable)
	errOnlyReads = fmt.Errorf("%w: it only reads, as a standby does: storage.dsn must lead to the primary, or name all hosts and "+
		"target_session_attrs=read-write (on a primary look at default_transaction_read_only)", ErrUnavailable)
)

// unavailableClasses are the classes of SQLSTATE that speak of the server, not of the statement: connection, failed
// authorization, rollback (serialization, deadlock), resources, operator intervention, system error. 25006 beside them
// is a write on a standby, which is what a failover looks like.
var unavailableClasses = map[string]bool{"08": true, "28": true, "40": true, "53": true, "57": true, "58": true}

// retryable tells the failures after which nothing was done and the same may be tried again: serialization_failure and
// deadlock_detected, as Postgres asks, and a pooled connection that turned out dead before anything was sent.
func retryable(err error) bool {
	if errors.Is(err, driver.ErrBadConn) {
		return true
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}
