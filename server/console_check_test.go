package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/admin"
	"signet/clients"
	"signet/users/membership"
)

// TestCheckOnThePageOfAnApp: who may look at apps has one checked there, and is told what mends it; nothing is changed, and who may not
// finds no such page.
func TestCheckOnThePageOfAnApp(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	w.App(t, "shop", func(m *clients.Metadata) {
		m.ClientName, m.RedirectURIs, m.Scope = "Shop", []string{"http://localhost:3000/cb"}, "openid gone:<read>"
		m.ApplicationType = clients.Native
	})
	auditor := w.Person(t, "auditor@example.com")
	root := admin.Actor{Kind: admin.KindCommand, ID: "t", Holds: admin.SetOf(admin.All()...)}
	if err := w.Services().Admin.GiveRole(t.Context(), root, admin.RoleAuditor, membership.Holder{UserID: auditor.ID}); err != nil {
		t.Fatal(err)
	}
	b := w.Browser(t)
	signInWith(t, b, auditor, w.AddAuthenticator(t, auditor))
	if b.Get(t, "/admin/apps/shop"); !strings.Contains(b.Body, `value="check"`) || strings.Contains(b.Body, `value="delete`) {
		t.Fatalf("the page: %s", b.Text("main"))
	}
	b.Post(t, "/admin/apps/shop", url.Values{"what": {"check"}})
	shown := b.Text("main")
	for _, want := range []string{`no API has the scope "gone:<read>": the app cannot get it. Register the API`, "scope Problem",
		"may lead elsewhere (RFC 8252 section 8.3). Register 127.0.0.1"} {
		if b.Status != http.StatusOK || !strings.Contains(shown, want) {
			t.Errorf("%d, no %q in %s", b.Status, want, shown)
		}
	}
	if strings.Contains(b.Body, "<read>") {
		t.Error("what an app is called is markup")
	}
	if b.Get(t, "/admin/apps/shop"); strings.Contains(b.Text("main"), "gone:<read>\": the app") {
		t.Error("it is checked by looking")
	}
	for range 25 {
		b.Post(t, "/admin/apps/shop", url.Values{"what": {"check"}})
	}
	if b.Status != http.StatusUnprocessableEntity || !strings.Contains(b.Text("main"), "Too many attempts") {
		t.Errorf("again and again: %d %s", b.Status, b.Text("main"))
	}
}
