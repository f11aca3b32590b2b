package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signet/internal/generatedtest"
)

// decisionParts are the headings of every decision, in this order and no others.
var decisionParts = []string{"## Context", "## Decision", "## Given up", "## Reconsider"}

var decisionName = regexp.MustCompile(`^(\d{4})-[a-z0-9-]+\.md$`)

// TestDecisionsHaveOneFormat: number, title, four parts; docs/decisions/README.md lists them all (-update writes the list).
func TestDecisionsHaveOneFormat(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "decisions")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var index strings.Builder
	index.WriteString(
		"# Decisions\n\nWhat was chosen where somebody would ask why. Each says the context, the decision, what was given up, and when to\n" +
			"reconsider. This list is generated: `go test ./internal/archtest -run Decisions -update`.\n\n")
	n := 0
	for _, e := range entries {
		if e.Name() == "README.md" {
			continue
		}
		n++
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m := decisionName.FindStringSubmatch(e.Name())
		lines := strings.Split(string(text), "\n")
		title, ok := strings.CutPrefix(lines[0], fmt.Sprintf("# %d. ", n))
		if m == nil || m[1] != fmt.Sprintf("%04d", n) || !ok {
			t.Errorf("%s: want NNNN-words.md, the next number, and a title \"# %d. …\"", e.Name(), n)
			continue
		}
		if parts := headings(lines); !slices.Equal(parts, decisionParts) {
			t.Errorf("%s has the parts %q, want %q", e.Name(), parts, decisionParts)
		}
		fmt.Fprintf(&index, "%d. [%s](%s)\n", n, title, e.Name())
	}
	if n < 17 {
		t.Fatalf("only %d decisions", n)
	}
	generatedtest.File(t, *update, filepath.Join(dir, "README.md"), index.String())
}

func headings(lines []string) (list []string) {
	for _, l := range lines {
		if strings.HasPrefix(l, "## ") {
			list = append(list, l)
		}
	}
	return list
}

// TestDocumentsAreInTheIndex: docs/README.md leads to every document.
func TestDocumentsAreInTheIndex(t *testing.T) {
	dir := filepath.Join("..", "..", "docs")
	index, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	for _, f := range files {
		if name := filepath.Base(f); name != "README.md" && !strings.Contains(string(index), "]("+name+")") {
			t.Errorf("docs/README.md does not lead to %s", name)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#:]+)[^)]*\)`).FindAllStringSubmatch(string(index), -1) {
		if _, err := os.Stat(filepath.Join(dir, m[1])); err != nil {
			t.Errorf("docs/README.md leads to %s: %v", m[1], err)
		}
	}
}
