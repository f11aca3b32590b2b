package server_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/admin"
	"signet/clients"
	"signet/server/servertest"
	"signet/storage/storagetest"
)

const agentAPI = "https://api.test"

// agentWorld is a server with an API, and an agent that may ask for its scope.
type agentWorld struct {
	*servertest.Server
	agent *servertest.App
	ada   servertest.Person
}

func newAgentWorld(t *testing.T, opts ...servertest.Option) agentWorld {
	t.Helper()
	s := servertest.New(t, append(opts, servertest.HandlerOnly())...)
	err := s.Services().Clients.PutResource(t.Context(), clients.Resource{Identifier: agentAPI, Name: "Calendar", Scopes: []string{"events"},
		ExchangedBy: []string{"helper", "stranger"}})
	if err != nil {
		t.Fatal(err)
	}
	agent := s.App(t, "robot", func(m *clients.Metadata) {
		m.Agent, m.Scope, m.FirstParty = true, "openid events offline_access", true // people are asked all the same
	})
	return agentWorld{s, agent, s.Person(t, "ada@example.com")}
}

// begin leads to the consent page.
func (w agentWorld) begin(t *testing.T, b *servertest.Browser) *servertest.Request {
	t.Helper()
	r := w.agent.Begin(t, b, oauth2.SetAuthURLParam("resource", agentAPI))
	if b.Has("login-submit") {
		b.SignIn(t, w.ada)
	}
	return r
}

// allow lets the agent act.
func (w agentWorld) allow(t *testing.T, b *servertest.Browser, days, calls string) *oauth2.Token {
	t.Helper()
	r := w.begin(t, b)
	if !b.Has("agent") {
		t.Fatalf("nobody is asked how long the agent may act: %s %s", b.URL, b.Text("main"))
	}
	b.Submit(t, "consent-allow", url.Values{"scope": {"events", "offline_access"}, "agent_days": {days}, "agent_calls": {calls}})
	return r.Exchange(t, r.Code(t, b))
}

// active asks about a token.
func (w agentWorld) active(t *testing.T, token string) map[string]any {
	t.Helper()
	status, answer := w.agent.Post(t, "/oauth2/introspect", url.Values{"token": {token}})
	if status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	if answer["active"] != true {
		return nil
	}
	return answer
}

// refresh gives the token, or the error code.
func (w agentWorld) refresh(t *testing.T, refresh string) (*oauth2.Token, string) {
	t.Helper()
	token, err := w.agent.TryRefresh(t.Context(), refresh)
	no, ok := errors.AsType[*oauth2.RetrieveError](err)
	if err != nil && !ok {
		t.Fatal(err)
	}
	if ok {
		return nil, no.ErrorCode
	}
	return token, ""
}

