package archtest

import (
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// attrs are functions of slog and telemetry whose first argument is a key.
var attrs = []string{"String", "Int", "Int64", "Uint64", "Float64", "Bool", "Any", "Duration", "Time", "Group", "URI", "URIs", "Micros"}

// loggers are methods of *slog.Logger, with the place of their first key.
var loggers = map[string]int{"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "DebugContext": 2, "InfoContext": 2, "WarnContext": 2,
	"ErrorContext": 2, "Log": 3, "With": 0}

// logKeys are the literal keys that a file's calls log; odd are calls whose key is not a literal.
func logKeys(f file) (keys []string, odd []token.Pos) {
	take := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			key, _ := strconv.Unquote(lit.Value)
			keys = append(keys, key)
		} else {
			odd = append(odd, e.Pos())
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg := nameOf(sel.X); (pkg == "slog" || pkg == "telemetry") && slices.Contains(attrs, sel.Sel.Name) && len(call.Args) > 0 {
			take(call.Args[0])
			return true
		}
		first, ok := loggers[sel.Sel.Name]
		if !ok || !strings.EqualFold(nameOf(sel.X), "log") {
			return true
		}
		for i := first; i < len(call.Args); i++ {
			if _, attr := call.Args[i].(*ast.CallExpr); attr {
				continue // looked at by itself
			}
			take(call.Args[i])
			i++
		}
		return true
	})
	return keys, odd
}

// TestEveryKeyOfTheLogIsDocumented compares the keys of the code with the table in docs/operations.md, both ways.
func TestEveryKeyOfTheLogIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(doc), "\n### Fields of the log\n")
	if !ok {
		t.Fatal("docs/operations.md has no section on the fields of the log")
	}
	section, _, _ = strings.Cut(section, "\n#")
	documented := map[string]bool{"time": false, "level": false, "msg": false} // slog's own
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|").FindAllStringSubmatch(section, -1) {
		for _, key := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			if !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(key[1]) {
				t.Errorf("the key %q is not in snake case", key[1])
			}
			documented[key[1]] = false
		}
	}
	for _, f := range sources(t) {
		if f.test || under(f.dir, drivers) || under(f.dir, []string{"internal/telemetry", "kit"}) || strings.HasSuffix(f.dir, "test") {
			continue
		}
		keys, odd := logKeys(f)
		for _, at := range odd {
			t.Errorf("%s: the key of a log line is not a literal", fset.Position(at))
		}
		for _, key := range keys {
			if _, ok := documented[key]; !ok {
				t.Errorf("%s logs %q, which docs/operations.md does not have", f.path, key)
			}
			documented[key] = true
		}
	}
	for _, own := range []string{"time", "level", "msg"} {
		delete(documented, own)
	}
	for key, used := range documented {
		if !used {
			t.Errorf("docs/operations.md has the key %q, which nothing logs", key)
		}
	}
}
