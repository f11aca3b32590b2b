package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// file is one parsed source file.
type file struct {
	path string // relative to the module, with slashes
	dir  string
	test bool
	ast  *ast.File
}

var fset = token.NewFileSet()

// source parses the module once.
var source = sync.OnceValues(func() ([]file, error) {
	root := filepath.Join("..", "..")
	var files []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		tree, err := parser.ParseFile(fset, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if ast.IsGenerated(tree) { // what makes it is looked at
			return nil
		}
		rel, err := filepath.Rel(root, p)
		rel = filepath.ToSlash(rel)
		files = append(files, file{path: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), ast: tree})
		return err
	})
	return files, err
})

func sources(t *testing.T) []file {
	t.Helper()
	files, err := source()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("only %d files found", len(files))
	}
	return files
}

func (f file) imports() []string {
	var list []string
	for _, spec := range f.ast.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		list = append(list, p)
	}
	return list
}

// under reports whether a path is one of the trees' roots or lies beneath.
func under(p string, trees []string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool { return p == tree || strings.HasPrefix(p, tree+"/") })
}

func levelOf(dir string) (layer string, level int) {
	for _, f := range levels {
		if under(dir, []string{f.dir}) {
			return f.dir, f.level
		}
	}
	return dir, 0
}

func TestArrowsGoDown(t *testing.T) {
	for _, f := range sources(t) {
		layer, level := levelOf(f.dir)
		if f.test || under(f.dir, drivers) {
			continue
		}
		if level == 0 {
			t.Errorf("%s: no layer has it; give it a level in laws_test.go", f.path)
			continue
		}
		for _, p := range f.imports() {
			ours, ok := strings.CutPrefix(p, module+"/")
			if !ok {
				continue
			}
			other, below := levelOf(ours)
			if other != layer && (below > level || below == level && level != 4 && level != 3) {
				t.Errorf("%s (floor %d) imports %s (floor %d): arrows go down", f.path, level, p, below)
			}
			if level <= 2 && below > 1 && other != layer {
				t.Errorf("%s imports %s: storage, templates and config import nothing of ours but what is on floor 1", f.path, p)
			}
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	used := map[[2]string]bool{}
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		for _, law := range importLaws {
			if len(law.who) > 0 && !under(f.dir, law.who) || under(f.dir, law.except) {
				continue
			}
			for _, p := range f.imports() {
				switch exception := [2]string{f.path, p}; {
				case !under(p, law.what):
				case importExceptions[exception] != "":
					used[exception] = true
				default:
					t.Errorf("%s imports %s: %s", f.path, p, law.reason)
				}
			}
		}
	}
	for exception := range importExceptions {
		if !used[exception] {
			t.Errorf("the exception %v is not needed any more: remove it", exception)
		}
	}
}

func TestOldJoseInOneFileAtMost(t *testing.T) {
	var where []string
	for _, f := range sources(t) {
		if slices.Contains(f.imports(), "github.com/go-jose/go-jose/v3") {
			where = append(where, f.path)
		}
	}
	if len(where) > 1 {
		t.Errorf("go-jose v3 is fosite's, for one adapter; what parses outside input uses v4. Found in %v", where)
	}
}

func TestHandlersDoNotKnowEachOther(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || !under(f.dir, []string{"server"}) || slices.Contains(wholeServer, f.dir) {
			continue
		}
		for _, p := range f.imports() {
			ours := strings.TrimPrefix(p, module+"/")
			if under(ours, []string{"server"}) && ours != f.dir && !slices.Contains(sharedPackages, ours) {
				t.Errorf("%s imports %s: handler packages never import one another, except web, pages, browser and login", f.path, p)
			}
		}
	}
}

func TestOnlyTheServerSpeaksHTTP(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || strings.HasSuffix(f.dir, "test") || under(f.dir, httpPackages) || under(f.dir, drivers) || httpFiles[f.path] != "" {
			continue
		}
		uses(f, "net/http", func(name string, at token.Pos) {
			if slices.Contains(serverTypes, name) {
				t.Errorf("%s: http.%s: the server's side of net/http stays in server, and where fosite's signatures ask for it", fset.Position(at),
					name)
			}
		})
	}
}

