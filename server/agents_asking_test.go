package server_test

import (
	"testing"

	"signet/clients"
	"signet/server/servertest"
)

// TestAgents_AskNothingWhilePaused: an agent that its person paused cannot ask them elsewhere either, is told so, takes no other app's
// share, and asks again once it may go on; the person hears nothing of it.
func TestAgents_AskNothingWhilePaused(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine)
		ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
		c := newCounter(t, s, "robot", func(m *clients.Metadata) {
			m.Agent, m.GrantTypes = true, append(m.GrantTypes, clients.AuthorizationCode)
			m.RedirectURIs = []string{"https://robot.test/cb"}
		})
		b := s.Browser(t)
		c.app.Begin(t, b)
		b.SignIn(t, ada).Allow(t)
		people := s.Services().People
		if err := people.PauseAgent(t.Context(), ada.ID, "robot", true); err != nil {
			t.Fatal(err)
		}
		for range 2 { // of the sign-in, and that it was allowed
			box.Wait(t, ada.Email)
		}
		for range 25 { // more than anybody may be asked in an hour
			if status, got := c.ask(ada.Email); status != 400 || got["error"] != "access_denied" {
				t.Fatalf("a paused agent asks: %d %v", status, got)
			}
		}
		box.None(t, ada.Email)
		if status, got := c.ask(bob.Email); status != 200 {
			t.Errorf("of somebody who did not pause it: %d %v", status, got)
		}
		if status, got := newCounter(t, s, "bank").ask(ada.Email); status != 200 {
			t.Errorf("another app: %d %v", status, got)
		}
		if err := people.PauseAgent(t.Context(), ada.ID, "robot", false); err != nil {
			t.Fatal(err)
		}
		c.begin(ada.Email)
	})
}
