package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"signet/internal/generatedtest"
)

var update = flag.Bool("update", false, "write docs/settings.md anew")

// TestSettingsAreDocumented makes docs/settings.md of the tree, its defaults and the comments of its fields.
func TestSettingsAreDocumented(t *testing.T) {
	comments := fieldComments(t)
	var out strings.Builder
	out.WriteString(
		"# Settings\n\nEvery key of the configuration with its default. [config.yaml](../config.yaml) shows them in place, with what each is " +
			"for. A key can be\n" +
			"given in the file, as `SIGNET_SECTION_KEY` in the environment (the dots become underscores), and a secret also as a file named by\n" +
			"`…_FILE`. Files that settings name are regular ones, or links to them, as Kubernetes and systemd's credentials have them: no pipe\n" +
			"(`<(…)`, `/dev/stdin`), which gives its content once where settings are read again, and no device. Lists (`clients`,\n" +
			"`upstreams`, `resources`, `trusted_issuers`) are described in config.yaml.\n\n" +
			"Generated from the package `config`: `go test ./config -run Settings -update`.\n\n| key | default | |\n|---|---|---|\n")
	for _, s := range Default().Settings() {
		if s.Key == "(master key)" {
			continue
		}
		fmt.Fprintf(&out, "| `%s` | `%s` | %s |\n", s.Key, generatedtest.Cell(s.Text()), generatedtest.Cell(comments[s.Key]))
	}
	out.WriteString("\nThe master key is given as `SIGNET_MASTER_KEY`, in a file named by `SIGNET_MASTER_KEY_FILE`, or by a program,\n" +
		"`SIGNET_MASTER_KEY_COMMAND`, which prints it.\n")
	generatedtest.File(t, *update, filepath.Join("..", "docs", "settings.md"), out.String())
}

// fieldComments are the comments on the fields of the tree, by key.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	structs := map[string]*ast.StructType{}
	for _, name := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.TypeSpec); ok {
				if typ, ok := s.Type.(*ast.StructType); ok {
					structs[s.Name.Name] = typ
				}
			}
			return true
		})
	}
	comments := map[string]string{}
	var walk func(name, prefix string)
	walk = func(name, prefix string) {
		for _, f := range structs[name].Fields.List {
			if f.Tag == nil {
				continue
			}
			key := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml")
			if key == "" || key == "-" {
				continue
			}
			comments[prefix+key] = f.Doc.Text() + " " + f.Comment.Text()
			if typ, ok := f.Type.(*ast.Ident); ok && structs[typ.Name] != nil {
				walk(typ.Name, prefix+key+".")
			}
		}
	}
	walk("Config", "")
	return comments
}
