package server_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"signet/server/servertest"
)

// TestRFC8414_2_PagesForPeople: the addresses of whom runs the server are told in both documents, and nothing where there are none.
func TestRFC8414_2_PagesForPeople(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]map[string]any{
		"": {},
		"support: {developers_url: \"https://example.com/dev\"}\nterms: {url: \"https://example.com/tos\", " +
			"privacy_url: \"https://example.com/privacy\"}": {"service_documentation": "https://example.com/dev",
			"op_tos_uri": "https://example.com/tos", "op_policy_uri": "https://example.com/privacy"},
	} {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.YAML(config))
		for _, document := range []string{"openid-configuration", "oauth-authorization-server"} {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequest("GET", s.URL+"/.well-known/"+document, nil))
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"service_documentation", "op_tos_uri", "op_policy_uri"} {
				if got[name] != want[name] {
					t.Errorf("%s of %s: %v, want %v", name, document, got[name], want[name])
				}
			}
		}
	}
}
