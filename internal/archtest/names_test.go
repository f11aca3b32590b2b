package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"signet/audit"
)

// TestNamesAreAll reads the constants of name.go: a name that is not among Names is one that no webhook can ask for.
func TestNamesAreAll(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "audit", "name.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []audit.Name
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, _ := v.Type.(*ast.Ident); typ != nil && typ.Name == "Name" {
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, audit.Name(text))
		}
		return false
	})
	slices.Sort(want)
	if got := audit.Names(); !slices.Equal(got, want) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("got %q, want %q", got, want)
	}
}
