package transfer

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Variables of the process that TestKilledAtEveryStep kills: the addresses, the file with the steps at which one died already, and how
// large a file may get.
const fromVariable, toVariable, seenVariable, limitVariable = "SIGNET_TRANSFER_FROM", "SIGNET_TRANSFER_TO", "SIGNET_TRANSFER_SEEN",
	"SIGNET_TRANSFER_LIMIT"

// TestProcess is not a test: it is the process that others start and kill.
func TestProcess(t *testing.T) {
	from, to := os.Getenv(fromVariable), os.Getenv(toVariable)
	if from == "" {
		return // only a part of other tests
	}
	if os.Getenv(limitVariable) != "" {
		signal.Ignore(syscall.SIGXFSZ)
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 2 << 20, Max: 2 << 20}))
	}
	_, err := Move(context.Background(), Options{From: from, To: to, Step: func(done string) { dieOnce(done) }})
	must(t, err)
}

// dieOnce ends this process as kill -9 does, at a step at which none died yet. Of the many comparisons, which write nothing, one will do.
func dieOnce(step string) {
	name := os.Getenv(seenVariable)
	if strings.HasPrefix(step, "compared") {
		step = "compared"
	}
	seen, _ := os.ReadFile(name)
	if name == "" || slices.Contains(strings.Split(string(seen), "\n"), step) {
		return
	}
	if os.WriteFile(name, append(seen, step+"\n"...), 0o600) == nil {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}

// process runs Move in another process.
func process(t *testing.T, from, to string, more ...string) (out string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestProcess$")
	c.Env = append(os.Environ(), append(more, fromVariable+"="+from, toVariable+"="+to)...)
	var all bytes.Buffer
	c.Stdout, c.Stderr = &all, &all
	err = c.Run()
	return all.String(), err
}

// TestKilledAtEveryStep: after each step that is durable the process dies, and the next one goes on. At the end everything is there.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, from, to string) {
		fill(t, from, 3)
		before := sums(t, from)
		seen := filepath.Join(t.TempDir(), "seen")
		for died := 0; ; died++ {
			out, err := process(t, from, to, seenVariable+"="+seen)
			if err == nil {
				if died < 30 {
					t.Errorf("died %d times only", died)
				}
				break
			}
			if !strings.Contains(err.Error(), "killed") || died > 100 {
				t.Fatalf("%v\n%s", err, out)
			}
			frozen(t, connected(t, from))
		}
		same(t, sums(t, to), before)
		same(t, sums(t, from), before)
		must(t, connected(t, to).CheckSchema(t.Context()))
	})
}

// TestFullDisk: the target cannot grow any more. With space again the next run goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	from, to := newPostgres(t), newSQLite(t)
	fill(t, from, 3000)
	before := sums(t, from)
	out, err := process(t, from, to, limitVariable+"=1")
	if err == nil || !strings.Contains(out, "copy ") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
	frozen(t, connected(t, from))
	_, err = Move(t.Context(), Options{From: from, To: to})
	must(t, err)
	same(t, sums(t, to), before)
}
