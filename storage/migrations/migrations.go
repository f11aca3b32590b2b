// Package migrations holds the numbered steps of the schema as SQL, one folder per dialect, forward and back.
//
// Every step must let the previous binary keep running: it adds. A step that takes something away comes two releases after the last
// use, is named NNNN_contract_name and writes into schema_compat which step a binary must know (step 6, storage/schema.go). Steps for
// SQLite carry "+goose NO TRANSACTION", because package storage runs all pending ones inside one transaction of its own.
package migrations

import "embed"

// Files are the steps, as sqlite/NNNN_name.sql and postgres/NNNN_name.sql, and what all of them make: sqlite.txt.gz and
// postgres.txt.gz, which zcat shows (gzip takes five sixths of them off the binary).
//
//go:embed sqlite/*.sql postgres/*.sql sqlite.txt.gz postgres.txt.gz
var Files embed.FS

// What a database says of itself while package storage/transfer moves it.
const (
	// Unfinished is the version of a schema whose rows are not all there yet: every release refuses it as one that is too new.
	Unfinished = int64(1) << 40
	// Frozen is what the triggers of a database that is moved away answer to each write.
	Frozen = "this database is frozen by signet move: its servers belong on the new one (signet move --unfreeze takes that back)"
)