func TestForbiddenNames(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || under(f.dir, []string{"examples"}) {
			continue
		}
		for _, no := range forbidden {
			uses(f, no.pkg, func(name string, at token.Pos) {
				if name == no.name {
					t.Errorf("%s: %s.%s: %s", fset.Position(at), no.pkg, name, no.reason)
				}
			})
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && forbiddenMethods[sel.Sel.Name] != "" {
				t.Errorf("%s: %s: %s", fset.Position(sel.Pos()), sel.Sel.Name, forbiddenMethods[sel.Sel.Name])
			}
			return true
		})
	}
}

// uses calls found for each name of a package that the file mentions.
func uses(f file, pkg string, found func(name string, at token.Pos)) {
	local := ""
	for _, spec := range f.ast.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p == pkg {
			local = path.Base(p)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	if local == "" {
		return
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == local {
				found(sel.Sel.Name, sel.Pos())
			}
		}
		return true
	})
}

func TestSizes(t *testing.T) {
	for _, f := range sources(t) {
		lines := fset.File(f.ast.Pos()).LineCount()
		if lines > longestFile {
			t.Errorf("%s has %d lines, at most %d: split it by what it does", f.path, lines, longestFile)
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > longestFunction {
				t.Errorf("%s: %s has %d lines, at most %d", fset.Position(fn.Pos()), fn.Name.Name, n, longestFunction)
			}
		}
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	said := map[string]bool{}
	for _, f := range sources(t) {
		if !f.test {
			said[f.dir] = said[f.dir] || f.ast.Doc != nil
		}
	}
	for dir, ok := range said {
		if !ok {
			t.Errorf("package %s has no comment: what it owns, what it does not, where to begin", dir)
		}
	}
}

func TestExportedNamesAreExplained(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || f.ast.Name.Name == "main" {
			continue
		}
		for _, d := range f.ast.Decls {
			for _, name := range unexplained(d) {
				t.Errorf("%s: %s has no comment", fset.Position(d.Pos()), name)
			}
		}
	}
}

// unexplained lists a declaration's exported names without a comment; a comment on a group counts for all in it.
func unexplained(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || receiverExported(d.Recv.List[0].Type)) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var names []string
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						names = append(names, n.Name)
					}
				}
			}
		}
		return names
	}
	return nil
}

func receiverExported(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.StarExpr:
		return receiverExported(x.X)
	case *ast.IndexExpr:
		return receiverExported(x.X)
	case *ast.Ident:
		return x.IsExported()
	}
	return false
}

// The laws themselves must bite: each table is tried on a file that breaks it.
func TestLawsBite(t *testing.T) {
	parse := func(src string) file {
		tree, err := parser.ParseFile(fset, "broken.go", src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		return file{path: "users/broken.go", dir: "users", ast: tree}
	}
	f := parse("package users\nimport h \"net/http\"\nvar C = h.DefaultClient\nfunc F(w h.ResponseWriter) {}\n")
	var seen []string
	uses(f, "net/http", func(name string, _ token.Pos) { seen = append(seen, name) })
	if !slices.Equal(seen, []string{"DefaultClient", "ResponseWriter"}) {
		t.Errorf("found %v", seen)
	}
	if got := unexplained(f.ast.Decls[1]); !slices.Equal(got, []string{"C"}) {
		t.Errorf("unexplained: %v", got)
	}
	if got := unexplained(f.ast.Decls[2]); !slices.Equal(got, []string{"F"}) {
		t.Errorf("unexplained: %v", got)
	}
	if !under("signet/oauth/keys", []string{"signet/oauth"}) || under("signet/oauthx", []string{"signet/oauth"}) {
		t.Error("under is wrong")
	}
	if _, err := os.Stat(filepath.Join("..", "..", "go.mod")); err != nil {
		t.Error("the module's root is not where the laws look")
	}
}
