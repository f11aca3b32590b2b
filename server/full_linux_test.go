package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"signet/config"
	"signet/internal/backup"
	"signet/server"
	"signet/storage/sqlitefile"
	"signet/storage/storagetest"
)

const fullVariable = "SIGNET_TEST_FULL"

// harm is what TestFullChild does: a backup, or the restore of a file. After the step named ("" = at once) it may write no file behind the
// first bytes, as on a full disk, or it is killed.
type harm struct {
	What, DSN, Backups, File, Step string
	Kill                           bool
}

// TestFullChild is the process of the tests below.
func TestFullChild(t *testing.T) {
	var h harm
	if text := os.Getenv(fullVariable); text == "" {
		t.Skip("is run by other tests")
	} else if err := json.Unmarshal([]byte(text), &h); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.MasterKey = config.NewSecret("c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk")
	c.Storage.DSN = config.NewDSN(h.DSN)
	c.Backup.To, c.Backup.Plain, c.Backup.Keep = h.Backups, true, 3
	step := func(done string) {
		if done != h.Step && (h.Step == "" || !strings.HasPrefix(done, h.Step+", ")) {
			return
		}
		if h.Kill {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it arrives
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 2048, Max: 2048}); err != nil {
			t.Fatal(err)
		}
	}
	step("")
	var err error
	if h.What == "backup" {
		o := server.BackupOf(c)
		o.Step = step
		_, err = server.MakeBackup(t.Context(), c, o)
	} else {
		_, err = server.Restore(t.Context(), c, server.RestoreOptions{File: h.File, Replace: true, KeepKeys: true, KeepSessions: true,
			AcceptGap: true, Step: step})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// suffer runs it, with temp for temporary files.
func suffer(t *testing.T, h harm, temp string) (out string, err error) {
	t.Helper()
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullChild$")
	cmd.Env = append(os.Environ(), fullVariable+"="+string(text), "TMPDIR="+temp)
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	err = cmd.Run()
	return all.String(), err
}

// entries of a folder, but for the locks of servers.
func entries(t *testing.T, folder string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range list {
		if !strings.HasSuffix(e.Name(), ".lock") {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestBackupAndRestoreOnAFullDisk: whenever it fills, the command says what failed; there is no part of a backup, the database is the
// one of before, whole, and nothing lies beside it.
func TestBackupAndRestoreOnAFullDisk(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, db := p.open(t)
	s.Person(t, "ada@example.com")
	h := harm{What: "backup", DSN: "sqlite:" + p.db, Backups: p.backups}
	for step, says := range map[string]string{"": "copy ", "copied": "write ", "written": "keep the backup: "} {
		h.Step = step
		out, err := suffer(t, h, t.TempDir())
		if err == nil || !strings.Contains(out, says) {
			t.Errorf("a backup, full when %q: %v, does not say %q\n%s", step, err, says, out)
		}
		if left := entries(t, p.backups); len(left) > 0 {
			t.Errorf("a backup, full when %q: left %v", step, left)
		}
	}
	h.Step = "never"
	if out, err := suffer(t, h, t.TempDir()); err != nil {
		t.Fatalf("with space: %v\n%s", err, out)
	}
	s.Person(t, "bob@example.com") // in the database, not in the backup
	if err := errors.Join(s.Services().Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	h.What, h.File = "restore", latest(t, p)
	beside := entries(t, filepath.Dir(p.db))
	for step, says := range map[string]string{"": "unpack ", "unpacked": "disk I/O error", "repaired": "disk I/O error"} {
		h.Step = step
		out, err := suffer(t, h, t.TempDir())
		if err == nil || !strings.Contains(out, says) || strings.Contains(out, "damaged") {
			t.Errorf("a restore, full when %q: %v, does not say %q alone\n%s", step, err, says, out)
		}
		if err := sqlitefile.Check(t.Context(), p.db); err != nil || people(t, p.db) != 2 {
			t.Errorf("a restore, full when %q: the database: %v", step, err)
		}
		if now := entries(t, filepath.Dir(p.db)); len(now) > len(beside) {
			t.Errorf("a restore, full when %q: left %v, there were %v", step, now, beside)
		}
	}
	h.Step = "never"
	if out, err := suffer(t, h, t.TempDir()); err != nil || people(t, p.db) != 1 {
		t.Errorf("with space: %v\n%s", err, out)
	}
}

// TestPortableCopyKilledAtEveryStep: there is no backup, or a whole one; the next run removes what the killed ones left.
func TestPortableCopyKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	p, temp := newPlace(t), t.TempDir()
	c := config.Default()
	c.MasterKey = config.NewSecret("c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk")
	c.Storage.DSN = config.NewDSN(storagetest.PostgresDSN(t))
	if _, err := server.Migrate(t.Context(), c, func(string) {}); err != nil {
		t.Fatal(err)
	}
	h := harm{What: "backup", DSN: c.Storage.DSN.Reveal(), Backups: p.backups, Kill: true}
	for _, step := range []string{"copied: users", "copied: versions", "compared: users", "copied", "written", "kept"} {
		h.Step = step
		out, err := suffer(t, h, temp)
		if err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%s: %v\n%s", step, err, out)
		}
		want := map[string]int{"kept": 1}[step]
		if list := entries(t, p.backups); len(list) != want {
			t.Errorf("killed when %s: %v", step, list)
		}
		if left := entries(t, temp); len(left) != 1 {
			t.Errorf("killed when %s: %v is left, and that of runs before", step, left)
		}
	}
	h.Kill, h.Step = false, ""
	if out, err := suffer(t, h, temp); err == nil || !strings.Contains(out, "full") && !strings.Contains(out, "I/O") {
		t.Errorf("on a full disk: %v\n%s", err, out)
	}
	if left := entries(t, temp); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	h.Step = "never"
	if out, err := suffer(t, h, temp); err != nil {
		t.Errorf("at last: %v\n%s", err, out)
	}
	list, err := backup.Folder(p.backups).List(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, b := range list {
		if _, err := server.VerifyBackup(t.Context(), c, server.VerifyOptions{File: filepath.Join(p.backups, b.Name)}); err != nil {
			t.Error(err)
		}
	}
}
