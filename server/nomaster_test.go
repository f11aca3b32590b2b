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

func TestS03_TheMasterKeyIsMadeBesideSQLiteOnly(t *testing.T) {
	c := config.Default()
	c.Storage.DSN = config.NewDSN("postgres://nobody@127.0.0.1:1/none")
	_, err := server.Open(t.Context(), server.Options{Use: server.ForServing, Config: c})
	if !errors.Is(err, server.ErrNoMasterKey) || errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), "generate-master") {
		t.Errorf("Postgres: %v", err)
	}
	dir := t.TempDir()
	c.Storage.DSN = config.NewDSN("sqlite:" + filepath.Join(dir, "signet.db"))
	s, err := server.Open(t.Context(), server.Options{Use: server.ForServing, Config: c})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	info, err := os.Stat(filepath.Join(dir, server.MasterFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("SQLite: %v, %v", info, err)
	}
}
