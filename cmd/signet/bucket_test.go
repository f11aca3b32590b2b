package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/internal/backup/backuptest"
)

// TestCommandsKeepBackupsInARealBucket from end to end: made, listed, verified, trimmed, and brought back with what was revoked since.
func TestCommandsKeepBackupsInARealBucket(t *testing.T) {
	endpoint := backuptest.Start(t)
	e := examine(t, "", "")
	password := filepath.Join(e.dir, "password")
	yaml := "server: {issuer: 'http://" + freeAddress(t) + "', internal_listen: '" + freeAddress(t) + "'}\n" +
		"backup:\n  to: s3://" + backuptest.Bucket + "/of/signet\n  keep: 2\n  journal: '" + e.dir + "/journal.jsonl'\n" +
		"  s3: {endpoint: '" + endpoint + "', region: " + backuptest.Region + ", access_key: " + backuptest.AccessKey + "}\n"
	for file, text := range map[string]string{e.file: yaml, password: "correct horse battery staple"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SIGNET_BACKUP_S3_SECRET_KEY", backuptest.Secret)
	t.Setenv("SIGNET_BACKUP_PASSPHRASE", "a passphrase of several words")
	do := func(says string, command ...string) string {
		t.Helper()
		code, text := e.run(command...)
		if code != exitOK || !strings.Contains(text, says) {
			t.Fatalf("%v: %d, want %q: %s", command, code, says, text)
		}
		return text
	}
	do("", "migrate", "up")
	do("", "user", "create", "--email", "ada@example.com", "--password-file", password)
	do("s3://", "backup")
	do("", "user", "create", "--email", "bob@example.com", "--password-file", password)
	for range 2 {
		do("s3://", "backup")
	}
	var list []struct{ Name string }
	if err := json.Unmarshal([]byte(do("", "backup", "list", "--json")), &list); err != nil || len(list) != 2 {
		t.Fatalf("two stay: %v, %v", list, err)
	}
	do("good", "backup", "verify", "latest")
	do("good", "backup", "verify", list[0].Name)
	do("", "user", "disable", "ada@example.com")
	do("", "user", "create", "--email", "eve@example.com", "--password-file", password)
	do("could be restored", "restore", "latest", "--dry-run")
	do("user.disabled", "restore", "latest", "--replace")
	text := do("bob@example.com", "user", "list")
	if strings.Contains(text, "eve@example.com") {
		t.Errorf("somebody of after the backup is there: %s", text)
	}
	do("disabled", "user", "show", "ada@example.com")
}
