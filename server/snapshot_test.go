package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/config"
	"signet/server"
	"signet/storage"
)

// TestTheDatabaseIsCopiedBeforeAMigration: by migrate up and by a server, the newest so many are kept, and what a killed run left is no
// matter.
func TestTheDatabaseIsCopiedBeforeAMigration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "signet.db")
	c := config.Default()
	c.Storage.DSN, c.Storage.Snapshots = config.NewDSN("sqlite:"+path), 1
	copies := func() (names []string) {
		names, _ = filepath.Glob(path + ".before-*")
		return names
	}
	if _, err := server.Migrate(t.Context(), c, func(string) {}); err != nil || len(copies()) != 0 {
		t.Fatalf("a new database: %v, %v", err, copies())
	}
	back := func() int64 {
		db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite:" + path})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		m, err := db.MigrateDown(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m.Version
	}
	newest := back()
	if err := os.WriteFile(path+".before-0000", nil, 0o600); err != nil { // an older one
		t.Fatal(err)
	}
	var said []string
	if _, err := server.Migrate(t.Context(), c, func(text string) { said = append(said, text) }); err != nil || len(copies()) != 1 {
		t.Fatalf("a migration: %v, %v", err, copies())
	}
	made := copies()[0]
	if len(said) != 1 || !strings.Contains(said[0], made) {
		t.Errorf("said %v", said)
	}
	if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite:" + made, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := db.SchemaVersion(t.Context()); err != nil || v >= newest {
		t.Errorf("the copy is of %d, want before %d; %v", v, newest, err)
	}
	_ = db.Close()
	back()
	if err := os.WriteFile(made+".part", []byte("cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := server.Open(t.Context(), server.Options{Config: c})
	if err != nil || len(copies()) != 1 {
		t.Fatalf("a server: %v, %v", err, copies())
	}
	_ = h.Close()
	c.Storage.Snapshots = 0
	back()
	before := read(t, made)
	if _, err := server.Migrate(t.Context(), c, func(string) {}); err != nil || read(t, made) != before {
		t.Errorf("without: %v", err)
	}
}

// TestNoStepBackUnderAServer: a server that uses the file would go on without what the step takes away.
func TestNoStepBackUnderAServer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "signet.db")
	c := config.Default()
	c.Storage.DSN = config.NewDSN("sqlite:" + path)
	h, err := server.Open(t.Context(), server.Options{Config: c, Use: server.ForServing})
	if err != nil {
		t.Fatal(err)
	}
	db, err := server.OpenDatabase(t.Context(), c, nil, server.ForActing)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := server.StepBack(t.Context(), c, db, func(string) {}); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("under a server: %v", err)
	}
	if err := db.CheckSchema(t.Context()); err != nil {
		t.Errorf("something was taken back: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.StepBack(t.Context(), c, db, func(string) {}); err != nil ||
		!errors.Is(db.CheckSchema(t.Context()), storage.ErrSchemaOlder) {
		t.Errorf("without one: %v", err)
	}
}
