// Package generatedtest compares documents that are made from the code with what the code says now.
//
// The tests own their flag -update, which writes the document anew. Begin with File.
package generatedtest

import (
	"os"
	"strings"
	"testing"
)

// File compares a file with what it should be, or writes it.
func File(t *testing.T, update bool, name, want string) {
	t.Helper()
	if update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s is not what the code says (%v): run this test with -update", name, err)
	}
}

// Cell makes a text fit for a cell of a Markdown table.
func Cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
