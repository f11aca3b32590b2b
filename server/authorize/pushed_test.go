package authorize_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/server/servertest"
)

// TestRFC9126_StatementsPerRequest: a push is one write; opening it is one read more than a request in the address, and where a sign-in
// begins one write more, which keeps it; the answer that uses it up is one write more.
func TestRFC9126_StatementsPerRequest(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		seen := &recorder{seen: map[string][]map[string]slog.Value{}}
		w := newWorld(t, engine, servertest.Log(seen))
		push := func() string {
			t.Helper()
			status, got := w.shop.Post(t, "/oauth2/par", url.Values{"response_type": {"code"}, "redirect_uri": {w.shop.RedirectURIs[0]},
				"scope": {"openid"}, "code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}})
			if status != http.StatusCreated {
				t.Fatalf("%d %v", status, got)
			}
			return "/oauth2/authorize?" + url.Values{"client_id": {"shop"}, "request_uri": {got["request_uri"].(string)}}.Encode()
		}
		push()
		w.Browser(t).Get(t, push())
		seen.atMost(t, "a push", "POST", "/oauth2/par", 0, 1)
		seen.atMost(t, "not signed in", "GET", "/oauth2/authorize", 1, 2)
		b := w.signedIn(t)
		b.Get(t, push())
		seen.atMost(t, "signed in, remembered", "GET", "/oauth2/authorize", 3, 2)
		if b.Landed == nil {
			t.Errorf("at %s: %s", b.URL, b.Text("main"))
		}
	})
}
