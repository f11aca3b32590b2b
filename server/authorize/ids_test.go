package authorize_test

import (
	"strings"
	"testing"
)

// Programs that drive the pages find them by these ids and paths, in every release (docs/openid-connect.md).
func TestPages_HaveFixedIDsForAutomation(t *testing.T) {
	w := newWorld(t)
	b := w.Browser(t)
	has := func(path string, ids ...string) {
		t.Helper()
		if !strings.HasPrefix(b.URL.Path, path) {
			t.Errorf("at %s, not at %s", b.URL, path)
		}
		for _, id := range ids {
			if !b.Has(id) {
				t.Errorf("%s has nothing with the id %s", path, id)
			}
		}
	}
	b.Get(t, w.ask())
	has("/signin", "username", "password", "login-submit")
	b.SignIn(t, w.ada)
	has("/consent", "consent-allow", "consent-deny")
	b.Allow(t)
	b.Get(t, "/oauth2/logout")
	has("/oauth2/logout", "logout-confirm")
}
