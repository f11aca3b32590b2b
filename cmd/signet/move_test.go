package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/storage/storagetest"
)

// TestMoveAsPrinted runs the block of docs/operations.md that moves a database, from a SQLite server to a Postgres, and goes back again.
// The master key is the same in the end, so what was sealed opens.
func TestMoveAsPrinted(t *testing.T) {
	address := storagetest.PostgresDSN(t)
	t.Chdir(t.TempDir())
	t.Setenv("SIGNET_SERVER_INTERNAL_LISTEN", "127.0.0.1:1")
	t.Setenv("SIGNET_MAIL_SENDER", "file")
	does := func(line string) string {
		t.Helper()
		code, out, errs := command(t, line)
		if code != exitOK {
			t.Fatalf("%s: %s", line, errs)
		}
		return out + errs
	}
	refuses := func(line string, words ...string) {
		t.Helper()
		code, _, errs := command(t, line)
		if code == exitOK {
			t.Errorf("%s: it was done", line)
		}
		for _, word := range words {
			if !strings.Contains(errs, word) {
				t.Errorf("%s: %s; want %q", line, errs, word)
			}
		}
	}
	for _, line := range []string{"migrate up", "user create --email ada@example.com", "key rotate ES256",
		"webhook create --url https://a.example/x --event *"} {
		does(line)
	}
	refuses("move --unfreeze", "not frozen")
	refuses("move", "--to")
	refuses("move --to sqlite:./other/signet.db", "signet backup")
	refuses("move --to mysql://x", "must be sqlite:PATH")
	keys := does("key list --json")

	const printed = "postgres://signet@db/signet?sslmode=verify-full"
	ran := 0
	for _, b := range blocksOf(t, "docs/operations.md") { // that with a restore is TestPortableCopyAsPrinted's
		if !strings.Contains(b.text, "signet move --to ") || strings.Contains(b.text, "signet restore ") {
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(b.text, printed, address)) {
			line = strings.TrimSpace(line)
			if set, is := strings.CutPrefix(line, "export "); is {
				name, value, _ := strings.Cut(set, "=")
				t.Setenv(name, value)
			} else {
				does(strings.TrimPrefix(line, "signet "))
			}
			ran++
		}
	}
	if ran != 4 {
		t.Fatalf("ran %d lines", ran)
	}
	if got := does("key list --json"); got != keys {
		t.Errorf("the keys are\n%s\nwant\n%s", got, keys)
	}
	does("user create --email bob@example.com")

	old := os.Getenv("SIGNET_STORAGE_DSN")
	t.Setenv("SIGNET_STORAGE_DSN", "sqlite:./data/signet.db")
	refuses("user create --email eve@example.com", "signet move --unfreeze")
	refuses("move --unfreeze", "--yes")
	refuses("move --to "+storagetest.PostgresDSN(t), "being moved to")
	does("user list")

	// Back, into a new file: the address comes from a file.
	t.Setenv("SIGNET_STORAGE_DSN", old)
	if err := os.WriteFile("to", []byte("sqlite:./back/signet.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := does("move --to-file to"); strings.Contains(out, "Made the master key") || !strings.Contains(out, "users") {
		t.Error(out)
	}
	if _, err := os.Stat(filepath.Join("back", "master.key")); err == nil {
		t.Error("it made another master key")
	}
	if out := does("move --to-file to"); !strings.Contains(out, "nothing done") {
		t.Error(out)
	}
	movesAreEvents(t, does)
	t.Setenv("SIGNET_STORAGE_DSN", "sqlite:./back/signet.db")
	if list := does("user list"); !strings.Contains(list, "bob@example.com") || !strings.Contains(list, "ada@example.com") {
		t.Error(list)
	}
	if got := does("key list --json"); got != keys {
		t.Errorf("the keys are\n%s\nwant\n%s", got, keys)
	}
}

// movesAreEvents after a move and one back, the latter twice.
func movesAreEvents(t *testing.T, does func(line string) string) {
	t.Helper()
	t.Setenv("SIGNET_STORAGE_DSN", "sqlite:./back/signet.db")
	if list := does("event list --json"); strings.Count(list, `"database.moved"`) != 2 || strings.Contains(list, "unfrozen") {
		t.Error("want the move there, and back, once each\n" + list)
	}
	t.Setenv("SIGNET_STORAGE_DSN", "sqlite:./data/signet.db")
	does("move --unfreeze --yes")
	if list := does("event list --json"); !strings.Contains(list, `"database.unfrozen"`) {
		t.Error(list)
	}
}
