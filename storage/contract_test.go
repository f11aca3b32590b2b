package storage_test

import (
	"sync"
	"testing"

	"signet/storage"
	"signet/storage/storagetest"
)

func TestContract(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) { storagetest.Run(t, traced(open)) })
}

// statements are those that the contract ran, by engine.
var statements struct {
	sync.Mutex
	of map[storage.Dialect]map[string]bool
}

// traced notes the statements of the databases that open gives.
func traced(open func(t *testing.T) *storage.DB) func(t *testing.T) *storage.DB {
	return func(t *testing.T) *storage.DB {
		t.Helper()
		db := open(t)
		engine := db.Dialect()
		db.Trace(func(query string) {
			statements.Lock()
			defer statements.Unlock()
			if statements.of == nil {
				statements.of = map[storage.Dialect]map[string]bool{}
			}
			if statements.of[engine] == nil {
				statements.of[engine] = map[string]bool{}
			}
			statements.of[engine][query] = true
		})
		return db
	}
}

// contractStatements are those of one engine; the contract runs for them, unless it did so already.
func contractStatements(t *testing.T, engine storage.Dialect, open func(t *testing.T) *storage.DB) map[string]bool {
	t.Helper()
	statements.Lock()
	known := len(statements.of[engine])
	statements.Unlock()
	if known < 50 {
		t.Run("contract", func(t *testing.T) { storagetest.Run(t, traced(open)) })
	}
	if known = len(statements.of[engine]); known < 50 {
		t.Fatalf("only %d statements were seen", known)
	}
	return statements.of[engine]
}
