package server_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/server/servertest"
)

// TestH14_NoLinkLeadsStraightToAStranger: an error before anybody has signed in, at an app that nobody vouches for, is a page of ours with
// the host that it would go to; all other apps are told at once (RFC 9700 section 4.11.2).
func TestH14_NoLinkLeadsStraightToAStranger(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine, servertest.YAML(mcpServer))
		out := newSite(s)
		out.put(claude, map[string]any{"client_name": "Claude Code", "redirect_uris": []string{"https://evil.example/cb"},
			"token_endpoint_auth_method": "none"})
		document := documentApp(s, claude, "https://evil.example/cb")
		registered := mcpClient{says: map[string]any{"client_name": "Tool", "redirect_uris": []string{"https://evil.example/cb"},
			"token_endpoint_auth_method": "none"}, redirect: "https://evil.example/cb", scope: "notes:read"}.app(t, s, out)
		operators := s.App(t, "shop")
		wrong := oauth2.SetAuthURLParam("scope", "no:such")
		for name, app := range map[string]*servertest.App{"document": document, "registered": registered} {
			// a first visit makes the document known
			app.Begin(t, s.Browser(t), oauth2.SetAuthURLParam("resource", openAPI))
			for mode, sign := range map[string]string{"": "?", "fragment": "#", "form_post": "?"} {
				b := s.Browser(t)
				app.Begin(t, b, wrong, oauth2.SetAuthURLParam("max_age", "x"), oauth2.SetAuthURLParam("response_mode", mode))
				if b.Landed != nil || b.Status != http.StatusBadRequest {
					t.Fatalf("%s %s: led to %v, %d", name, mode, b.Landed, b.Status)
				}
				if page := b.Text("main"); !strings.Contains(page, "Go to evil.example") || !strings.Contains(page, "invalid_") {
					t.Errorf("%s %s: %s", name, mode, page)
				}
				if !strings.Contains(b.Body, `href="https://evil.example/cb`+sign+`error=invalid_`) {
					t.Errorf("%s %s: no way on: %s", name, mode, b.Body)
				}
			}
			b := s.Browser(t)
			r := app.Begin(t, b, wrong, oauth2.SetAuthURLParam("max_age", "x"), oauth2.SetAuthURLParam("prompt", "none"))
			if got := r.Answer(t, b); got.Get("error") == "" {
				t.Errorf("%s, prompt=none: %v", name, got)
			}
		}
		b := s.Browser(t)
		if got := operators.Begin(t, b, oauth2.SetAuthURLParam("max_age", "x")).Answer(t, b); got.Get("error") == "" {
			t.Errorf("an operator's app: %v", got)
		}
	})
}
