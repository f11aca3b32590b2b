package server_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"signet/clients"
	"signet/oauth/dpop/dpoptest"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
)

// grantTypesTold are those of discovery.
func grantTypesTold(t *testing.T, s *servertest.Server) []string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", s.URL+"/.well-known/oauth-authorization-server", nil))
	var d struct {
		GrantTypes []string `json:"grant_types_supported"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return d.GrantTypes
}

// TestRFC8693_FromOutside: an app's token for the shop becomes one for the stock, with the sub that the shop was told.
func TestRFC8693_FromOutside(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *storage.DB{"sqlite": storagetest.SQLite, "postgres": storagetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			s := servertest.New(t, servertest.HandlerOnly(), servertest.On(open(t)))
			registry := s.Services().Clients
			for _, r := range []clients.Resource{
				{Identifier: "https://shop.test", Name: "Shop", Scopes: []string{"orders"}, ExchangedBy: []string{"shop-api"}},
				{Identifier: "https://stock.test", Name: "Stock", Scopes: []string{"orders"}},
				{Identifier: "https://bills.test", Name: "Bills"},
			} {
				if err := registry.PutResource(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			if slices.Contains(grantTypesTold(t, s), clients.TokenExchange) {
				t.Error("discovery tells a grant that nobody has")
			}
			ada, browser := s.Person(t, "ada@example.com"), s.Browser(t)
			app := bound{t, s, s.App(t, "spa", servertest.Public, func(m *clients.Metadata) {
				m.SubjectType, m.Scope = "pairwise", "openid orders"
			}), dpoptest.New(t)}
			api := bound{t, s, s.App(t, "shop-api", func(m *clients.Metadata) {
				m.RedirectURIs, m.Scope = nil, ""
				m.GrantTypes = []string{clients.TokenExchange}
				m.Exchange = &clients.Exchange{SubjectsFrom: []string{"*"}, Targets: []string{"https://stock.test", "https://bills.test"},
					Scopes: []string{"orders"}}
			}), dpoptest.New(t)}
			if err := s.Server.Watch(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(grantTypesTold(t, s), clients.TokenExchange) {
				t.Error("discovery does not tell the grant")
			}
			form := app.code(browser, ada)
			form.Set("resource", "https://shop.test")
			code, one, _ := app.post(s, form, app.proof())
			if code != 200 || one["token_type"] != "DPoP" {
				t.Fatalf("%d %v", code, one)
			}
			ask := url.Values{"grant_type": {clients.TokenExchange}, "subject_token": {one["access_token"].(string)},
				"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
				"audience":           {"https://stock.test", "https://bills.test"}, "resource": {"https://stock.test"}}
			code, two, h := api.post(s, ask, api.proof())
			if code != 200 || two["token_type"] != "DPoP" || two["scope"] != "orders" || two["refresh_token"] != nil ||
				two["issued_token_type"] != "urn:ietf:params:oauth:token-type:access_token" || h.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %v", code, two)
			}
			told, want := httptest.NewRecorder(), `{client="`+api.app.ClientID+`",subject_client="`+app.app.ClientID+`"} 1`
			s.Services().Metrics.Handler().ServeHTTP(told, httptest.NewRequest("GET", "/metrics", nil))
			if !strings.Contains(told.Body.String(), "signet_token_exchanges_total"+want) {
				t.Errorf("the metrics have no %s", want)
			}
			before, after := claimsOf(t, one["access_token"].(string)), claimsOf(t, two["access_token"].(string))
			if after["sub"] != before["sub"] || after["sub"] == ada.ID || after["cnf"].(map[string]any)["jkt"] != api.key.Thumbprint(t) {
				t.Errorf("%v of %v", after, before)
			}
			if aud, _ := after["aud"].([]any); len(aud) != 2 {
				t.Errorf("aud %v", after["aud"])
			}
			// audience repeats in this grant alone, and other parameters in none
			for what, form := range map[string]url.Values{
				"another grant": {"grant_type": {"client_credentials"}, "audience": {"a", "b"}},
				"subject_token": {"grant_type": {clients.TokenExchange}, "subject_token": {"a", "b"}},
			} {
				if code, got, _ := api.post(s, form, ""); code != 400 || got["error"] != "invalid_request" {
					t.Errorf("%s repeated: %d %v", what, code, got)
				}
			}
			// revoked by the exchanger: its own token only
			r := httptest.NewRequest("POST", s.URL+"/oauth2/revoke", strings.NewReader(url.Values{"token": {two["access_token"].(string)}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth(api.app.ClientID, api.app.ClientSecret)
			if code, _, _ := answer(t, s, r); code != 200 {
				t.Errorf("revocation: %d", code)
			}
			ask.Set("subject_token", two["access_token"].(string))
			if code, got, _ := api.post(s, ask, api.proof()); code != 400 || got["error"] != "invalid_request" {
				t.Errorf("exchange of a revoked token: %d %v", code, got)
			}
			ask.Set("subject_token", one["access_token"].(string))
			if code, got, _ := api.post(s, ask, api.proof()); code != 200 {
				t.Errorf("the grant was ended: %d %v", code, got)
			}
		})
	}
}
