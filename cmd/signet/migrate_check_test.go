package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
)

// TestMigrateCheckTellsWhatAStartWouldDo: nothing, steps, and what needs somebody.
func TestMigrateCheckTellsWhatAStartWouldDo(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	address := "sqlite:" + filepath.Join(dir, "signet.db")
	t.Setenv("SIGNET_STORAGE_DSN", address)
	expect := func(line string, code int, words ...string) {
		t.Helper()
		got, out, errs := command(t, line)
		if got != code {
			t.Errorf("%s: exit code %d, want %d: %s %s", line, got, code, out, errs)
		}
		for _, w := range words {
			if !strings.Contains(out+errs, w) {
				t.Errorf("%s: no %q in %s %s", line, w, out, errs)
			}
		}
	}
	expect("migrate check", exitFailed, "signet migrate up")
	expect("migrate up", exitOK)
	expect("migrate check", exitOK, "up to date")
	before := storagetest.Dump(t, address)
	noteRuns(t, address, "0.1.0")
	expect("migrate check", exitOK, "running", "0.1.0", "servers: 1")
	expect("migrate check --json", exitOK, `"running": [`)
	expect("migrate down --yes", exitOK, ".before-00")
	expect("migrate down --yes", exitOK)
	expect("migrate check", exitOK, "pending", "rows")
	t.Setenv("SIGNET_STORAGE_MIGRATE", "off")
	expect("migrate check", exitPerson, "storage.migrate")
	t.Setenv("SIGNET_STORAGE_MIGRATE", "auto")
	t.Setenv("SIGNET_BACKUP_TO", filepath.Join(dir, "backups"))
	t.Setenv("SIGNET_BACKUP_PLAIN", "true")
	expect("migrate check --json", exitPerson, "signet backup", `"contract": false`)
	expect("backup", exitOK, "made")
	expect("migrate check", exitOK)
	expect("migrate up", exitOK)
	if after := storagetest.Dump(t, address); len(after) < len(before) {
		t.Error("the database lost something")
	}
	t.Setenv("SIGNET_STORAGE_SNAPSHOTS", "101")
	expect("migrate check", exitFailed, "storage.snapshots")
}

// noteRuns has a server of a release run, as far as the database knows.
func noteRuns(t *testing.T, dsn, release string) {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Beat(t.Context(), "a", release, time.Now().Add(time.Hour)), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestMigrateUpIsNoSuccessOnASchemaThatIsTooNew: one that this release runs beside is, and stays as it is.
func TestMigrateUpIsNoSuccessOnASchemaThatIsTooNew(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	address := "sqlite:" + filepath.Join(dir, "signet.db")
	t.Setenv("SIGNET_STORAGE_DSN", address)
	up := func(want int, words string) {
		t.Helper()
		before := ""
		if words != "" {
			before = storagetest.Dump(t, address)
		}
		if code, out, errs := command(t, "migrate up"); code != want || !strings.Contains(out+errs, words) {
			t.Errorf("exit code %d, want %d and %q: %s %s", code, want, words, out, errs)
		}
		if words != "" && storagetest.Dump(t, address) != before {
			t.Error("something was written")
		}
	}
	up(exitOK, "")
	storagetest.Exec(t, address, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9001, TRUE)")
	up(exitOK, "up to date")
	storagetest.Exec(t, address, "INSERT INTO schema_compat (step, min_release) VALUES (9001, 9001)")
	up(exitFailed, "start the newer binary")
}