// change changes an app, as an operator does.
func (w agentWorld) change(t *testing.T, id string, how func(m *clients.Metadata)) {
	t.Helper()
	if _, err := w.Services().Clients.ChangeAlso(t.Context(), id, func(m *clients.Metadata) error { how(m); return nil }, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// saysLimits compares what a token, or an answer about it, says of its agent.
func saysLimits(t *testing.T, claims map[string]any, act string, calls float64) {
	t.Helper()
	raw, err := json.Marshal(claims["act"])
	if err != nil || string(raw) != act {
		t.Errorf("act is %s, want %s", raw, act)
	}
	limit, _ := claims["call_limit"].(map[string]any)
	if calls == 0 && limit == nil {
		return
	}
	if limit["calls"] != calls || limit["seconds"] != 86_400.0 {
		t.Errorf("call_limit is %v, want %v a day", claims["call_limit"], calls)
	}
}

// TestAgents: a person says for how long, and how often, an agent may act; each of its tokens says so; paused, it may do nothing, at the
// APIs of both replicas neither; what goes on goes on; what is removed is gone.
func TestAgents(t *testing.T) {
	db := storagetest.Postgres(t)
	w := newAgentWorld(t, servertest.On(db))
	both := []*servertest.Server{w.Server, servertest.New(t, servertest.HandlerOnly(), servertest.On(db))}
	b := w.Browser(t)
	first := w.allow(t, b, "7", "100")
	saysLimits(t, claimsOf(t, first.AccessToken), `{"sub":"robot"}`, 100)
	saysLimits(t, w.active(t, first.AccessToken), `{"sub":"robot"}`, 100)
	place := statusOf(t, first.AccessToken)
	second, code := w.refresh(t, first.RefreshToken)
	if code != "" {
		t.Fatal(code)
	}
	saysLimits(t, claimsOf(t, second.AccessToken), `{"sub":"robot"}`, 100)
	if r := w.begin(t, b); b.Has("agent") {
		t.Error("asked again, though nothing is new")
	} else {
		r.Exchange(t, r.Code(t, b))
	}
	b.Get(t, "/account/apps")
	for _, want := range []string{"Agents", "Robot", "may act until", "100 calls a day"} {
		if !strings.Contains(b.Text("main"), want) {
			t.Errorf("the page of apps lacks %q: %s", want, b.Text("main"))
		}
	}
	b.Submit(t, "pause", url.Values{"pause": {"robot"}})
	if !strings.Contains(b.Text("main"), "The agent is paused.") || !strings.Contains(b.Text("main"), "paused since") {
		t.Errorf("%d %s", b.Status, b.Text("main"))
	}
	if w.active(t, second.AccessToken) != nil || w.active(t, second.RefreshToken) != nil {
		t.Error("tokens of a paused agent are active")
	}
	if _, code := w.refresh(t, second.RefreshToken); code != "access_denied" {
		t.Errorf("a refresh of a paused agent: %q", code)
	}
	endsAt(t, both, place)
	b.Submit(t, "resume", url.Values{"resume": {"robot"}})
	if w.active(t, second.AccessToken) == nil {
		t.Error("the agent goes on, and its token is dead")
	}
	for begin := time.Now(); endedAt(t, both[1], place); time.Sleep(200 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatal("the list says still that the agent is paused")
		}
	}
	third, code := w.refresh(t, second.RefreshToken)
	if code != "" {
		t.Fatalf("the refresh token did not outlive the pause: %s", code)
	}
	b.Submit(t, "pause", url.Values{"pause": {"robot"}})
	again := w.allow(t, b, "1", "0") // whoever allows it anew lets it go on, as they say now, for all that it has
	saysLimits(t, claimsOf(t, again.AccessToken), `{"sub":"robot"}`, 0)
	fourth, code := w.refresh(t, third.RefreshToken)
	if code != "" {
		t.Fatal(code)
	}
	saysLimits(t, claimsOf(t, fourth.AccessToken), `{"sub":"robot"}`, 0)
	b.Get(t, "/account/apps").Submit(t, "app", url.Values{"app": {"robot"}})
	if _, code := w.refresh(t, fourth.RefreshToken); code != "invalid_grant" || w.active(t, again.AccessToken) != nil {
		t.Errorf("removed, and it refreshes: %q", code)
	}
	endsAt(t, both, place)
	for _, name := range []string{"agent.allowed", "agent.paused", "agent.resumed", "consent.withdrawn"} {
		got, err := w.Services().Admin.Events(t.Context(), w.Services().Host("root@host"),
			admin.EventFilter{Name: name, UserID: w.ada.ID}, admin.Ask{})
		if err != nil || len(got.Items) == 0 || got.Items[0].ClientID != "robot" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// TestAgents_OnlyWhatIsOffered: neither more days or calls than the registration leaves, nor an answer that says nothing of them.
func TestAgents_OnlyWhatIsOffered(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newAgentWorld(t, engine)
		b := w.Browser(t)
		w.begin(t, b)
		for _, c := range [][2]string{{"365", "10"}, {"0", "10"}, {"-1", "10"}, {"7", "50"},
			{"7", "-1"}, {"7", ""}, {"", "10"}, {"7 days", "1e1"}} {
			b.Submit(t, "consent-allow", url.Values{"agent_days": {c[0]}, "agent_calls": {c[1]}})
			if !b.Has("consent-allow") {
				t.Fatalf("%q: %s", c, b.URL)
			}
		}
		if row, err := w.Services().DB.ConsentOf(t.Context(), w.ada.ID, "robot"); err == nil && len(row.Granted) > 0 {
			t.Errorf("%+v", row)
		}
		b.Submit(t, "consent-allow", url.Values{"agent_days": {"7"}, "agent_calls": {"10"}})
		row, err := w.Services().DB.ConsentOf(t.Context(), w.ada.ID, "robot")
		if err != nil {
			t.Fatal(err)
		}
		// A scope more: until when and how often are said, and not asked.
		w.change(t, "robot", func(m *clients.Metadata) { m.Scope += " email" })
		w.agent.With("openid", "events", "email").Begin(t, b, oauth2.SetAuthURLParam("resource", agentAPI))
		if list := b.Text("before"); b.Has("agent") || !strings.Contains(list, "10 calls a day") || !strings.Contains(list, "may act until") {
			t.Errorf("at %s: %s", b.URL, b.Text("main"))
		}
		b.Submit(t, "consent-allow", nil)
		more, err := w.Services().DB.ConsentOf(t.Context(), w.ada.ID, "robot")
		if err != nil || !more.AgentUntil.Equal(row.AgentUntil) || more.AgentCalls != 10 || !slices.Contains(more.Granted, "email") {
			t.Errorf("%+v %v", more, err)
		}
		w.App(t, "shop").Login(t, b, w.ada)
		for _, act := range []string{"pause", "resume"} {
			b.Get(t, "/account/apps").Submit(t, "app", url.Values{act: {"shop"}})
			if b.Status != 404 {
				t.Errorf("%s of an app with which nothing is agreed: %d", act, b.Status)
			}
		}
	})
}

// TestAgents_OutliveNothing: no token is good for longer than was agreed, and then the person is asked again.
func TestAgents_OutliveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAgentWorld(t)
		b := w.Browser(t)
		token := w.allow(t, b, "1", "10")
		until := time.Now().Add(24 * time.Hour)
		time.Sleep(24*time.Hour - 2*time.Minute)
		token, code := w.refresh(t, token.RefreshToken)
		if code != "" {
			t.Fatal(code)
		}
		if exp := int64(claimsOf(t, token.AccessToken)["exp"].(float64)); exp > until.Unix() {
			t.Errorf("a token is good until %d, and the agent may act until %d", exp, until.Unix())
		}
		time.Sleep(2 * time.Minute)
		if _, code := w.refresh(t, token.RefreshToken); code != "invalid_grant" || w.active(t, token.AccessToken) != nil {
			t.Errorf("after its time: %q", code)
		}
		if b.Get(t, "/account/apps"); b.Has("login-submit") {
			b.SignIn(t, w.ada)
			b.Get(t, "/account/apps")
		}
		if !strings.Contains(b.Text("main"), "its time was over") {
			t.Error(b.Text("main"))
		}
		w.allow(t, b, "7", "10")
	})
}

