package program_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/internal/program"
)

// script writes a program and returns its path.
func script(t *testing.T, body string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestSecret: what a program writes is the secret; whatever goes wrong is an error that says so and holds nothing of what it wrote.
func TestSecret(t *testing.T) {
	for name, c := range map[string]struct{ body, args, want, wrong string }{
		"its output":        {body: `echo "  hush "`, want: "hush"},
		"its arguments":     {body: `echo "$#-$1-$2"`, args: " a  b*", want: "2-a-b*"},
		"its environment":   {body: `echo "$KEPT/$SIGNET_MASTER_KEY"`, want: "kept/"},
		"it fails":          {body: `echo hush; echo "no route" >&2; exit 3`, wrong: "exit status 3: it said: no route"},
		"it says nothing":   {body: `echo " "`, wrong: "wrote nothing"},
		"it writes a lot":   {body: `head -c 100000 /dev/zero | tr '\0' h`, wrong: "more than 64 KB"},
		"it complains long": {body: `head -c 9000 /dev/zero | tr '\0' e >&2; exit 1`, wrong: "eee…"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := program.Secret(t.Context(), script(t, c.body)+c.args, append(os.Environ(), "KEPT=kept", "SIGNET_MASTER_KEY=key"))
			if c.wrong == "" && (got != c.want || err != nil) {
				t.Errorf("%.80q, %v", got, err)
			}
			if c.wrong == "" {
				return
			}
			if text := fmt.Sprint(err); !errors.Is(err, program.ErrFailed) || !strings.Contains(text, c.wrong) ||
				strings.Contains(text, "hush") || len(text) > 700 || got != "" {
				t.Errorf("%d bytes, %.700v", len(got), err)
			}
		})
	}
	for _, line := range []string{"", " ", "/no/such/program", t.TempDir()} {
		if got, err := program.Secret(t.Context(), line, nil); got != "" || !errors.Is(err, program.ErrFailed) {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
}

// TestSecretIsBounded: a program that does not end, or whose children do not, is given up.
func TestSecretIsBounded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := program.Secret(ctx, script(t, "sleep 20"), os.Environ()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got, err := program.Secret(t.Context(), script(t, "echo hush; sleep 20 &"), os.Environ()); got != "" || err == nil {
		t.Errorf("%q, %v: a child that holds the output open", got, err)
	}
}

// TestSourceRunsOnce: however many ask at once, the program runs once, and again when its answer is old.
func TestSourceRunsOnce(t *testing.T) {
	count := filepath.Join(t.TempDir(), "runs")
	s := program.NewSource(script(t, "echo run >> "+count+"; echo hush"), os.Environ())
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if got, err := s.Secret(t.Context()); got != "hush" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	all.Wait()
	runs, err := os.ReadFile(count)
	if err != nil || strings.Count(string(runs), "run") != 1 {
		t.Errorf("%q, %v", runs, err)
	}
}

// TestAddress: the password goes into the address of a Postgres as it has to be written there.
func TestAddress(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://u@h/d?sslmode=disable": "postgres://u:p%40ss%2Fword@h/d?sslmode=disable",
		"postgres://h/d":                   "postgres://:p%40ss%2Fword@h/d",
		"sqlite:./data/signet.db":          "sqlite:./data/signet.db",
	} {
		if got, err := program.Address(t.Context(), dsn, "echo p@ss/word"); got != want || err != nil {
			t.Errorf("%s: %s, %v", dsn, got, err)
		}
		if got, err := program.Address(t.Context(), dsn, ""); got != dsn || err != nil {
			t.Errorf("%s without a command: %s, %v", dsn, got, err)
		}
	}
}

// TestWhoeverAsksWaitsAsLongAsTheyMay: also who has the program run; the next one finds what it wrote meanwhile.
func TestWhoeverAsksWaitsAsLongAsTheyMay(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	s := program.NewSource(script(t, "while [ ! -s "+gate+" ]; do sleep 0.05; done; cat "+gate), os.Environ())
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if got, err := s.Secret(ctx); got != "" || !errors.Is(err, program.ErrFailed) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q, %v", got, err)
		}
		cancel()
	}
	if err := os.WriteFile(gate, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Secret(t.Context()); got != "hush" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
