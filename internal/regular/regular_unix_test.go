//go:build unix

package regular_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"signet/internal/regular"
)

// TestWhatIsNoFileIsRefusedAtOnce: a pipe would keep whoever opens it waiting, a device never end, and a directory fail with words that
// nobody understands.
func TestWhatIsNoFileIsRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(in("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", in("s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Symlink("pipe", in("link")); err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]string{in("pipe"): "a pipe", in("link"): "a pipe", in("s"): "a socket", dir: "a directory",
		"/dev/zero": "a device"} {
		if _, err := regular.Read(name, 100); !errors.Is(err, regular.ErrNot) || !strings.Contains(err.Error(), name+" is "+kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := regular.Read(in("none"), 100); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestLinksLeadToFiles: Kubernetes names a file by two of them (..data), and changes the first.
func TestLinksLeadToFiles(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{os.Mkdir(in("..1"), 0o700),
		os.WriteFile(in("..1/key"), []byte("secret"), 0o400), os.Symlink("..1", in("..data")),
		os.Symlink("..data/key", in("key"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if text, err := regular.Read(in("key"), 6); err != nil || string(text) != "secret" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := regular.Read(in("key"), 5); err == nil || !strings.Contains(err.Error(), "larger than 5 bytes") {
		t.Error(err)
	}
}