// TestAgents_MadeLater: an app that becomes an agent has nothing of what people agreed to before; one that is none any more keeps to it.
func TestAgents_MadeLater(t *testing.T) {
	t.Parallel()
	w := newAgentWorld(t)
	app, b := w.App(t, "editor"), w.Browser(t)
	token := app.Login(t, b, w.ada)
	registry := w.Services().Clients
	change := func(id string, agent bool) {
		t.Helper()
		if _, err := registry.ChangeAlso(t.Context(), id, func(m *clients.Metadata) error { m.Agent = agent; return nil }, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.Watch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	change("editor", true)
	if _, err := app.TryRefresh(t.Context(), token.RefreshToken); err == nil {
		t.Error("an agent refreshes what was allowed to an app that was none")
	}
	status, answer := app.Post(t, "/oauth2/introspect", url.Values{"token": {token.AccessToken}})
	if status != 200 || answer["active"] != false {
		t.Errorf("%d %v", status, answer)
	}
	if app.Begin(t, b); !b.Has("agent") {
		t.Errorf("nobody is asked: %s", b.URL)
	}
	acting := w.allow(t, b, "1", "10")
	change("robot", false)
	b.Get(t, "/account/apps").Submit(t, "pause", url.Values{"pause": {"robot"}})
	if _, code := w.refresh(t, acting.RefreshToken); code != "access_denied" {
		t.Errorf("paused, and an agent no more: %q", code)
	}
	if w.begin(t, b); !b.Has("consent-allow") || b.Has("agent") {
		t.Errorf("it is asked for anew, as what it is now: %s %s", b.URL, b.Text("main"))
	}
}

// TestAgents_RefreshWhilePaused: whichever comes first, nothing of a paused agent is good, and nothing is lost.
func TestAgents_RefreshWhilePaused(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newAgentWorld(t, engine)
		token := w.allow(t, w.Browser(t), "7", "1000")
		people := w.Services().People
		for range 8 {
			var group sync.WaitGroup
			var next *oauth2.Token
			var code string
			group.Go(func() {
				if err := people.PauseAgent(t.Context(), w.ada.ID, "robot", true); err != nil {
					t.Error(err)
				}
			})
			group.Go(func() { next, code = w.refresh(t, token.RefreshToken) })
			group.Wait()
			if code != "" && code != "access_denied" {
				t.Fatal(code)
			}
			for _, issued := range []*oauth2.Token{token, next} {
				if issued != nil && (w.active(t, issued.AccessToken) != nil || w.active(t, issued.RefreshToken) != nil) {
					t.Error("a token of a paused agent is active")
				}
			}
			if err := people.PauseAgent(t.Context(), w.ada.ID, "robot", false); err != nil {
				t.Fatal(err)
			}
			if next != nil {
				token = next
			}
			if token, code = w.refresh(t, token.RefreshToken); code != "" {
				t.Fatalf("the agent goes on, and its refresh token is lost: %s", code)
			}
		}
	})
}

