package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"signet/admin"
	"signet/admin/thing"
	"signet/clients"
	"signet/server/servertest"
	"signet/users/membership"
)

const ordersPage = "/admin/apis/https:%2F%2Forders.example"

// apiPage is an administrator at the pages of APIs.
type apiPage struct {
	*consoleWorld
	b *servertest.Browser
}

func newAPIPage(t *testing.T) apiPage {
	t.Helper()
	w := newConsole(t)
	p := apiPage{w, w.Browser(t)}
	signInWith(t, p.b, w.boss, w.AddAuthenticator(t, w.boss))
	return p
}

// button is the value of one on the page that is open; more is the end of it.
func (p apiPage) button(t *testing.T, act, more string) string {
	t.Helper()
	_, rest, ok := strings.Cut(p.b.Body, `value="`+act+" ")
	tag, _, _ := strings.Cut(rest, `"`)
	tag, _, _ = strings.Cut(tag, " ")
	if !ok || tag == "" {
		t.Fatalf("no button to %s on %s", act, p.b.Text("main"))
	}
	return strings.TrimSpace(act + " " + tag + " " + more)
}

func (p apiPage) post(t *testing.T, path string, status int, what string, fields ...string) string {
	t.Helper()
	form := url.Values{"what": {what}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	if p.b.Post(t, path, form); p.b.Status != status {
		t.Fatalf("%s %s: %d %s", path, what, p.b.Status, p.b.Text("main"))
	}
	return p.b.Text("main")
}

func (p apiPage) orders(t *testing.T) clients.Resource {
	t.Helper()
	r, err := p.Services().Admin.Resource(t.Context(), p.Services().Host("x"), "https://orders.example")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestConsoleAPIs walks through the pages of APIs: add one, give it scopes, change and delete it.
func TestConsoleAPIs(t *testing.T) {
	t.Parallel()
	p := newAPIPage(t)
	p.post(t, "/admin/apis", http.StatusOK, "create", "identifier", "https://orders.example", "name", "Orders",
		"scopes", "orders:read, orders:old")
	if p.b.URL.EscapedPath() != ordersPage || !strings.Contains(p.b.Text("main"), "orders:old") {
		t.Errorf("after it was made: %s %s", p.b.URL, p.b.Text("main"))
	}
	p.post(t, ordersPage, http.StatusOK, p.button(t, "scope", ""), "scope", "orders:write", "title", "Change <b>orders</b>", "description",
		"All of them", "asking", "sensitive")
	if !strings.Contains(p.b.Text("main"), "Change <b>orders</b>") {
		t.Errorf("the text is not there: %s", p.b.Text("main"))
	}
	p.post(t, ordersPage, http.StatusOK, p.button(t, "remove", "orders:old"))
	p.post(t, ordersPage, http.StatusOK, p.button(t, "change", ""), "name", "Orders 2", "introspected", "orders-api, reports", "exchanged", "",
		"second", "yes", "age", "300", "open", "no")
	r := p.orders(t)
	if !slices.Equal(r.Scopes, []string{"orders:read", "orders:write"}) || r.Name != "Orders 2" || !r.RequireSecondFactor || r.MaxAge != 300 ||
		r.Open || !slices.Equal(r.IntrospectedBy, []string{"orders-api", "reports"}) || !r.Details["orders:write"].Sensitive ||
		r.Details["orders:write"].Title[""] != "Change <b>orders</b>" {
		t.Errorf("got %+v", r)
	}
	for what, want := range map[string]struct {
		fields []string
		text   string
	}{
		"scope":  {[]string{"scope", "openid", "asking", "box"}, "belongs to Signet itself"},
		"change": {[]string{"name", "Mine", "age", "soon"}, "use seconds"},
	} {
		p.b.Get(t, ordersPage)
		got := p.post(t, ordersPage, http.StatusUnprocessableEntity, p.button(t, what, ""), want.fields...)
		if !strings.Contains(got, want.text) {
			t.Errorf("%s: %s", what, got)
		}
		if !strings.Contains(p.b.Body, `value="`+want.fields[1]+`"`) {
			t.Errorf("%s: what was typed is gone", what)
		}
	}
	p.post(t, ordersPage, http.StatusUnprocessableEntity, "steal x")
	p.post(t, "/admin/apis", http.StatusUnprocessableEntity, "create", "identifier", "https://ORDERS.example/", "name", "Other")
	p.post(t, "/admin/apis", http.StatusUnprocessableEntity, "create", "identifier", "orders", "name", "Other")
	p.post(t, "/admin/apis", http.StatusUnprocessableEntity, "create", "identifier", "https://new.example", "name", "x",
		"scopes", "signet:apply")
	if r := p.orders(t); r.Name != "Orders 2" {
		t.Errorf("got %+v", r)
	}
	p.b.Get(t, ordersPage)
	p.post(t, ordersPage, http.StatusOK, p.button(t, "delete", ""))
	if p.b.URL.Path != "/admin/apis" || strings.Contains(p.b.Text("main"), "orders") {
		t.Errorf("after it was deleted: %s %s", p.b.URL, p.b.Text("main"))
	}
	if p.b.Get(t, ordersPage); p.b.Status != http.StatusNotFound {
		t.Errorf("it is there: %d", p.b.Status)
	}
	p.b.Get(t, "/admin/apis/"+url.PathEscape(p.URL+"/api/admin"))
	if p.b.Status != http.StatusOK || strings.Contains(p.b.Body, `value="delete `) {
		t.Errorf("what is built in: %d %s", p.b.Status, p.b.Text("main"))
	}
}

// TestConsoleAPIsOfTwoAtOnce: no form overwrites or deletes what somebody else has changed meanwhile, and what files keep is left to them.
func TestConsoleAPIsOfTwoAtOnce(t *testing.T) {
	t.Parallel()
	p := newAPIPage(t)
	acts, host := p.Services().Admin, p.Services().Host("ci")
	put := func(name string) {
		t.Helper()
		r := clients.Resource{Identifier: "https://orders.example", Name: name, Scopes: []string{"a", "b"}}
		if err := acts.PutResource(t.Context(), host, r, ""); err != nil {
			t.Fatal(err)
		}
	}
	put("One")
	p.b.Get(t, ordersPage)
	seen := map[string]string{"change": p.button(t, "change", ""), "scope": p.button(t, "scope", ""), "remove": p.button(t, "remove", "a"),
		"delete": p.button(t, "delete", "")}
	put("Two")
	for act, button := range seen {
		for _, what := range []string{button, act} { // of what was seen, and of nothing that was
			p.post(t, ordersPage, http.StatusUnprocessableEntity, what, "name", "Mine", "scope", "c", "asking", "box")
		}
	}
	if r := p.orders(t); r.Name != "Two" || len(r.Scopes) != 2 {
		t.Errorf("got %+v", r)
	}
	raw := json.RawMessage(`{"identifier": "https://orders.example", "name": "Three", "scopes": ["a"]}`)
	before, err := acts.Resource(t.Context(), host, "https://orders.example")
	if err != nil {
		t.Fatal(err)
	}
	was, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	if err := acts.Apply(t.Context(), host, thing.Step{Kind: thing.Resources, Key: "https://orders.example", Owner: "infra", Before: was,
		After: raw, Applied: raw}); err != nil {
		t.Fatal(err)
	}
	p.b.Get(t, ordersPage)
	if !strings.Contains(p.b.Text("main"), "infra") {
		t.Errorf("does not say who keeps it: %s", p.b.Text("main"))
	}
	for _, what := range []string{p.button(t, "change", ""), p.button(t, "scope", ""), p.button(t, "remove", "a"), p.button(t, "delete", "")} {
		got := p.post(t, ordersPage, http.StatusUnprocessableEntity, what, "name", "Mine", "scope", "c", "asking", "box")
		if !strings.Contains(got, `files of "infra" keep it`) {
			t.Errorf("%s: %s", what, got)
		}
	}
	byHand := admin.Actor{Kind: admin.KindPerson, ID: "x", Holds: host.Holds, ByHand: true}
	if err := acts.DeleteResource(t.Context(), byHand, "HTTPS://orders.example:443/", ""); err == nil {
		t.Error("another spelling of it is nobody's")
	}
}

// TestConsoleAPIsAreForWhoMay: who may look sees no form, and is refused; who may not look finds nothing.
func TestConsoleAPIsAreForWhoMay(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	acts, host := w.Services().Admin, w.Services().Host("x")
	orders := clients.Resource{Identifier: "https://orders.example", Name: "Orders", Scopes: []string{"a"}}
	if err := acts.PutResource(t.Context(), host, orders, ""); err != nil {
		t.Fatal(err)
	}
	if err := acts.GiveRole(t.Context(), host, admin.RoleAuditor, membership.Holder{UserID: w.bob.ID}); err != nil {
		t.Fatal(err)
	}
	b := w.Browser(t)
	signInWith(t, b, w.bob, w.AddAuthenticator(t, w.bob))
	for _, page := range []string{"/admin/apis", ordersPage} {
		if b.Get(t, page); b.Status != http.StatusOK || strings.Contains(b.Body, `name="what"`) {
			t.Errorf("%s: %d %s", page, b.Status, b.Text("main"))
		}
	}
	for page, what := range map[string]string{"/admin/apis": "create", ordersPage: "delete x"} {
		b.Post(t, page, url.Values{"what": {what}, "identifier": {"https://new.example"}, "name": {"New"}})
		if b.Status != http.StatusUnprocessableEntity || !strings.Contains(b.Text("main"), "permission") {
			t.Errorf("%s %s: %d %s", page, what, b.Status, b.Text("main"))
		}
	}
	if list, err := acts.Resources(t.Context(), host); err != nil || !slices.ContainsFunc(list, func(r clients.Resource) bool {
		return r.Identifier == "https://orders.example"
	}) || slices.ContainsFunc(list, func(r clients.Resource) bool { return r.Identifier == "https://new.example" }) {
		t.Errorf("got %v, %v", list, err)
	}
}
