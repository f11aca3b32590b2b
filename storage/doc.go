// Package storage is the database: the only package that knows gorm and SQL.
//
// It offers one concrete *DB; each consumer declares the three or four methods it uses as an interface of its own.
// A file holds one record and its queries. Times are BIGINT microseconds UTC on both engines (zero time = NULL), ids are
// text, secrets are stored only as hashes or sealed. A transaction travels in the context (DB.Tx): every query takes its
// handle from ctx, so the outer handle cannot be reached from inside a transaction.
//
// Single use is always one conditional statement whose row count decides; there is no read-then-write for anything
// that may be spent once. On SQLite concurrent writes are grouped into one commit, each in its own savepoint.
//
// It imports nothing of ours. Begin reading with db.go, then tx.go, then grant.go.
package storage
