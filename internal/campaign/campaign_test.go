package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestShortForm is the campaign in less than half a minute, without what needs a build or a disk of its own.
func TestShortForm(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts and kills processes")
	}
	dir, err := os.MkdirTemp("", "signet-campaign-") // Postgres's account must get there, as it need not into a test's own folder
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := &campaign{dir: dir, rounds: 2, races: 300, say: t.Logf}
	c.bin = filepath.Join(c.dir, "signet")
	if err := build(t.Context(), c.bin); err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios() {
		if s.long {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			short := *c
			short.say = t.Logf
			r, err := short.try(t.Context(), s)
			switch {
			case err != nil:
				t.Error(err)
			case r.skipped != nil: // never where CI is set
				t.Skip(r.skipped)
			case len(r.facts) == 0:
				t.Error("nothing was checked")
			}
		})
	}
}

// TestWhatCannotBeTried fails where CI is set, and is said elsewhere.
func TestWhatCannotBeTried(t *testing.T) {
	for _, lacks := range []error{errSkipped, errNoPostgres} {
		c, s := &campaign{say: t.Logf}, scenario{name: "a", run: func(*campaign, context.Context, *report) error { return lacks }}
		t.Setenv("CI", "")
		if r, err := c.try(t.Context(), s); err != nil || r.note != lacks.Error() {
			t.Errorf("%v: %v, said %q", lacks, err, r.note)
		}
		t.Setenv("CI", "true")
		if _, err := c.try(t.Context(), s); !errors.Is(err, lacks) {
			t.Errorf("%v, where CI is set: %v", lacks, err)
		}
	}
}

// TestDiskFullWithoutMounting does not vanish from the campaign where nothing may be mounted.
func TestDiskFullWithoutMounting(t *testing.T) {
	c := &campaign{noMount: true}
	s, err := newSite(t.TempDir(), "sleep", "", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.disk(t.Context(), s.dir, "1m", s.pids)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	p := &process{done: make(chan struct{})}
	p.cmd = exec.Command("sh", "-c", `trap '' XFSZ; while read -r name; do echo more >>"$name" && echo grew || echo full; done`)
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	s.procs[0] = p
	defer s.kill(0)
	name := filepath.Join(s.dir, "file")
	if err := os.WriteFile(name, make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	grows := func(want string) {
		t.Helper()
		if _, err := io.WriteString(in, name+"\n"); err != nil || !lines.Scan() || lines.Text() != want {
			t.Errorf("%v, %q, want %q", err, lines.Text(), want)
		}
	}
	grows("grew")
	for range 2 {
		if err := d.fill(); err != nil {
			t.Fatal(err)
		}
		grows("full")
		if err := d.empty(); err != nil {
			t.Fatal(err)
		}
		grows("grew")
	}
}
