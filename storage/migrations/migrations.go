// Package migrations holds the numbered steps of the schema as SQL, one folder per dialect, forward and back.
//
// Every step must let the previous binary keep running: it adds. A step that takes something away comes two releases after the last
// use, is named NNNN_contract_name and writes into schema_compat which step a binary must know (step 6, storage/schema.go). Steps for
// SQLite carry "+goose NO TRANSACTION", because package storage runs all pending ones inside one transaction of its own.
package migrations

import "embed"

// Files are the steps, as sqlite/NNNN_name.sql and postgres/NNNN_name.sql.
//
//go:embed sqlite/*.sql postgres/*.sql
var Files embed.FS
