package clientgen_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/internal/clientgen"
	"signet/internal/generatedtest"
)

var update = flag.Bool("update", false, "write the clients anew")

// TestClientsAreDocumented: the clients of the kit are made of the document of this release.
func TestClientsAreDocumented(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "server", "testdata", "adminapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := clientgen.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	types, operations, err := d.Go()
	if err != nil {
		t.Fatal(err)
	}
	kit := filepath.Join("..", "..", "kit")
	generatedtest.File(t, *update, filepath.Join(kit, "go", "adminclient", "types.go"), types)
	generatedtest.File(t, *update, filepath.Join(kit, "go", "adminclient", "operations.go"), operations)
	generatedtest.File(t, *update, filepath.Join(kit, "ts", "src", "admin.ts"), d.TypeScript())
	if len(d.Operations) < 80 || strings.Count(operations, "func (a *Admin)") != len(d.Operations) {
		t.Errorf("%d operations", len(d.Operations))
	}
}

// TestWhatIsNotUnderstoodIsRefused: a document that says more than a client can do makes none.
func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	for _, raw := range []string{
		`{`, `{"components": {"schemas": {"X": {"properties": {"a": {"type": "number"}}}}}}`,
		`{"components": {"schemas": {"X": {"properties": {"a": {"type": "object", "properties": {"odd": {"type": "string"}}}}}}}}`,
		`{"paths": {"/x": {"get": {"operationId": "x", "parameters": [{"name": "X-Odd", "in": "header", "schema": {"type": "string"}}]}}}}`,
	} {
		if _, err := clientgen.Read([]byte(raw)); err == nil {
			t.Errorf("%s was understood", raw)
		}
	}
}
