package storage

import "context"

// Trace has see called with the text of every statement; set it before the first.
func (db *DB) Trace(see func(query string)) { db.trace = see }

// CountRows has see called with the number of rows that each transaction wrote; set it before the first.
func (db *DB) CountRows(see func(rows int64)) { db.wrote = see }

// Exec runs any statement on a connection of the pool.
func (db *DB) Exec(ctx context.Context, query string) error {
	_, err := db.exec(ctx, query)
	return err
}
