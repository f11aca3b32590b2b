package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"signet/config"
	"signet/server/servertest"
)

// TestAdminAPIIsInternal: with admin.api: internal the API is at the internal listener, for the same tokens, and nowhere else; with public
// it is not there.
func TestAdminAPIIsInternal(t *testing.T) {
	t.Parallel()
	for _, where := range []string{config.APIInternal, config.APIPublic, "true", config.APIOff, "false"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(),
				servertest.Change(func(c *config.Config) { c.Admin.API = where }))
			token := ""
			if where != config.APIOff && where != "false" {
				var err error
				if token, _, err = s.Services().HostToken(t.Context(), "root@host", nil, time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			ask := func(h http.Handler, method, path, token string) (int, string) {
				r := httptest.NewRequest(method, s.URL+path, nil)
				if token != "" {
					r.Header.Set("Authorization", "Bearer "+token)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w.Code, w.Body.String()
			}
			public, inside := s.Handler(), s.InternalHandler()
			here, there := public, inside
			if where == config.APIInternal {
				here, there = inside, public
			}
			found, refused := http.StatusOK, http.StatusUnauthorized
			if token == "" {
				found, refused = http.StatusNotFound, http.StatusNotFound
			}
			const metadata = "/.well-known/oauth-protected-resource/api/admin"
			for _, path := range []string{"/api/admin/v1/people", "/api/admin/v1/openapi.json", metadata} {
				if status, body := ask(here, "GET", path, token); status != found {
					t.Errorf("%s: %d %.200s", path, status, body)
				}
				for _, path := range []string{path, strings.Replace(path, "/api", "//api", 1), strings.Replace(path, "admin", "%61dmin", 1)} {
					if status, body := ask(there, "GET", path, token); status == http.StatusOK || status == http.StatusUnauthorized {
						t.Errorf("%s is at the other listener: %d %.200s", path, status, body)
					}
				}
			}
			if status, body := ask(here, "GET", "/api/admin/v1/people", ""); status != refused || strings.Contains(body, "items") {
				t.Errorf("without a token: %d %.200s", status, body)
			}
			if status, _ := ask(there, "POST", "/api/admin/mcp", token); status == http.StatusOK || status == http.StatusUnauthorized {
				t.Errorf("the tools are at the other listener: %d", status)
			}
			for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
				if status, _ := ask(inside, "GET", path, ""); status != http.StatusOK {
					t.Errorf("%s: %d", path, status)
				}
			}
			if status, _ := ask(public, "GET", "/metrics", ""); status == http.StatusOK {
				t.Error("metrics are public")
			}
			for _, path := range []string{"/signin", "/admin", "/oauth2/token", "/.well-known/openid-configuration"} {
				if status, _ := ask(inside, "GET", path, ""); status != http.StatusNotFound {
					t.Errorf("%s is at the internal listener: %d", path, status)
				}
			}
			_, discovery := ask(public, "GET", "/.well-known/openid-configuration", "")
			if told := strings.Contains(discovery, "global-token-revocation"); told && where != config.APIPublic && where != "true" {
				t.Error("discovery names an endpoint that is not public")
			}
		})
	}
}
