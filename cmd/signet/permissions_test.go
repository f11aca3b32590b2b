package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"signet/config"
	"signet/storage/sqlitefile"
)

func TestAWorldReadableDatabaseIsWarnedAbout(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no such bits")
	}
	for name, test := range map[string]struct {
		dir, file os.FileMode
		want      int
	}{
		"own": {0o755, 0o600, 0}, "group": {0o755, 0o640, 0}, "readable": {0o755, 0o644, 2}, "writable": {0o755, 0o602, 2},
		"closed directory": {0o700, 0o644, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "signet.db")
			for _, file := range []string{path, path + "-wal"} {
				if err := os.WriteFile(file, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(file, test.file); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(dir, test.dir); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(config.Sources{Environ: []string{"SIGNET_STORAGE_DSN=sqlite:" + path}})
			if err != nil {
				t.Fatal(err)
			}
			got := openToAll(c)
			if len(got) != test.want {
				t.Fatalf("got %q, want %d warnings", got, test.want)
			}
			if test.want > 0 && !strings.HasSuffix(got[0], "chmod 600 "+path) {
				t.Errorf("no remedy in %q", got[0])
			}
		})
	}
}

// TestADatabaseOnANetworkIsWarnedOf, and one on a disk, or Postgres, is not.
func TestADatabaseOnANetworkIsWarnedOf(t *testing.T) {
	t.Parallel()
	c := config.Config{Storage: config.Storage{DSN: config.NewDSN("sqlite:/mnt/share/signet.db")}}
	nfs := func(folder string) string { return map[string]string{"/mnt/share": "NFS"}[folder] }
	if got := onNetwork(c, nfs); len(got) != 1 || !strings.Contains(got[0], "/mnt/share/signet.db is on NFS") {
		t.Errorf("%q", got)
	}
	if got := onNetwork(c, func(string) string { return "" }); got != nil {
		t.Errorf("a disk: %q", got)
	}
	c.Storage.DSN = config.NewDSN("postgres://a@b/c")
	if got := onNetwork(c, func(string) string { return "NFS" }); got != nil {
		t.Errorf("Postgres: %q", got)
	}
	if got := sqlitefile.Network("/proc"); got != "" {
		t.Errorf("/proc: %q", got)
	}
}
