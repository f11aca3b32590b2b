package server_test

import (
	"net/url"
	"strings"
	"testing"

	"signet/admin"
	"signet/server/servertest"
	"signet/users/membership"
)

// TestConsole_Agents: an administrator sees which agents a person allowed, and what they agreed on; pauses and removes them, and lets none
// go on. Who may only look is offered neither, and refused; the API says the same.
func TestConsole_Agents(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newAgentWorld(t, engine)
		token := w.allow(t, w.Browser(t), "7", "100")
		signed := func(email, role string) *servertest.Browser {
			p, b := w.Person(t, email), w.Browser(t)
			if role == "" {
				w.MakeAdmin(t, p)
			} else if err := w.Services().Admin.GiveRole(t.Context(), w.Services().Host("root@host"), role,
				membership.Holder{UserID: p.ID}); err != nil {
				t.Fatal(err)
			}
			signInWith(t, b, p, w.AddAuthenticator(t, p))
			return b
		}
		b, looks := signed("boss@example.com", ""), signed("auditor@example.com", admin.RoleAuditor)
		page := "/admin/people/" + w.ada.ID
		for name, b := range map[string]*servertest.Browser{"boss": b, "auditor": looks} {
			b.Get(t, page)
			for _, want := range []string{"Agents", "Robot", "may act until", "100 calls a day"} {
				if !strings.Contains(b.Text("main"), want) {
					t.Errorf("%s: the page lacks %q: %s", name, want, b.Text("main"))
				}
			}
			if strings.Contains(b.Body, `value="pause robot"`) != (name == "boss") || strings.Contains(b.Body, "resume") {
				t.Errorf("%s is offered: %s", name, b.Body)
			}
		}
		for _, what := range []string{"pause robot", "remove robot"} {
			looks.Post(t, page, url.Values{"what": {what}})
			if w.active(t, token.AccessToken) == nil {
				t.Fatalf("an auditor did: %s", what)
			}
		}
		if b.PostFrom(t, "https://evil.example", page, url.Values{"what": {"pause robot"}}); w.active(t, token.AccessToken) == nil {
			t.Error("paused from a page of another site")
		}
		if b.Get(t, page+"?what=pause+robot"); w.active(t, token.AccessToken) == nil {
			t.Error("paused by a link")
		}
		if b.Post(t, page, url.Values{"what": {"pause robot"}}); b.Status != 200 || !strings.Contains(b.Text("main"), "paused since") ||
			strings.Contains(b.Body, `value="pause robot"`) {
			t.Errorf("%d %s", b.Status, b.Text("main"))
		}
		if w.active(t, token.AccessToken) != nil {
			t.Error("a token of a paused agent is active")
		}
		if b.Post(t, page, url.Values{"what": {"resume robot"}}); w.active(t, token.AccessToken) != nil {
			t.Error("an administrator let it go on")
		}
		if b.Post(t, page, url.Values{"what": {"remove robot"}}); b.Status != 200 || strings.Contains(b.Text("main"), "Robot") {
			t.Errorf("%d %s", b.Status, b.Text("main"))
		}
		if _, code := w.refresh(t, token.RefreshToken); code != "invalid_grant" {
			t.Errorf("removed, and it refreshes: %q", code)
		}
		if b.Post(t, page, url.Values{"what": {"remove robot"}}); b.Status != 404 {
			t.Errorf("removed twice: %d", b.Status)
		}
		for _, name := range []string{"agent.paused", "consent.withdrawn"} {
			got, err := w.Services().Admin.Events(t.Context(), w.Services().Host("root@host"),
				admin.EventFilter{Name: name, UserID: w.ada.ID}, admin.Ask{})
			if err != nil || len(got.Items) != 1 || got.Items[0].ActorID == w.ada.ID {
				t.Errorf("%s: %+v %v", name, got, err)
			}
		}
	})
}

// TestAdminAPI_Agents: the same over the API; what is no agent is neither paused nor removed by it.
func TestAdminAPI_Agents(t *testing.T) {
	t.Parallel()
	w := newAgentWorld(t)
	token := w.allow(t, w.Browser(t), "7", "0")
	w.App(t, "shop").Login(t, w.Browser(t), w.ada)
	host, acts := w.Services().Host("root@host"), w.Services().Admin
	list, err := acts.Agents(t.Context(), host, w.ada.ID)
	if err != nil || len(list) != 1 || list[0].ClientID != "robot" || list[0].Calls != 0 || list[0].Until.IsZero() {
		t.Fatalf("%+v %v", list, err)
	}
	for _, id := range []string{"shop", "nobody"} {
		for name, err := range map[string]error{"pause": acts.PauseAgent(t.Context(), host, w.ada.ID, id),
			"remove": acts.RemoveAgent(t.Context(), host, w.ada.ID, id)} {
			if err == nil {
				t.Errorf("%s of %s", name, id)
			}
		}
	}
	if err := acts.PauseAgent(t.Context(), host, w.ada.ID, "robot"); err != nil || w.active(t, token.AccessToken) != nil {
		t.Error(err)
	}
	if err := acts.RemoveAgent(t.Context(), host, w.ada.ID, "robot"); err != nil {
		t.Error(err)
	}
	if list, err := acts.Agents(t.Context(), host, w.ada.ID); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}
