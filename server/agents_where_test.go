package server_test

import (
	"strings"
	"testing"

	"signet/clients"
	"signet/server/servertest"
)

// TestAgents_ThePageSaysWhereTheyGetToByThemselves: an agent that can exchange its tokens for those of another API acts there, too, though
// its request does not name that one: the person reads both.
func TestAgents_ThePageSaysWhereTheyGetToByThemselves(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newAgentWorld(t, engine, servertest.Quiet())
		put := clients.Resource{Identifier: "https://mail.test", Name: "Mailbox", Scopes: []string{"events"}}
		if err := w.Services().Clients.PutResource(t.Context(), put); err != nil {
			t.Fatal(err)
		}
		b := w.Browser(t)
		if w.begin(t, b); !strings.Contains(b.Text("main"), "Calendar") || strings.Contains(b.Text("main"), "Mailbox") {
			t.Errorf("an agent that exchanges nothing: %s", b.Text("main"))
		}
		m := w.agent.Metadata
		m.GrantTypes = append(m.GrantTypes, clients.TokenExchange)
		m.Exchange = &clients.Exchange{Targets: []string{agentAPI, put.Identifier}, Scopes: []string{"events"}}
		if err := w.Services().Clients.Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if w.begin(t, b); !strings.Contains(b.Text("main"), "used at: Calendar , Mailbox") {
			t.Errorf("one that does: %s", b.Text("main"))
		}
	})
}
