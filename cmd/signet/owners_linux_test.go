package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"signet/storage"
)

// service is the account that the tests give a folder to.
const service = 65534

func ofService(t *testing.T, dir string) (files map[string]bool) {
	t.Helper()
	files = map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		s := info.Sys().(*syscall.Stat_t)
		files[name] = true
		if s.Uid != service || s.Gid != service {
			t.Errorf("%s is of %d:%d", name, s.Uid, s.Gid)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestWhatRootMakesBelongsToTheService: an administrator's command leaves no file behind that the service cannot open.
func TestWhatRootMakesBelongsToTheService(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	e := examine(t, "", "")
	data := filepath.Join(e.dir, "data")
	yaml := "server: {issuer: 'http://" + freeAddress(t) + "', internal_listen: '" + freeAddress(t) + "'}\n" +
		"storage: {dsn: 'sqlite:" + data + "/deep/signet.db'}\nbackup: {to: '" + data + "/backups', plain: true}\n" +
		"mail: {sender: file, from: a@example.com, directory: '" + data + "/mail'}\n"
	if err := os.WriteFile(e.file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(data, service, service); err != nil {
		t.Fatal(err)
	}
	password := filepath.Join(e.dir, "password")
	if err := os.WriteFile(password, []byte("correct horse battery staple"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SIGNET_STORAGE_DSN", "sqlite:"+data+"/deep/signet.db")
	for _, command := range [][]string{{"migrate", "up"}, {"user", "create", "--email", "ada@example.com", "--password-file", password},
		{"backup"}, {"user", "disable", "ada@example.com"}, {"mail", "test", "ada@example.com"}, {"export", filepath.Join(data, "export")},
		{"migrate", "down", "--yes"}, {"migrate", "up"}, {"restore", "latest", "--replace"}, {"backup", filepath.Join(data, "one.backup")},
		{"doctor"}} {
		if code, text := e.run(command...); code != exitOK {
			t.Fatalf("%v: %d: %s", command, code, text)
		}
		ofService(t, data)
	}
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite:" + data + "/deep/signet.db"})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.TryWrite(t.Context()); err != nil {
		t.Error(err)
	}
	if files := ofService(t, data); !files["deep/signet.db-wal"] || !files["deep/signet.db-shm"] {
		t.Errorf("no log: %v", files)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	files := ofService(t, data)
	for _, must := range []string{"deep/signet.db", "deep/master.key", "deep/signet.db.lock", "deep/signet.db.before-restore",
		"backups/journal.jsonl", "one.backup", "mail"} {
		if !files[must] {
			t.Errorf("%s is not there: %v", must, files)
		}
	}
	journal := filepath.Join(data, "backups", "journal.jsonl")
	if err := os.Chown(journal, 0, 0); err != nil {
		t.Fatal(err)
	}
	code, text := e.run("doctor")
	if code != exitFailed || !strings.Contains(text, "chown --no-dereference --reference="+data+"/deep "+journal) {
		t.Errorf("doctor of a journal of root's: %d: %s", code, text)
	}
}
