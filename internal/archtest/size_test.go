package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Limits of what a reader has to hold in mind at once.
const (
	mostExported = 40 // names a package
	mostMethods  = 5  // an interface
)

// ceiling is an exception from a limit: why it is there, and how far it goes today. It only falls: who gets below lowers it.
type ceiling struct {
	most   int
	reason string
}

// packages lists every package of the module that is no test's, with its files.
func packages(t *testing.T) map[string][]file {
	t.Helper()
	all := map[string][]file{}
	for _, f := range sources(t) {
		if !f.test && f.ast.Name.Name != "main" && !strings.HasSuffix(f.dir, "test") && !under(f.dir, drivers) {
			all[f.dir] = append(all[f.dir], f)
		}
	}
	return all
}

// exported counts a package's exported names at the top level. By kind are exempt: the values of a closed list (a group of constants
// or errors is one thing to know), the structs that are pages (they have a Template), and the tree of the configuration.
func exported(files []file) (names []string) {
	pages := map[string]bool{}
	for _, f := range files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.Name == "Template" {
				if id, ok := fn.Recv.List[0].Type.(*ast.Ident); ok {
					pages[id.Name] = true
				}
			}
		}
	}
	for _, f := range files {
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.IsExported() {
					names = append(names, d.Name.Name)
				}
			case *ast.GenDecl:
				names = append(names, exportedOf(d, pages, f.dir == "config")...)
			}
		}
	}
	return names
}

func exportedOf(d *ast.GenDecl, pages map[string]bool, tree bool) (names []string) {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			_, isStruct := s.Type.(*ast.StructType)
			if s.Name.IsExported() && !pages[s.Name.Name] && !(tree && isStruct) {
				names = append(names, s.Name.Name)
			}
		case *ast.ValueSpec:
			for _, n := range s.Names {
				if n.IsExported() && !(d.Lparen.IsValid() && len(names) > 0) { // a group is a closed list
					names = append(names, n.Name)
				}
			}
		}
	}
	return names
}

func TestAtMostFortyExportedNames(t *testing.T) {
	for dir, files := range packages(t) {
		within(t, dir, len(exported(files)), mostExported, exportedCeilings, "exported names: it is two packages")
	}
	gone(t, exportedCeilings, func(dir string) bool { return len(packages(t)[dir]) > 0 })
}

// within compares a count with the limit, or with the ceiling of an exception.
func within(t *testing.T, what string, n, most int, ceilings map[string]ceiling, of string) {
	t.Helper()
	c, excepted := ceilings[what]
	switch {
	case !excepted && n > most:
		t.Errorf("%s has %d %s (at most %d)", what, n, of, most)
	case excepted && n > c.most:
		t.Errorf("%s has %d %s; its ceiling is %d and only falls (%s)", what, n, of, c.most, c.reason)
	case excepted && n < c.most:
		t.Errorf("%s has only %d %s by now: lower its ceiling of %d, or remove it", what, n, of, c.most)
	}
}

func gone(t *testing.T, ceilings map[string]ceiling, there func(string) bool) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(ceilings)) {
		if !there(what) {
			t.Errorf("the ceiling of %s is not needed any more: remove it", what)
		}
	}
}

// methods counts an interface's, those of embedded interfaces of the same package among them; one of another package counts as one.
func methods(i *ast.InterfaceType, local map[string]*ast.InterfaceType) (n int) {
	for _, m := range i.Methods.List {
		if len(m.Names) > 0 {
			n += len(m.Names)
			continue
		}
		if id, ok := m.Type.(*ast.Ident); ok && local[id.Name] != nil {
			n += methods(local[id.Name], local)
			continue
		}
		n++
	}
	return n
}

func TestAtMostFiveMethodsAnInterface(t *testing.T) {
	seen := map[string]bool{}
	for dir, files := range packages(t) {
		local := map[string]*ast.InterfaceType{}
		for _, f := range files {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if s, ok := n.(*ast.TypeSpec); ok {
					if i, ok := s.Type.(*ast.InterfaceType); ok {
						local[s.Name.Name] = i
					}
				}
				return true
			})
		}
		for name, i := range local {
			what := dir + "." + name
			seen[what] = true
			within(t, what, methods(i, local), mostMethods, methodCeilings, "methods: it is several interfaces")
		}
	}
	gone(t, methodCeilings, func(what string) bool { return seen[what] })
}

// One maker of what the order of a sign-in is decided by: a page that asked with less would get another answer (rule V02).
func TestSeenIsMadeInOnePlace(t *testing.T) {
	made := 0
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		for _, at := range literals(f, "signet/oauth/flow", "Seen") {
			if made++; f.dir != "server/login" {
				t.Errorf("%s: flow.Seen is made in server/login only, from everything that bears on the order", fset.Position(at))
			}
		}
	}
	if made == 0 {
		t.Error("nobody makes flow.Seen: the law looks for the wrong thing")
	}
}

