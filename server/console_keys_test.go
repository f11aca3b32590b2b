package server_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/clients"
)

// TestConsoleOfAPIKeys makes a key of an app on its page, sees it once, and takes it back.
func TestConsoleOfAPIKeys(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	if _, err := w.Services().Clients.Create(t.Context(), clients.Metadata{ClientID: "hr", ClientName: "HR", FirstParty: true,
		GrantTypes: []string{"client_credentials"}, TokenEndpointAuthMethod: clients.MethodBasic,
		Scope: "signet:people:read signet:audit:read"}); err != nil {
		t.Fatal(err)
	}
	const page = "/admin/apps/hr"
	form := url.Values{"what": {"create-key"}, "key_name": {"night <b>ly"}, "key_permissions": {"people:read"}, "key_days": {"900"}}
	if b.Post(t, page, form); b.Status != http.StatusUnprocessableEntity || !strings.Contains(b.Body, html.EscapeString("night <b>ly")) ||
		!strings.Contains(b.Body, `value="900"`) {
		t.Fatalf("a mistake: %d %s", b.Status, b.Text("main"))
	}
	form.Set("key_days", "30")
	b.Post(t, page, form)
	text := b.Text("secret")
	if b.Status != http.StatusOK || !strings.HasPrefix(text, "sgnk_") {
		t.Fatalf("made: %d %s", b.Status, b.Text("main"))
	}
	if b.Get(t, page); strings.Contains(b.Body, text) || !strings.Contains(b.Text("main"), "night <b>ly") {
		t.Errorf("afterwards: %s", b.Text("main"))
	}
	_, rest, _ := strings.Cut(text, "_")
	id, _, _ := strings.Cut(rest, "_")
	if b.Post(t, page, url.Values{"what": {"revoke-key " + id}}); b.Status != http.StatusOK || strings.Contains(b.Text("main"), id+" ·") {
		t.Errorf("revoked: %d %s", b.Status, b.Text("main"))
	}
}

// TestConsoleKeepsWhatWasTyped: a mistake in a form costs nothing of the rest of it, on every page that has one.
func TestConsoleKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	if _, err := w.Services().Clients.Create(t.Context(), clients.Metadata{ClientID: "shop", ClientName: "Shop",
		RedirectURIs: []string{"https://shop.example/cb"}}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		path string
		form url.Values
	}{
		{"/admin/apps", url.Values{"what": {"create"}, "name": {"My <shop>"}, "kind": {"native"}, "proof": {"secret"}, "keys": {""},
			"redirect": {"nonsense"}, "scope": {"openid other"}}},
		{"/admin/apps/shop", url.Values{"what": {"change"}, "name": {"Other"}, "redirect": {"nonsense"}, "scope": {"openid"}}},
		{"/admin/groups", url.Values{"what": {"create"}, "name": {"not a name!"}, "description": {"A description"}}},
		{"/admin/roles", url.Values{"what": {"create"}, "name": {"helpers"}, "description": {"Who helps"}, "permissions": {"people:everything"}}},
		{"/admin/people", url.Values{"what": {"create"}, "email": {"no address"}}},
		{"/admin/webhooks", url.Values{"what": {"create"}, "url": {"http://x.example"}, "events": {"user."}, "description": {"Mine"}}},
	} {
		b.Post(t, x.path, x.form)
		if b.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", x.path, b.Status, b.Text("main"))
			continue
		}
		for name, values := range x.form {
			if name == "what" || values[0] == "" {
				continue
			}
			if text := html.EscapeString(values[0]); !strings.Contains(b.Body, `value="`+text+`"`) {
				t.Errorf("%s forgot %s %q", x.path, name, values[0])
			}
		}
		if strings.Contains(b.Body, `value="native"`) && !strings.Contains(b.Body, `value="native" selected`) {
			t.Errorf("%s forgot the choice", x.path)
		}
		if b.Get(t, x.path); strings.Contains(b.Body, "nonsense") || strings.Contains(b.Body, "no address") {
			t.Errorf("%s still has it for the next visit", x.path)
		}
	}
	secret := `{"kty":"EC","crv":"P-256","x":"x","y":"y","d" : "hush"}`
	b.Post(t, "/admin/apps", url.Values{"what": {"create"}, "name": {"X"}, "kind": {"web"}, "proof": {"key"}, "keys": {secret}})
	if b.Status != http.StatusUnprocessableEntity || strings.Contains(b.Body, "hush") {
		t.Errorf("a private key is sent back: %d", b.Status)
	}
}
