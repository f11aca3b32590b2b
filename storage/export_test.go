package storage

// Trace has see called with the text of every statement; set it before the first.
func (db *DB) Trace(see func(query string)) { db.trace = see }

// CountRows has see called with the number of rows that each transaction wrote; set it before the first.
func (db *DB) CountRows(see func(rows int64)) { db.wrote = see }
