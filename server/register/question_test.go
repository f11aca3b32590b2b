package register_test

import (
	"net/url"
	"strings"
	"testing"

	"signet/server/servertest"
)

// TestH22_AnAppThatAsksForMoreWhileItsPageIsRead gets nothing by it: it narrows its registration before the person comes, so that the page
// says little, and takes the rest back while they read. What goes with allowing is not in the form; so the form says which question it
// answers, and another one is asked.
func TestH22_AnAppThatAsksForMoreWhileItsPageIsRead(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("open"))
		ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
		app := document{"client_name": "Little", "redirect_uris": []string{"https://app.example/cb"}, "token_endpoint_auth_method": "none",
			"scope": "openid email profile"}
		_, _, made := send(t, s, "POST", at, "", app)
		id, token := text(made, "client_id"), text(made, "registration_access_token")
		app["client_id"] = id
		change := func(name, scope string) {
			t.Helper()
			app["client_name"], app["scope"] = name, scope
			status, _, got := send(t, s, "PUT", at+"/"+id, token, app)
			if token = text(got, "registration_access_token"); status != 200 {
				t.Fatalf("%d %v", status, got)
			}
		}
		q := url.Values{"response_type": {"code"}, "client_id": {id}, "redirect_uri": {"https://app.example/cb"}, "state": {"s"},
			"scope": {"openid email profile"}, "code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("x", 43)}}
		b.Get(t, "/oauth2/authorize?"+q.Encode())
		change("Little", "openid")
		if b.SignIn(t, ada); !b.Has("consent-allow") || strings.Contains(b.Text("main"), "See your email") {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		change("Little", "openid email profile")
		if b.Submit(t, "consent-allow", nil); b.Landed != nil || !strings.Contains(b.Text("main"), "See your email") {
			t.Fatalf("more than the page said: landed %v, at %s", b.Landed, b.URL)
		}
		change("Bank", "openid email profile")
		if b.Submit(t, "consent-allow", nil); b.Landed != nil || !strings.Contains(b.Text("main"), "Bank") {
			t.Fatalf("another name than the page said: landed %v, at %s", b.Landed, b.URL)
		}
		if b.Submit(t, "consent-allow", nil); b.Landed == nil || b.Landed.Query().Get("code") == "" {
			t.Errorf("the question that was answered: at %s (%d)", b.URL, b.Status)
		}
	})
}
