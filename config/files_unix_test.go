//go:build unix

package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"signet/internal/regular"
)

// TestFilesOfSettingsAreRegular: a pipe that nobody writes into keeps no command waiting, whichever setting names it.
func TestFilesOfSettingsAreRegular(t *testing.T) {
	dir := t.TempDir()
	pipe, fine := filepath.Join(dir, "pipe"), filepath.Join(dir, "config.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fine, []byte("clients: [{client_id: shop, client_secret_file: "+pipe+"}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]Sources{
		"the configuration": {File: pipe}, "a folder": {File: dir}, "a device": {File: "/dev/zero"}, "in the configuration": {File: fine},
		"in the environment": {Environ: []string{"SIGNET_MASTER_KEY_FILE=" + pipe}},
	} {
		if _, err := Load(s); !errors.Is(err, regular.ErrNot) || !strings.Contains(err.Error(), " is a ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(Sources{File: os.DevNull}); err != nil {
		t.Errorf("no configuration: %v", err)
	}
	if _, err := LoadSeed(Sources{File: pipe}); !errors.Is(err, regular.ErrNot) {
		t.Errorf("the seed: %v", err)
	}
}
