package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"signet/admin"
	"signet/admin/thing"
	"signet/audit/webhook"
	"signet/clients"
	"signet/server/servertest"
)

// TestADM66_TheConsoleLeavesWhatFilesKeep: what the next apply would undo is not done by hand, and the page says who keeps it. An app is
// disabled all the same: nobody in an emergency looks for files.
func TestADM66_TheConsoleLeavesWhatFilesKeep(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	acts, host := w.Services().Admin, w.Services().Host("ci")
	for kind, text := range map[string]string{
		thing.Clients: `{"client_id": "shop", "client_name": "Shop", "redirect_uris": ["https://shop.example/cb"]}`,
		thing.Groups:  `{"name": "staff"}`, thing.Roles: `{"name": "helpers", "permissions": ["people:read"]}`,
	} {
		key := map[string]string{thing.Clients: "shop", thing.Groups: "staff", thing.Roles: "helpers"}[kind]
		raw := json.RawMessage(text)
		if err := acts.Apply(t.Context(), host, thing.Step{Kind: kind, Key: key, Owner: "infra", After: raw, Applied: raw}); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(path, what string, more ...string) {
		t.Helper()
		form := url.Values{"what": {what}}
		for i := 0; i < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		if b.Post(t, path, form); b.Status != http.StatusUnprocessableEntity || !strings.Contains(b.Text("main"), `files of "infra" keep it`) {
			t.Errorf("%s %s: %d %s", path, what, b.Status, b.Text("main"))
		}
	}
	refused("/admin/apps/shop", "change", "name", "Other", "redirect", "https://shop.example/cb")
	refused("/admin/apps/shop", "delete")
	refused("/admin/groups", "create", "name", "staff", "description", "other")
	refused("/admin/groups/staff", "delete")
	refused("/admin/roles", "create", "name", "helpers", "permissions", "people:write")
	refused("/admin/roles/helpers", "delete")
	for _, page := range []string{"/admin/apps/shop", "/admin/groups/staff", "/admin/roles/helpers"} {
		if b.Get(t, page); !strings.Contains(b.Text("main"), "infra") {
			t.Errorf("%s does not say who keeps it: %s", page, b.Text("main"))
		}
	}
	if b.Post(t, "/admin/apps/shop", url.Values{"what": {"disable"}}); b.Status != http.StatusOK {
		t.Errorf("disable: %d %s", b.Status, b.Text("main"))
	}
	refused("/admin/apps/shop", "enable")
	if err := acts.AddMember(t.Context(), admin.Actor{Kind: admin.KindPerson, ID: "x", Holds: host.Holds, ByHand: true}, "staff",
		w.bob.ID); err != nil {
		t.Errorf("who is in a group is in no file: %v", err)
	}
	over := func(m *clients.Metadata) error { m.ClientName = "Over"; return nil }
	if _, err := acts.ChangeClient(t.Context(), host, "shop", "", over); err != nil {
		t.Errorf("a program: %v", err)
	}
}

// TestADM67_TwoAtTheSamePage: a form is about what its administrator saw, and overwrites nothing that another has just written.
func TestADM67_TwoAtTheSamePage(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	if _, err := w.Services().Clients.Create(t.Context(), clients.Metadata{ClientID: "shop", ClientName: "Shop",
		RedirectURIs: []string{"https://shop.example/cb"}}); err != nil {
		t.Fatal(err)
	}
	const page = "/admin/apps/shop"
	button := func(act string) string {
		t.Helper()
		_, rest, ok := strings.Cut(b.Body, `value="`+act+" ")
		tag, _, _ := strings.Cut(rest, `"`)
		if !ok || tag == "" {
			t.Fatalf("no button to %s", act)
		}
		return act + " " + tag
	}
	b.Get(t, page)
	change, remove := button("change"), button("delete")
	if _, err := w.Services().Admin.ChangeClient(t.Context(), w.Services().Host("x"), "shop", "", func(m *clients.Metadata) error {
		m.ClientName = "Another"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"what": {change}, "name": {"Mine"}, "redirect": {"https://shop.example/cb"}, "scope": {"openid"}}
	if b.Post(t, page, form); b.Status != http.StatusUnprocessableEntity || !strings.Contains(b.Body, `value="Mine"`) {
		t.Errorf("overwrote: %d %s", b.Status, b.Text("main"))
	}
	if b.Post(t, page, url.Values{"what": {remove}}); b.Status != http.StatusUnprocessableEntity {
		t.Errorf("deleted what it is no more: %d", b.Status)
	}
	b.Get(t, page)
	form.Set("what", button("change"))
	if b.Post(t, page, form); b.Status != http.StatusOK {
		t.Errorf("after a look at it: %d %s", b.Status, b.Text("main"))
	}
	if b.Post(t, page, url.Values{"what": {button("delete")}}); b.Status != http.StatusOK {
		t.Errorf("deleted: %d %s", b.Status, b.Text("main"))
	}
}

// reads is what the request before asked the database.
type reads struct {
	mu  sync.Mutex
	log bytes.Buffer
}

func (r *reads) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(line)
}

func (r *reads) last(t *testing.T, path string) (n int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	n = -1
	for line := range bytes.Lines(r.log.Bytes()) {
		var e struct {
			Pattern string `json:"pattern"`
			Reads   int    `json:"db_reads"`
		}
		if json.Unmarshal(line, &e) == nil && e.Pattern == path {
			n = e.Reads
		}
	}
	if n < 0 {
		t.Fatalf("no event of %s in %s", path, r.log.Bytes())
	}
	return n
}

// TestConsolePagesAskLittle: beside who the administrator is, a page asks the database three things at most, or four where files may
// keep what it is about, however much there is.
func TestConsolePagesAskLittle(t *testing.T) {
	t.Parallel()
	log := &reads{}
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Log(slog.NewJSONHandler(log, nil)))
	boss := s.Person(t, "boss@example.com")
	s.MakeAdmin(t, boss)
	b := s.Browser(t)
	signInWith(t, b, boss, s.AddAuthenticator(t, boss))
	acts, host := s.Services().Admin, s.Services().Host("x")
	if _, err := acts.CreateClient(t.Context(), host, clients.Metadata{ClientID: "hr", ClientName: "HR", FirstParty: true,
		GrantTypes: []string{"client_credentials"}, TokenEndpointAuthMethod: clients.MethodBasic, Scope: "signet:people:read"}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := acts.PutRole(t.Context(), host, fmt.Sprintf("r%d", i), "", []admin.Permission{admin.PeopleRead}); err != nil {
			t.Fatal(err)
		}
	}
	for range 30 {
		_, _, err := acts.CreateWebhook(t.Context(), host, webhook.Webhook{URL: "https://hook.example/x", Events: []string{"*"}}, "")
		if err != nil {
			break // as many as there may be
		}
	}
	if err := acts.PutGroup(t.Context(), host, "staff", ""); err != nil {
		t.Fatal(err)
	}
	if err := acts.PutResource(t.Context(), host, clients.Resource{Identifier: "https://orders.example", Name: "Orders"}, ""); err != nil {
		t.Fatal(err)
	}
	most := map[string]int{"/admin/people": 3, "/admin/groups": 3, "/admin/groups/staff": 3, "/admin/roles": 3, "/admin/roles/admin": 4,
		"/admin/apps": 3, "/admin/apps/hr": 4, "/admin/events": 3, "/admin/keys": 3, "/admin/webhooks": 3, "/admin/mail": 3,
		"/admin/settings": 3, "/admin/upstreams": 3, "/admin/apis": 3, ordersPage: 3}
	b.Get(t, "/admin/settings")
	base := log.last(t, "/admin/settings") // it asks nothing itself
	for page, n := range most {
		if b.Get(t, page); b.Status != http.StatusOK {
			t.Fatalf("%s: %d", page, b.Status)
		}
		route := page
		for _, kind := range []string{"groups", "roles", "apps", "apis"} {
			if strings.HasPrefix(page, "/admin/"+kind+"/") {
				route = "/admin/" + kind + "/{id}"
			}
		}
		if got := log.last(t, route) - base; got > n {
			t.Errorf("%s asks %d things, at most %d", page, got, n)
		}
	}
}
