package server_test

import (
	"testing"
	"time"

	"signet/server"
)

// TestARestoreRemovesSecretsAgain: a secret that was taken away since the backup is not good again after a restore; the app's other one is.
func TestARestoreRemovesSecretsAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, db := p.open(t)
	h := s.Services()
	app := s.App(t, "web")
	leaked := app.ClientSecret
	kept, err := h.Clients.RotateSecret(t.Context(), "web", time.Hour) // no event: it was long ago
	if err != nil {
		t.Fatal(err)
	}
	if err := h.KeepJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, err := server.MakeBackup(t.Context(), h.Config, server.BackupOf(h.Config))
	if err != nil {
		t.Fatal(err)
	}
	list, err := h.Admin.Secrets(t.Context(), h.Host("x"), "web")
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	if err := h.Admin.RemoveSecret(t.Context(), h.Host("x"), "web", list[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := h.KeepJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	done, err := server.Restore(t.Context(), h.Config, server.RestoreOptions{File: made.Path, Replace: true, KeepSessions: true})
	if err != nil || done.Acts["client.secret_removed"] != 1 {
		t.Fatalf("said %+v, %v", done.Acts, err)
	}
	s, _ = p.open(t)
	c, err := s.Services().Clients.Current(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	if s.Services().Clients.CheckSecret(t.Context(), c, leaked) || !s.Services().Clients.CheckSecret(t.Context(), c, kept) {
		t.Error("the leaked one is good, or the other is not")
	}
}
