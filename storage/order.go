package storage

import (
	"context"
	"errors"
)

// errOrder: ids of events begin with their time in hexadecimal digits, and those who follow the audit log, or seal it, would pass over some
// where "aa" comes after "ab", as in Danish, Norwegian and Welsh.
var errOrder = errors.New("the database does not sort hexadecimal digits as their bytes (its collation is of a language that sorts aa " +
	"or dd elsewhere): make one with CREATE DATABASE … LOCALE 'C' ENCODING 'UTF8' TEMPLATE template0, and move with pg_dump and pg_restore")

// checkOrder is errOrder where the order of the database is not that of Go.
func (db *DB) checkOrder(ctx context.Context) error {
	if db.dialect != Postgres {
		return nil
	}
	var same bool
	err := db.one(ctx, `SELECT array_agg(pair ORDER BY pair) = array_agg(pair ORDER BY pair COLLATE "C")
		FROM (SELECT lpad(to_hex(n), 2, '0') AS pair FROM generate_series(0, 255) AS n) AS pairs`, nil, &same)
	if err == nil && !same {
		err = errOrder
	}
	return err
}