// literals finds the composite literals of a package's type.
func literals(f file, pkg, name string) (at []token.Pos) {
	if !slices.Contains(f.imports(), pkg) {
		return nil
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok {
			if sel, ok := lit.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == name {
				if x, ok := sel.X.(*ast.Ident); ok && strings.HasSuffix(pkg, "/"+x.Name) {
					at = append(at, lit.Pos())
				}
			}
		}
		return true
	})
	return at
}

// cmp.Or calls all its arguments: after an error has been found, a call in another argument runs all the same.
func TestNoCallBesideAnErrorInCmpOr(t *testing.T) {
	for _, f := range sources(t) {
		for _, at := range eagerErrors(f) {
			t.Errorf("%s: cmp.Or calls what stands beside an error although the error is set; write if err != nil", fset.Position(at))
		}
	}
}

// eagerErrors finds the calls of cmp.Or on errors that have a call among their arguments.
func eagerErrors(f file) (at []token.Pos) {
	if !slices.Contains(f.imports(), "cmp") {
		return nil
	}
	var errs []*ast.CallExpr // whose value is an error by where it goes
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if id, ok := l.(*ast.Ident); ok && isErr(id.Name) && len(n.Rhs) == len(n.Lhs) {
					errs = appendCall(errs, n.Rhs[i])
				}
			}
		case *ast.FuncDecl:
			errs = append(errs, returned(n.Type, n.Body)...)
		case *ast.FuncLit:
			errs = append(errs, returned(n.Type, n.Body)...)
		}
		return true
	})
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !isCmpOr(call) {
			return true
		}
		calls, named := false, slices.Contains(errs, call)
		for _, arg := range call.Args {
			switch x := arg.(type) {
			case *ast.CallExpr:
				calls = calls || !isConversion(x)
			case *ast.Ident:
				named = named || isErr(x.Name)
			}
		}
		if calls && named {
			at = append(at, call.Pos())
		}
		return true
	})
	return at
}

// returned are the last results of a function whose last result is an error.
func returned(sig *ast.FuncType, body *ast.BlockStmt) (calls []*ast.CallExpr) {
	if body == nil || sig.Results == nil || len(sig.Results.List) == 0 {
		return nil
	}
	last, ok := sig.Results.List[len(sig.Results.List)-1].Type.(*ast.Ident)
	if !ok || last.Name != "error" {
		return nil
	}
	ast.Inspect(body, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) > 0 {
			calls = appendCall(calls, r.Results[len(r.Results)-1])
		}
		return true
	})
	return calls
}

func appendCall(calls []*ast.CallExpr, e ast.Expr) []*ast.CallExpr {
	if call, ok := e.(*ast.CallExpr); ok {
		return append(calls, call)
	}
	return calls
}

func isErr(name string) bool {
	return name == "err" || strings.HasSuffix(name, "Err") || strings.HasPrefix(name, "err")
}

func isCmpOr(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Or" {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == "cmp"
}

// isConversion reports whether a call only converts: error(x).
func isConversion(call *ast.CallExpr) bool {
	id, ok := call.Fun.(*ast.Ident)
	return ok && id.Name == "error"
}

// The laws themselves must bite.
func TestSizeLawsBite(t *testing.T) {
	parse := func(src string) file {
		tree, err := parser.ParseFile(fset, "broken.go", src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		return file{path: "users/broken.go", dir: "users", ast: tree}
	}
	f := parse(`package users
import ("cmp"; "signet/oauth/flow")
type I interface { A(); B(); J }
type J interface { C(); D(); E(); F() }
type Shown struct{}
func (Shown) Template() string { return "" }
const ( One = 1; Two = 2 )
var Three = flow.Seen{}
func Four() (err error) {
	if err := cmp.Or(err, g()); err != nil { return err }
	err = cmp.Or(g(), h())
	return cmp.Or(err, error(nil))
}
func Five() (int, error) { return cmp.Or(f(), 1), cmp.Or(g(), h()) }
`)
	if got := exported([]file{f}); !slices.Equal(got, []string{"I", "J", "One", "Three", "Four", "Five"}) {
		t.Errorf("exported %v", got)
	}
	local := map[string]*ast.InterfaceType{}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if s, ok := n.(*ast.TypeSpec); ok {
			if i, ok := s.Type.(*ast.InterfaceType); ok {
				local[s.Name.Name] = i
			}
		}
		return true
	})
	if n := methods(local["I"], local); n != 6 {
		t.Errorf("%d methods", n)
	}
	if n := len(literals(f, "signet/oauth/flow", "Seen")); n != 1 {
		t.Errorf("%d literals", n)
	}
	if got := eagerErrors(f); len(got) != 3 {
		t.Errorf("cmp.Or: %s", fmt.Sprint(got))
	}
}
