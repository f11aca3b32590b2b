package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"signet/internal/generatedtest"
)

// TestEventsAreDocumented makes docs/events.md of the names of package audit and the comments on them.
func TestEventsAreDocumented(t *testing.T) {
	var out strings.Builder
	out.WriteString(
		"# Audit events\n\nEvery name of an event, as `signet event list` and the table `events` show it. Who, whom, from where and with " +
			"which outcome is\n" +
			"in columns of their own. Generated from the package `audit`: `go test ./internal/archtest -run Events -update`.\n")
	data, err := os.ReadFile(filepath.Join("..", "..", "templates", "lang", "en.json"))
	words := map[string]any{}
	if err = errors.Join(err, json.Unmarshal(data, &words)); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range sources(t) {
		if f.test || f.dir != "audit" {
			continue
		}
		for _, d := range f.ast.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			table := eventRows(group, words)
			if n += len(table); len(table) > 0 {
				about := strings.Join(strings.Fields(group.Doc.Text()), " ")
				fmt.Fprintf(&out, "\n## %s\n\n| event | |\n|---|---|\n%s", strings.TrimSuffix(about, "."), strings.Join(table, ""))
			}
		}
	}
	if n < 60 {
		t.Fatalf("only %d events", n)
	}
	generatedtest.File(t, *update, filepath.Join("..", "..", "docs", "events.md"), out.String())
}

// eventRows say what an account page says of an event, and what the code says beside it.
func eventRows(group *ast.GenDecl, words map[string]any) (rows []string) {
	for _, s := range group.Specs {
		v := s.(*ast.ValueSpec)
		typ, _ := v.Type.(*ast.Ident)
		if typ == nil || typ.Name != "Name" || len(v.Values) != 1 {
			continue
		}
		lit, ok := v.Values[0].(*ast.BasicLit)
		if !ok {
			continue
		}
		name, _ := strconv.Unquote(lit.Value)
		shown, _ := words["event."+name].(string)
		if comment := strings.TrimSpace(v.Doc.Text() + " " + v.Comment.Text()); shown != "" && comment != "" {
			shown += " (" + comment + ")"
		} else if shown == "" {
			shown = comment
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s |\n", name, generatedtest.Cell(shown)))
	}
	return rows
}

// TestMetricsAreDocumented makes docs/metrics.md of what package telemetry registers.
func TestMetricsAreDocumented(t *testing.T) {
	var out strings.Builder
	out.WriteString(
		"# Metrics\n\nWhat `/metrics` on `server.internal_listen` answers beside Go's and the process's own metrics, in the format of " +
			"Prometheus.\n" +
			"Generated from the package `internal/telemetry`: `go test ./internal/archtest -run Metrics -update`.\n\n" +
			"| metric | kind | labels | |\n|---|---|---|---|\n")
	n := 0
	for _, f := range sources(t) {
		if f.test || f.dir != "internal/telemetry" {
			continue
		}
		ast.Inspect(f.ast, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			kind := nameOf(call.Fun)
			texts := literalsOf(call.Args)
			switch {
			case (kind == "counter" || kind == "gauge") && len(texts) >= 2:
				n++
				fmt.Fprintf(&out, "| `signet_%s` | %s | %s | %s |\n", texts[0], kind, labels(texts[2:]), generatedtest.Cell(texts[1]))
			case kind == "NewHistogramVec":
				n++
				opts, names := literalsOf(call.Args[:1]), literalsOf(call.Args[1:])
				fmt.Fprintf(&out, "| `%s` | histogram | %s | %s |\n", opts[0], labels(names), generatedtest.Cell(opts[1]))
			}
			return true
		})
	}
	if n < 15 {
		t.Fatalf("only %d metrics", n)
	}
	generatedtest.File(t, *update, filepath.Join("..", "..", "docs", "metrics.md"), out.String())
}

// literalsOf lists the texts in expressions, in order; one that is put together of several is one.
func literalsOf(list []ast.Expr) (texts []string) {
	for _, e := range list {
		ast.Inspect(e, func(n ast.Node) bool {
			if sum, ok := n.(*ast.BinaryExpr); ok && sum.Op == token.ADD {
				texts = append(texts, strings.Join(literalsOf([]ast.Expr{sum.X, sum.Y}), ""))
				return false
			}
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				texts = append(texts, text)
			}
			return true
		})
	}
	return texts
}

func labels(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
