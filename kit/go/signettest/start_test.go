package signettest

import (
	"os/exec"
	"testing"
	"time"
)

// TestReadyAtOnce: the program computes for 300 ms at most until it answers, and to end. What the clock says depends on what else runs
// here.
func TestReadyAtOnce(t *testing.T) {
	binary, err := find()
	if err != nil {
		t.Fatal(err)
	}
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
	if computed > 300*time.Millisecond {
		t.Errorf("it computed for %s", computed)
	}
	if !cmd.ProcessState.Success() {
		t.Errorf("it ended with %s", cmd.ProcessState)
	}
}
