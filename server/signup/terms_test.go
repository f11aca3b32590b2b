package signup_test

import (
	"net/http"
	"net/url"
	"testing"

	"signet/server/servertest"
)

func TestSignUpAsksForTheTerms(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML("terms: {version: '2', url: 'https://example.com/terms'}"))
	b := s.Browser(t)
	b.Get(t, "/signup")
	form := url.Values{"name": {"Ada"}, "username": {"ada@example.com"}, "password": {servertest.NewPassword}}
	if b.Submit(t, "signup-submit", form); b.Status != http.StatusBadRequest || !b.Has("terms") {
		t.Fatalf("without the box: %d at %s", b.Status, b.URL)
	}
	wrong := url.Values{"name": {"Ada"}, "username": {"ada@"}, "password": {servertest.NewPassword}, "terms": {"1"}}
	if b.Submit(t, "signup-submit", wrong); b.FormWith("signup-submit").Fields.Get("terms") != "1" { // C7: what was agreed to stays so
		t.Errorf("another mistake: the box is empty: %v", b.FormWith("signup-submit").Fields)
	}
	form.Set("terms", "1")
	if b.Submit(t, "signup-submit", form); b.URL.Path != "/account" {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	if u, err := s.Services().People.Show(t.Context(), "ada@example.com"); err != nil || u.Terms != "2" {
		t.Errorf("terms %q, %v", u.Terms, err)
	}
}
