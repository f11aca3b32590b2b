package kit

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)\n```")

// TestReadme: what the documents tell people to write compiles, as a module of its own that knows of a checkout.
func TestReadme(t *testing.T) {
	read := func(name string) string {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	whole := goBlock.FindStringSubmatch(read("README.md"))
	if whole == nil {
		t.Fatal("no program")
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mod := strings.Replace(read("go.mod"), "module signet/kit/go", "module readme", 1) +
		"\nrequire signet/kit/go v0.0.0\nreplace signet/kit/go => " + here + "\n"
	for name, text := range map[string]string{"main.go": whole[1], "go.mod": mod, "go.sum": read("go.sum")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-mod=mod", "-o", os.DevNull, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	short := goBlock.FindStringSubmatch(read("../../docs/resource-servers.md"))
	for line := range strings.Lines(short[1]) {
		if line = strings.TrimSpace(line); line != "return err" && !strings.Contains(whole[1], line) {
			t.Errorf("docs/resource-servers.md has %q, the README does not", line)
		}
	}
}
