package server_test

import (
	"net/url"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/server"
	"signet/server/servertest"
)

// TestARestoreNarrowsAgents: what a person allowed an agent less since the backup, it has no more of after a restore, also where sessions
// are kept; what they allowed it more is not given again; and a later word counts, not every one in between.
func TestARestoreNarrowsAgents(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, db := p.open(t)
	h := s.Services()
	agents := map[string]*servertest.App{}
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	allow := func(id, days, calls string) {
		t.Helper()
		agents[id].Begin(t, b, oauth2.SetAuthURLParam("prompt", "consent"))
		b.Submit(t, "consent-allow", url.Values{"agent_days": {days}, "agent_calls": {calls}})
	}
	for _, id := range []string{"less", "more", "back", "same"} {
		agents[id] = s.App(t, id, func(m *clients.Metadata) { m.Agent = true })
		allow(id, "30", "1000")
	}
	if err := h.KeepJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, err := server.MakeBackup(t.Context(), h.Config, server.BackupOf(h.Config))
	if err != nil {
		t.Fatal(err)
	}
	allow("less", "7", "10")
	allow("more", "90", "0")
	allow("back", "1", "10")
	allow("back", "30", "100")
	now := time.Now()
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
	if done.Acts["agent.allowed"] != 2 {
		t.Errorf("said %+v", done.Acts)
	}
	_, db = p.open(t)
	for id, want := range map[string]struct{ days, calls int64 }{"less": {7, 10}, "more": {30, 1000}, "back": {30, 100}, "same": {30, 1000}} {
		got, err := db.ConsentOf(t.Context(), ada.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		if days := int64(got.AgentUntil.Sub(now).Round(24*time.Hour) / (24 * time.Hour)); days != want.days || got.AgentCalls != want.calls {
			t.Errorf("%s may act for %d days, %d calls a day; want %+v", id, days, got.AgentCalls, want)
		}
	}
}
