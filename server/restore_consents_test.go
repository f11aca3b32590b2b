package server_test

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/server"
	"signet/server/servertest"
)

// TestARestoreNarrowsConsents: what a person left out since the backup, and allowed then, is not allowed again by a restore, also where
// sessions are kept; what they allowed again is, and what they allowed since is asked again.
func TestARestoreNarrowsConsents(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, db := p.open(t)
	h := s.Services()
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	apps := map[string]*servertest.App{}
	allow := func(id string, scopes ...string) {
		t.Helper()
		apps[id].Begin(t, b, oauth2.SetAuthURLParam("prompt", "consent"))
		b.Submit(t, "consent-allow", url.Values{"scope": scopes})
		if b.Landed == nil {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
	}
	for _, id := range []string{"less", "more", "back", "same", "again"} {
		apps[id] = s.App(t, id, func(m *clients.Metadata) { m.Scope = "openid groups roles offline_access" }).
			With("openid", "groups", "roles", "offline_access")
	}
	allow("less", "groups", "roles")
	allow("more", "groups")
	allow("back", "groups", "roles")
	allow("same", "groups", "roles")
	allow("again", "groups", "roles")
	if err := h.KeepJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, err := server.MakeBackup(t.Context(), h.Config, server.BackupOf(h.Config))
	if err != nil {
		t.Fatal(err)
	}
	allow("less", "groups")
	allow("more", "groups", "roles")
	allow("back")
	allow("back", "roles")
	allow("same", "groups", "roles")
	allow("again")
	if err := h.KeepJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	allow("again", "groups", "roles")
	if err := h.KeepJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	done, err := server.Restore(t.Context(), h.Config, server.RestoreOptions{File: made.Path, Replace: true, KeepSessions: true})
	if err != nil {
		t.Fatal(err)
	}
	if done.Acts["consent.given"] != 2 {
		t.Errorf("said %+v", done.Acts)
	}
	_, db = p.open(t)
	for id, want := range map[string]string{"less": "openid groups", "more": "openid groups", "back": "openid roles",
		"same": "openid groups roles", "again": "openid groups roles"} {
		got, err := db.ConsentOf(t.Context(), ada.ID, id)
		if err != nil || strings.Join(got.Granted, " ") != want || len(got.Offered) != 4 {
			t.Errorf("%s has %q of %q, %v; want %q", id, got.Granted, got.Offered, err, want)
		}
	}
}