// TestAgents_Exchange: what an agent hands over says who had it, and keeps the limits; who is not named gets nothing; an ID token is no way
// around them.
func TestAgents_Exchange(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newAgentWorld(t, engine)
		other := func(id string, from ...string) *servertest.App {
			return w.App(t, id, func(m *clients.Metadata) {
				m.RedirectURIs, m.Scope, m.GrantTypes = nil, "", []string{clients.TokenExchange}
				m.Exchange = &clients.Exchange{SubjectsFrom: from, Targets: []string{agentAPI}, Scopes: []string{"events"}}
			})
		}
		helper, stranger, unnamed := other("helper", "robot"), other("stranger"), other("unnamed", "robot")
		if _, err := w.Services().Clients.ChangeAlso(t.Context(), "robot", func(m *clients.Metadata) error {
			m.GrantTypes = append(slices.Clone(m.GrantTypes), clients.TokenExchange)
			m.Exchange = &clients.Exchange{Targets: []string{agentAPI}, Scopes: []string{"events"}}
			return nil
		}, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.Watch(t.Context()); err != nil {
			t.Fatal(err)
		}
		b := w.Browser(t)
		token := w.allow(t, b, "1", "10")
		ask := func(app *servertest.App, subject, kind string) (map[string]any, int) {
			t.Helper()
			status, answer := app.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.TokenExchange}, "resource": {agentAPI},
				"subject_token": {subject}, "subject_token_type": {"urn:ietf:params:oauth:token-type:" + kind}})
			return answer, status
		}
		for _, app := range []*servertest.App{stranger, unnamed} {
			if answer, status := ask(app, token.AccessToken, "access_token"); status != 400 {
				t.Errorf("%s exchanges an agent's token: %v", app.ClientID, answer)
			}
		}
		got, status := ask(helper, token.AccessToken, "access_token")
		if status != 200 {
			t.Fatalf("%d %v", status, got)
		}
		passed := got["access_token"].(string)
		saysLimits(t, claimsOf(t, passed), `{"act":{"sub":"robot"},"sub":"helper"}`, 10)
		own, status := ask(w.agent, token.Extra("id_token").(string), "id_token")
		if status != 200 {
			t.Fatalf("%d %v", status, own)
		}
		saysLimits(t, claimsOf(t, own["access_token"].(string)), `{"sub":"robot"}`, 10)
		if b.Get(t, "/account/apps"); !strings.Contains(b.Text("main"), "May hand over to: Helper") ||
			strings.Contains(b.Text("main"), "Unnamed") {
			t.Errorf("who may act in its place: %s", b.Text("main"))
		}
		b.Submit(t, "pause", url.Values{"pause": {"robot"}})
		for _, dead := range []string{passed, own["access_token"].(string)} {
			if status, answer := helper.Post(t, "/oauth2/introspect", url.Values{"token": {dead}}); status != 200 || answer["active"] != false {
				t.Errorf("%d %v", status, answer)
			}
		}
		if _, status := ask(helper, token.AccessToken, "access_token"); status != 400 {
			t.Errorf("a paused agent hands over: %d", status)
		}
	})
}

