package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// A list of the protocol is parted by spaces alone (RFC 6749 sections 3.1.1 and 3.3); strings.Fields takes every space that Unicode knows,
// so that what others read as one scope would be two here. spaced.Words is what parts lists.
func TestOnlyASpacePartsListsOfTheProtocol(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || f.dir != "oauth" && !strings.HasPrefix(f.dir, "oauth/") {
			continue
		}
		for _, at := range fieldsOf(f) {
			t.Errorf("%s: strings.Fields parts by any space of Unicode; the protocol's lists are parted by spaced.Words", fset.Position(at))
		}
	}
	tree, err := parser.ParseFile(fset, "broken.go", `package oauth
import "strings"
var a = strings.Fields("x")
func b() { for range strings.FieldsSeq("x") {} }`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(fieldsOf(file{dir: "oauth", ast: tree})); n != 2 {
		t.Errorf("%d of 2 breaches are found", n)
	}
}

func fieldsOf(f file) (at []token.Pos) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Fields", "FieldsSeq"}, sel.Sel.Name) {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "strings" {
				at = append(at, n.Pos())
			}
		}
		return true
	})
	return at
}
