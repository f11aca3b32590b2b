package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"signet/clients"
)

// TestPrintedProgramCompiles: what `resource add` prints for Go is a program, as a module of its own that knows of a checkout, whatever the
// API is called.
func TestPrintedProgramCompiles(t *testing.T) {
	t.Parallel()
	at, err := filepath.Abs("../../kit/go")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	ports := map[string]string{"local/main.go": "9462", "mcp/main.go": "9420", "root/main.go": "9420", "odd/main.go": "9420"}
	for _, name := range []string{"go.mod", "go.sum"} {
		raw, err := os.ReadFile(filepath.Join(at, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(raw)
	}
	files["go.mod"] = strings.Replace(files["go.mod"], "module signet/kit/go", "module printed", 1) +
		"\nrequire signet/kit/go v0.0.0\nreplace signet/kit/go => " + at + "\n"
	for name, r := range map[string]clients.Resource{
		"mcp/main.go":   {Identifier: "https://api.example/mcp", Scopes: []string{"notes:read", "notes:write"}, Open: true},
		"root/main.go":  {Identifier: "https://api.example"},
		"odd/main.go":   {Identifier: "https://api.example/v1/a%22b?q=%60", Scopes: []string{`a!#b`}},
		"local/main.go": {Identifier: "http://localhost:9462/mcp", Scopes: []string{"x"}},
	} {
		k, err := kitOf("https://id.example.com", r)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = k.Go
		for _, program := range []string{k.Go, k.TypeScript} {
			if !strings.Contains(program, ports[name]) || strings.Contains(program, "Scopes()") {
				t.Errorf("%s listens elsewhere, or demands nothing:\n%s", name, program)
			}
		}
	}
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	vet := exec.Command("go", "vet", "-mod=mod", "./...") // type-checks, and links nothing
	vet.Dir = dir
	vet.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	if out, err := vet.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
