// Package sqlitefile does what concerns a SQLite database as a file: a consistent copy while others write, whether a file is sound, and
// leaving it so that it may be moved. It knows no table. Records and queries are package storage's.
//
// Begin with Copy.
package sqlitefile