// TestAgents_Email: their person is written to when an agent is allowed, and not again while it is.
func TestAgents_Email(t *testing.T) {
	t.Parallel()
	s, box := servertest.NewWithMail(t)
	agent := s.App(t, "robot", func(m *clients.Metadata) { m.Agent = true })
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	agent.Begin(t, b)
	b.SignIn(t, ada).Allow(t)
	got := box.Wait(t, "ada@example.com").Subject + "; " + box.Wait(t, "ada@example.com").Subject // in any order
	if !strings.Contains(got, "New sign-in") || strings.Count(got, "may now act for you") != 1 || !strings.Contains(got, "Robot") {
		t.Error(got)
	}
	agent.Begin(t, b, oauth2.SetAuthURLParam("prompt", "consent"))
	b.Allow(t)
	b.Get(t, "/account/apps").Submit(t, "app", url.Values{"agents": {"1"}})
	if !strings.Contains(b.Text("main"), "No app has access") {
		t.Error(b.Text("main"))
	}
	box.None(t, "ada@example.com")
}

// TestAgents_OwnTokensOfOthers: an app that is no agent, and may exchange nothing any more, has no use of what it exchanged of its own,
// also where tokens have no place in a status list.
func TestAgents_OwnTokensOfOthers(t *testing.T) {
	t.Parallel()
	w := newAgentWorld(t, servertest.YAML("tokens: {status_lists: false}\n"))
	app := w.App(t, "editor", func(m *clients.Metadata) {
		m.Scope, m.GrantTypes = "openid events", append(slices.Clone(m.GrantTypes), clients.TokenExchange)
		m.Exchange = &clients.Exchange{Targets: []string{agentAPI}, Scopes: []string{"events"}}
	})
	b := w.Browser(t)
	r := app.Begin(t, b, oauth2.SetAuthURLParam("resource", agentAPI))
	b.SignIn(t, w.ada)
	if b.Has("consent-allow") {
		b.Allow(t)
	}
	token := r.Exchange(t, r.Code(t, b))
	status, got := app.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.TokenExchange}, "resource": {agentAPI},
		"subject_token": {token.Extra("id_token").(string)}, "subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}})
	if status != 200 {
		t.Fatalf("%d %v", status, got)
	}
	active := func() any {
		t.Helper()
		_, answer := app.Post(t, "/oauth2/introspect", url.Values{"token": {got["access_token"].(string)}})
		return answer["active"]
	}
	if active() != true {
		t.Error("what was exchanged is no good")
	}
	w.change(t, "editor", func(m *clients.Metadata) {
		m.Exchange, m.GrantTypes = nil, []string{clients.AuthorizationCode, clients.RefreshToken}
	})
	if active() != false {
		t.Error("its client may not exchange tokens any more, and the token is good")
	}
}
