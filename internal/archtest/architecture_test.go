package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryPackageIsInTheArchitecturePage: whoever looks for the code of something finds its package in docs/architecture.md.
func TestEveryPackageIsInTheArchitecturePage(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]bool{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			dir, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			packages[filepath.ToSlash(dir)] = true
		}
		return nil
	})
	if err != nil || len(packages) < 50 {
		t.Fatalf("%d packages, %v", len(packages), err)
	}
	for p := range packages {
		named := false
		for _, after := range []string{"`", "/", ".", ",", " ", "{"} {
			named = named || strings.Contains(string(page), "`"+p+after)
		}
		if !named {
			t.Errorf("docs/architecture.md does not say what %s is for", p)
		}
	}
}
