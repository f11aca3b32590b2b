package server_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
)

// TestAgents_LessAllowed: what an operator allows people to allow holds for what they allowed before.
func TestAgents_LessAllowed(t *testing.T) {
	t.Parallel()
	w := newAgentWorld(t)
	token := w.allow(t, w.Browser(t), "7", "1000")
	for _, most := range []int64{10, 0} {
		w.change(t, "robot", func(m *clients.Metadata) { m.AgentMaxCalls = most })
		var code string
		if token, code = w.refresh(t, token.RefreshToken); code != "" {
			t.Fatal(code)
		}
		want := 1_000.0
		if most > 0 {
			want = float64(most)
		}
		saysLimits(t, claimsOf(t, token.AccessToken), `{"sub":"robot"}`, want)
	}
}

// TestAgents_FewerDays: what an operator lowers ends what people agreed to before: the tokens, and the agreement itself, which is asked for
// anew. What they raise gives nobody more than they said.
func TestAgents_FewerDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAgentWorld(t)
		b := w.Browser(t)
		token := w.allow(t, b, "30", "1000")
		agreed := time.Now()
		most := func(days int64) { w.change(t, "robot", func(m *clients.Metadata) { m.AgentMaxDays = days }) }
		time.Sleep(12 * time.Hour)
		if err := w.Services().People.PauseAgent(t.Context(), w.ada.ID, "robot", true); err != nil { // which is no new agreement
			t.Fatal(err)
		}
		if err := w.Services().People.PauseAgent(t.Context(), w.ada.ID, "robot", false); err != nil {
			t.Fatal(err)
		}
		most(1)
		time.Sleep(time.Until(agreed.Add(24*time.Hour - 2*time.Minute)))
		token, code := w.refresh(t, token.RefreshToken)
		if code != "" {
			t.Fatal(code)
		}
		if exp := int64(claimsOf(t, token.AccessToken)["exp"].(float64)); exp > agreed.Add(24*time.Hour).Unix() {
			t.Errorf("a token is good until %d", exp)
		}
		own := url.Values{"grant_type": {clients.TokenExchange}, "resource": {agentAPI}, "subject_token": {token.Extra("id_token").(string)},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}}
		w.change(t, "robot", func(m *clients.Metadata) {
			m.GrantTypes = append(m.GrantTypes, clients.TokenExchange)
			m.Exchange = &clients.Exchange{Targets: []string{agentAPI}, Scopes: []string{"events"}}
		})
		most(30)
		later, code := w.refresh(t, token.RefreshToken) // good for longer than the registration says a moment later
		if code != "" {
			t.Fatal(code)
		}
		most(1)
		time.Sleep(2 * time.Minute)
		if w.active(t, later.AccessToken) != nil || w.active(t, later.RefreshToken) != nil {
			t.Error("tokens are active after the most that the agent may have")
		}
		if _, code := w.refresh(t, later.RefreshToken); code != "invalid_grant" {
			t.Errorf("a refresh after it: %q", code)
		}
		if status, got := w.agent.Post(t, "/oauth2/token", own); status != 400 {
			t.Errorf("an exchange after it: %d %v", status, got)
		}
		if b.Get(t, "/account/apps"); b.Has("login-submit") {
			b.SignIn(t, w.ada)
			b.Get(t, "/account/apps")
		}
		if !strings.Contains(b.Text("main"), "its time was over") {
			t.Errorf("the page of apps: %s", b.Text("main"))
		}
		w.allow(t, b, "1", "10")
		most(365)
		time.Sleep(25 * time.Hour)
		if w.begin(t, b); !b.Has("agent") {
			t.Errorf("more is allowed than the person said: %s", b.URL)
		}
	})
}
