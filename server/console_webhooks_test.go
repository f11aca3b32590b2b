package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/audit/webhook"
)

// TestConsoleOfWebhooks makes one in the browser, and carries out every act on it.
func TestConsoleOfWebhooks(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	post := func(path, what string, want int, form url.Values) {
		t.Helper()
		if form == nil {
			form = url.Values{}
		}
		form.Set("what", what)
		if b.Post(t, path, form); b.Status != want {
			t.Fatalf("%s %s: %d, want %d: %s", path, what, b.Status, want, b.Text("main"))
		}
	}
	one := func() webhook.Webhook {
		t.Helper()
		list, err := w.Services().Webhooks.List(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("%d webhooks, %v", len(list), err)
		}
		return list[0]
	}
	const list = "/admin/webhooks"
	for _, wrong := range []string{"http://hooks.example/x", "javascript:alert(1)"} {
		post(list, "create", http.StatusUnprocessableEntity, url.Values{"url": {wrong}, "events": {"*"}})
	}
	post(list, "create", http.StatusOK, url.Values{"url": {"https://hooks.example/in"}, "events": {"client., user.created"}})
	secret := b.Text("secret")
	if !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("secret %q", secret)
	}
	page := list + "/" + one().ID
	post(page, "secret", http.StatusOK, nil)
	if again := b.Text("secret"); !strings.HasPrefix(again, "whsec_") || again == secret {
		t.Errorf("new secret %q", again)
	}
	post(page, "change", http.StatusOK, url.Values{"url": {"https://hooks.example/<b>"}, "events": {"*"}, "description": {"<b>desc</b>"}})
	if strings.Contains(b.Body, "<b>desc") {
		t.Error("what an administrator typed is markup of the page")
	}
	post(page, "change", http.StatusUnprocessableEntity, url.Values{"url": {"https://hooks.example/in"}, "events": {"No!such"}})
	post(page, "test", http.StatusOK, nil)
	post(page, "retry", http.StatusOK, nil)
	if b.Get(t, page); strings.Contains(b.Body, secret) {
		t.Error("the secret is shown a second time")
	}
	post(page, "disable", http.StatusOK, nil)
	if !one().Disabled || !strings.Contains(b.Text("main"), "Disabled") {
		t.Errorf("disabled: %s", b.Text("main"))
	}
	post(page, "enable", http.StatusOK, nil)
	if one().Disabled {
		t.Error("it is not enabled")
	}
	post(list+"/nobody", "delete", http.StatusNotFound, nil)
	post(page, "delete", http.StatusOK, nil)
	if b.URL.Path != list {
		t.Errorf("after it was deleted: at %s", b.URL.Path)
	}

	support := w.Browser(t)
	signInWith(t, support, w.support, w.AddAuthenticator(t, w.support))
	if support.Get(t, list); support.Status != http.StatusForbidden {
		t.Errorf("support sees webhooks: %d", support.Status)
	}
	if support.Get(t, "/admin"); strings.Contains(support.Body, list) {
		t.Error("the menu of support leads to webhooks")
	}
}
