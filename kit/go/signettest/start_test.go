package signettest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestItSaysThatItBuilds: before minutes of silence there is a line, with what spares them.
func TestItSaysThatItBuilds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a script takes the place of go")
	}
	dir := t.TempDir()
	script := "#!/bin/sh\ncase $1 in\nlist) echo " + dir + "/kit/go;;\nbuild) echo made > \"$5\";;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	var said strings.Builder
	made, err := build(&said)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(made); err != nil || string(text) != "made\n" {
		t.Errorf("%s: %q, %v", made, text, err)
	}
	if line := said.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, "building signet in "+dir) ||
		!strings.Contains(line, "SIGNET_BINARY") {
		t.Errorf("it says %q", line)
	}
}

// TestReadyAtOnce: the program computes for 300 ms at most until it answers, and to end. What the clock says depends on what else runs
// here.
func TestReadyAtOnce(t *testing.T) {
	binary, err := find()
	if err != nil {
		t.Fatal(err)
	}
	for tries := 1; ; tries++ { // who shares a processor with others computes for longer, too
		cmd := exec.Command(binary, "dev", "--json", "--until-stdin-closes", "--listen", "127.0.0.1:0")
		began := time.Now()
		s, stop, err := run(cmd, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		stop()
		computed := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		t.Logf("%s was ready after %s; it computed for %s", s.Issuer, took, computed)
		if !cmd.ProcessState.Success() {
			t.Errorf("it ended with %s", cmd.ProcessState)
		}
		if computed <= 300*time.Millisecond {
			return
		}
		if tries == 20 {
			t.Fatalf("it computed for %s", computed)
		}
	}
}
