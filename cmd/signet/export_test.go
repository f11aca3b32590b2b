package main

import (
	"strings"
	"testing"

	"signet/storage/storagetest"
)

// TestPortableCopyAsPrinted runs the block of docs/operations.md that copies a Postgres into a file, and brings it back into another one.
func TestPortableCopyAsPrinted(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SIGNET_SERVER_INTERNAL_LISTEN", "127.0.0.1:1")
	t.Setenv("SIGNET_MAIL_SENDER", "file")
	t.Setenv("SIGNET_MASTER_KEY", "c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk")
	t.Setenv("SIGNET_STORAGE_DSN", storagetest.PostgresDSN(t))
	does := func(line string) string {
		t.Helper()
		code, out, errs := command(t, line)
		if code != exitOK {
			t.Fatalf("%s: %s", line, errs)
		}
		return out + errs
	}
	for _, line := range []string{"migrate up", "user create --email ada@example.com", "key rotate ES256", "group create staff"} {
		does(line)
	}
	const printed = "postgres://signet@db/restored?sslmode=verify-full"
	address, ran := storagetest.PostgresDSN(t), 0
	work := t.TempDir()
	t.Setenv("TMPDIR", work)
	for _, b := range blocksOf(t, "docs/operations.md") {
		if !strings.Contains(b.text, "./copy.backup") {
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
	if ran != 5 {
		t.Fatalf("ran %d lines", ran)
	}
	if left := listing(t, work); left != "" {
		t.Errorf("left %s, which is not encrypted", left)
	}
	t.Setenv("SIGNET_STORAGE_DSN", address)
	if list := does("user list") + does("group list"); !strings.Contains(list, "ada@example.com") || !strings.Contains(list, "staff") {
		t.Error(list)
	}
	code, _, errs := command(t, "restore ./copy.backup")
	if code == exitOK || !strings.Contains(errs, "signet move --to") {
		t.Errorf("restore into Postgres: %s", errs)
	}
	does("backup verify ./copy.backup")
}
