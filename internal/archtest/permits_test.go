package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// wayWriters are the methods of *storage.DB that write a way to sign in. users/factor calls them, in Ways, each after it has checked a
// permit; nobody else does (rule V01).
var wayWriters = []string{
	"InsertCredential", "DeleteCredential", "DeleteCredentials", "DeleteFactors", "InsertIdentity", "DeleteIdentity", "UpdateUserEmail",
}

// proofMakers are where a factor.Proof may be made, by what it is made of. What is not listed is made nowhere.
var proofMakers = map[string][]string{
	"ByFirstFactor": {"server/login"}, "ByConfirmation": {"server/login"}, "BySession": {"server/login"},
	"ByLink": {"users"}, "ByUpstream": {"users/federation"}, "ByRegistration": {"users"},
	"ByOperator": {"users/factor", "users/importer", "cmd/signet", "admin"},
}

// operators are where factor.ForOperator may be called.
var operators = []string{"users/importer", "cmd/signet", "admin"}

// guarded reports whether the laws of this file bind a file.
func guarded(f file) bool {
	return !f.test && !strings.HasSuffix(f.dir, "test") && !under(f.dir, drivers)
}

func TestV01_OneWriterOfWaysToSignIn(t *testing.T) {
	called := map[string]bool{}
	for _, f := range sources(t) {
		if !guarded(f) || under(f.dir, []string{"storage"}) {
			continue
		}
		for _, name := range mentioned(f.ast, wayWriters) {
			if f.dir != "users/factor" {
				t.Errorf("%s: %s: ways to sign in are written by factor.Ways only, which checks a permit", f.path, name)
			}
			called[name] = true
		}
	}
	for _, name := range wayWriters {
		if !called[name] {
			t.Errorf("nobody calls %s: the law looks for the wrong thing", name)
		}
	}
}

// mentioned lists the names that are called, taken as a value, or asked for by an interface.
func mentioned(tree ast.Node, names []string) (found []string) {
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if slices.Contains(names, n.Sel.Name) {
				found = append(found, n.Sel.Name)
			}
		case *ast.InterfaceType:
			for _, m := range n.Methods.List {
				for _, id := range m.Names {
					if slices.Contains(names, id.Name) {
						found = append(found, id.Name)
					}
				}
			}
		}
		return true
	})
	return found
}

func TestV01_ProofsAreMadeWhereTheyAreChecked(t *testing.T) {
	made := map[string]bool{}
	for _, f := range sources(t) {
		if !guarded(f) {
			continue
		}
		for _, p := range proofs(f) {
			made[p.by] = true
			if places := proofMakers[p.by]; p.by == "ByLink" || p.by == "ByRegistration" {
				if !under(f.dir, places) {
					t.Errorf("%s: a proof %s is made in %v only", fset.Position(p.at), p.by, places)
				}
			} else if !slices.Contains(places, f.dir) {
				t.Errorf("%s: a proof %q is made in %v only", fset.Position(p.at), p.by, places)
			}
		}
		uses(f, "signet/users/factor", func(name string, at token.Pos) {
			if name == "ForOperator" && !slices.Contains(operators, f.dir) {
				t.Errorf("%s: factor.ForOperator is for the command line and the import", fset.Position(at))
			}
		})
	}
	for _, by := range []string{"BySession", "ByFirstFactor", "ByLink", "ByUpstream", "ByRegistration", "ByOperator"} {
		if !made[by] {
			t.Errorf("nobody makes a proof %s: the law looks for the wrong thing", by)
		}
	}
}

// proof is one that a file makes, or makes another of.
type proof struct {
	by string // "" = not said, or not by name
	at token.Pos
}

// proofs finds the literals of factor.Proof, and what is assigned to a field By.
func proofs(f file) (list []proof) {
	own := f.dir == "users/factor"
	if !own && !slices.Contains(f.imports(), module+"/users/factor") {
		return nil
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if isProof(n.Type, own) && len(n.Elts) > 0 {
				list = append(list, proof{byOf(n), n.Pos()})
			}
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if sel, ok := l.(*ast.SelectorExpr); ok && sel.Sel.Name == "By" && i < len(n.Rhs) {
					list = append(list, proof{nameOf(n.Rhs[i]), n.Pos()})
				}
			}
		}
		return true
	})
	return list
}

func isProof(e ast.Expr, own bool) bool {
	switch x := e.(type) {
	case *ast.Ident:
		return own && x.Name == "Proof"
	case *ast.SelectorExpr:
		pkg, ok := x.X.(*ast.Ident)
		return ok && pkg.Name == "factor" && x.Sel.Name == "Proof"
	}
	return false
}

// byOf is what a literal says of its By.
func byOf(lit *ast.CompositeLit) string {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok && nameOf(kv.Key) == "By" {
			return nameOf(kv.Value)
		}
	}
	return ""
}

func nameOf(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

// The laws themselves must bite.
func TestPermitLawsBite(t *testing.T) {
	tree, err := parser.ParseFile(fset, "broken.go", `package users
import "signet/users/factor"
type S interface { DeleteFactors(); Other() }
func F(p factor.Proof, db D) {
	db.InsertIdentity()
	f := db.DeleteCredential
	p.By = factor.BySession
	g(factor.Proof{By: factor.ByOperator, UserID: "x"}, &factor.Proof{UserID: "x"}, factor.Proof{})
}
`, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	f := file{path: "users/broken.go", dir: "users", ast: tree}
	if got := mentioned(tree, wayWriters); !slices.Equal(got, []string{"DeleteFactors", "InsertIdentity", "DeleteCredential"}) {
		t.Errorf("mentioned: %v", got)
	}
	var by []string
	for _, p := range proofs(f) {
		by = append(by, p.by)
	}
	if !slices.Equal(by, []string{"BySession", "ByOperator", ""}) {
		t.Errorf("proofs: %q", by)
	}
}
