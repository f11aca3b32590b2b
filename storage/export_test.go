package storage

// Trace has see called with the text of every statement; set it before the first.
func (db *DB) Trace(see func(query string)) { db.trace = see }
