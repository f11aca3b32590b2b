package register_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/server/servertest"
)

// TestRFC7591_2_2_AnAppIsCalledInThePersonsLanguage: what it registers in languages comes back as it was sent, is shown on pages in them,
// and goes with a change that does not name it (RFC 7592 section 2.2).
func TestRFC7591_2_2_AnAppIsCalledInThePersonsLanguage(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("open"))
		status, _, made := send(t, s, "POST", at, "", document{
			"redirect_uris": []string{"https://app.example/cb"}, "client_name": "Shop", "client_name#de": "  Laden  am Eck",
			"tos_uri#de": "https://app.example/agb", "policy_uri#de": "javascript:alert(1)", "client_name#": "x", "redirect_uris#de": "y",
		})
		id, token := text(made, "client_id"), text(made, "registration_access_token")
		if status != http.StatusCreated || text(made, "client_name#de") != "Laden am Eck" || text(made, "client_name") != "Shop" ||
			text(made, "tos_uri#de") == "" || made["policy_uri#de"] != nil || made["client_name#"] != nil || made["redirect_uris#de"] != nil ||
			made["localized"] != nil {
			t.Fatalf("%d %v", status, made)
		}
		app := s.Declared(clients.Metadata{ClientID: id, ClientSecret: text(made, "client_secret"),
			RedirectURIs: []string{"https://app.example/cb"}, Scope: "openid"})
		for lang, want := range map[string]string{"de": "Laden am Eck", "en": "Shop"} {
			b := s.Browser(t)
			app.Begin(t, b, oauth2.SetAuthURLParam("ui_locales", lang))
			if got := b.Text("main"); !strings.Contains(got, want) {
				t.Errorf("%s: %s", lang, got)
			}
		}
		if status, _, got := send(t, s, "GET", at+"/"+id, token, nil); status != 200 || text(got, "client_name#de") != "Laden am Eck" {
			t.Errorf("%d %v", status, got)
		}
		status, _, got := send(t, s, "PUT", at+"/"+id, token,
			document{"client_id": id, "client_secret": text(made, "client_secret"), "redirect_uris": []string{"https://app.example/cb"}})
		if status != 200 || got["client_name#de"] != nil || got["tos_uri#de"] != nil {
			t.Errorf("%d %v", status, got)
		}
	})
}

// TestRFC7591_5_NoAppTakesTheServersName in any language, with characters that nobody sees, or without bound.
func TestRFC7591_5_NoAppTakesTheServersName(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), yaml("open"))
	for name, value := range map[string]string{
		"client_name#de": " SIGNET ", "client_name#fr": "Shop\u202e", "client_name#es": strings.Repeat("x", 81),
	} {
		status, _, got := send(t, s, "POST", at, "", document{"redirect_uris": []string{"https://app.example/cb"}, name: value})
		if status != http.StatusBadRequest || text(got, "error") != "invalid_client_metadata" {
			t.Errorf("%s=%q: %d %v", name, value, status, got)
		}
	}
}
