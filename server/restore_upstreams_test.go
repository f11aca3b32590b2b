package server_test

import (
	"testing"

	"signet/admin/setting"
	"signet/server"
)

// TestARestoreOpensNoUpstreamAgain: where nobody could sign in any more when a backup was restored, nobody can after it; what was let in
// again since is.
func TestARestoreOpensNoUpstreamAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, db := p.open(t)
	h := s.Services()
	root := h.Host("root")
	set := func(id string, disabled bool) {
		t.Helper()
		_, err := h.Admin.ChangeUpstream(t.Context(), root, id, "", setting.Secrets{}, func(u *setting.Upstream) error {
			u.Disabled = disabled
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"off", "gone", "back", "same"} {
		u := setting.Upstream{ID: id, Kind: "oidc", Name: id, Issuer: "https://" + id + ".example", ClientID: "c"}
		if _, err := h.Admin.CreateUpstream(t.Context(), root, u, setting.Secrets{ClientSecret: "hush"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.KeepJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, err := server.MakeBackup(t.Context(), h.Config, server.BackupOf(h.Config))
	if err != nil {
		t.Fatal(err)
	}
	set("off", true)
	set("back", true)
	set("back", false)
	if err := h.Admin.DeleteUpstream(t.Context(), root, "gone", ""); err != nil {
		t.Fatal(err)
	}
	if err := h.KeepJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Restore(t.Context(), h.Config, server.RestoreOptions{File: made.Path, Replace: true}); err != nil {
		t.Fatal(err)
	}
	s, _ = p.open(t)
	for id, want := range map[string]bool{"off": true, "gone": true, "back": false, "same": false} {
		kept, err := s.Services().Settings.Kept(t.Context(), id)
		if err != nil || kept.Disabled != want || kept.Secrets.ClientSecret != "hush" {
			t.Errorf("%s: disabled %v, %v; want %v", id, kept.Disabled, err, want)
		}
	}
}
