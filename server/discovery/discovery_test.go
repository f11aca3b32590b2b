package discovery_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"signet/oauth/claims"
	"signet/oauth/keys"
	"signet/oauth/keys/keystest"
	"signet/server/discovery"
	"signet/server/web"
)

func nothing(http.ResponseWriter, *http.Request) error { return nil }

// everything mounts what a whole server has.
func everything(m *web.Mux) {
	m.Page("GET /oauth2/authorize", nothing)
	m.Page("GET /oauth2/logout", nothing)
	m.API("POST /oauth2/token", web.RegisteredCORS, nothing)
	m.API("POST /oauth2/introspect", web.NoCORS, nothing)
	m.API("POST /oauth2/revoke", web.RegisteredCORS, nothing)
	m.API("GET /userinfo", web.RegisteredCORS, nothing)
}

func facts() discovery.Facts {
	return discovery.Facts{
		GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials"}, ResponseTypes: []string{"code"},
		ResponseModes: []string{"query", "form_post"}, Prompts: []string{"none", "login", "consent", "select_account"},
		Scopes: []string{"openid", "profile", "api:read"}, Claims: claims.Supported(), ACRs: []string{"urn:signet:pwd"},
		Locales:                  []string{"en", "de"},
		AuthMethods:              []string{"none", "client_secret_basic", "client_secret_post", "private_key_jwt"},
		IntrospectionAuthMethods: []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
		AssertionAlgs:            []string{"ES256", "PS256", "RS256", "EdDSA"},
	}
}

type server struct {
	t         testing.TB
	handler   http.Handler
	documents *discovery.Handler
	ring      *keys.Ring
	facts     *discovery.Facts
}

func start(t testing.TB, issuer string, mount func(*web.Mux)) *server {
	t.Helper()
	u, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	f := facts()
	s := &server{t: t, ring: keystest.Ring(t), facts: &f}
	s.documents, err = discovery.New(discovery.Options{Issuer: issuer, Keys: s.ring, Facts: func() discovery.Facts { return *s.facts }})
	if err != nil {
		t.Fatal(err)
	}
	m := web.NewMux(web.Options{Issuer: u})
	s.documents.Mount(m)
	mount(m) // mounted later than discovery: it must see them all the same
	s.handler = m.Handler()
	return s
}

func (s *server) do(method, path string, header ...string) *http.Response {
	s.t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Host = "id.example"
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Result()
}

func (s *server) get(path string) map[string]any {
	s.t.Helper()
	resp := s.do("GET", path)
	var m map[string]any
	if resp.StatusCode != 200 {
		s.t.Fatalf("%s: status %d", path, resp.StatusCode)
	}
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
	return m
}

func TestL06_EveryPathFormServesTheSameDocument(t *testing.T) { // RFC 8414 sections 3, 3.1; OpenID Connect Discovery section 4
	forms := map[string][]string{
		"https://id.example": {"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"},
		"https://id.example/tenant/a": {
			"/tenant/a/.well-known/openid-configuration", "/.well-known/openid-configuration/tenant/a",
			"/tenant/a/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/tenant/a",
		},
	}
	for issuer, paths := range forms {
		s := start(t, issuer, everything)
		var first string
		for _, path := range paths {
			body, _ := io.ReadAll(s.do("GET", path, "Host", "evil.example", "X-Forwarded-Host", "evil.example").Body)
			if first == "" {
				first = string(body)
			}
			if string(body) != first {
				t.Errorf("%s differs: %s", path, body)
			}
			m := s.get(path)
			if m["issuer"] != issuer {
				t.Errorf("issuer %v, want %s byte for byte", m["issuer"], issuer)
			}
			for name, value := range m {
				if text, ok := value.(string); ok && !strings.HasPrefix(text, issuer) {
					t.Errorf("%s is %s, not under %s", name, text, issuer)
				}
			}
		}
		if len(paths) == 4 {
			if resp := s.do("GET", "/.well-known/openid-configuration"); resp.StatusCode != 404 {
				t.Errorf("the document of another issuer: status %d, want 404", resp.StatusCode)
			}
		}
	}
}

func TestL06_OnlyWhatIsMountedIsNamed(t *testing.T) { // RFC 8414 section 2, decision 8
	full := start(t, "https://id.example", everything).get("/.well-known/openid-configuration")
	for name, want := range map[string]any{
		"authorization_endpoint": "https://id.example/oauth2/authorize", "token_endpoint": "https://id.example/oauth2/token",
		"userinfo_endpoint": "https://id.example/userinfo", "jwks_uri": "https://id.example/oauth2/jwks",
		"end_session_endpoint": "https://id.example/oauth2/logout", "introspection_endpoint": "https://id.example/oauth2/introspect",
		"revocation_endpoint": "https://id.example/oauth2/revoke", "claims_parameter_supported": true,
		"request_parameter_supported": false, "request_uri_parameter_supported": false,
		"authorization_response_iss_parameter_supported": true,
	} {
		if full[name] != want {
			t.Errorf("%s is %v, want %v", name, full[name], want)
		}
	}
	if got := full["code_challenge_methods_supported"].([]any); len(got) != 1 || got[0] != "S256" {
		t.Errorf("code challenges %v", got)
	}
	if methods := full["introspection_endpoint_auth_methods_supported"].([]any); slices.Contains(methods, any("none")) {
		t.Error("introspection does not take unauthenticated clients")
	}
	bare := start(t, "https://id.example", func(*web.Mux) {}).get("/.well-known/openid-configuration")
	for name := range bare {
		switch name {
		case "issuer", "jwks_uri", "scopes_supported", "ui_locales_supported":
		default:
			t.Errorf("%s is named though nothing of it is mounted", name)
		}
	}
}

func TestNamesAndTypesAreRegistered(t *testing.T) { // conformance section 1
	registered := strings.Fields(`issuer authorization_endpoint token_endpoint userinfo_endpoint jwks_uri end_session_endpoint
		introspection_endpoint revocation_endpoint scopes_supported response_types_supported response_modes_supported
		grant_types_supported code_challenge_methods_supported prompt_values_supported acr_values_supported ui_locales_supported
		subject_types_supported id_token_signing_alg_values_supported userinfo_signing_alg_values_supported claim_types_supported
		claims_supported token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported
		revocation_endpoint_auth_methods_supported revocation_endpoint_auth_signing_alg_values_supported
		introspection_endpoint_auth_methods_supported introspection_endpoint_auth_signing_alg_values_supported
		claims_parameter_supported request_parameter_supported request_uri_parameter_supported
		authorization_response_iss_parameter_supported protected_resources service_documentation op_policy_uri op_tos_uri`)
	for name, value := range start(t, "https://id.example", everything).get("/.well-known/openid-configuration") {
		if !slices.Contains(registered, name) {
			t.Errorf("%s is not registered", name)
		}
		switch v := value.(type) {
		case string, bool:
		case []any:
			if len(v) == 0 {
				t.Errorf("%s is empty: leave it out", name)
			}
		default:
			t.Errorf("%s is a %T", name, value)
		}
	}
}

func TestDocumentsAreCacheable(t *testing.T) { // RFC 9110 sections 8.8.3, 13.1.2; OpenID Connect Core section 10.1.1
	s := start(t, "https://id.example", everything)
	for path, age := range map[string]string{"/.well-known/openid-configuration": "300", "/oauth2/jwks": "15"} {
		resp := s.do("GET", path, "Origin", "https://spa.example")
		etag := resp.Header.Get("ETag")
		if got := resp.Header.Get("Cache-Control"); got != "public, max-age="+age {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: headers %v", path, resp.Header)
		}
		for _, sent := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
			again := s.do("GET", path, "If-None-Match", sent)
			body, _ := io.ReadAll(again.Body)
			if again.StatusCode != 304 || len(body) != 0 || again.Header.Get("ETag") != etag {
				t.Errorf("%s If-None-Match %s: status %d, %d bytes", path, sent, again.StatusCode, len(body))
			}
		}
		if other := s.do("GET", path, "If-None-Match", `"other"`); other.StatusCode != 200 {
			t.Errorf("%s: status %d", path, other.StatusCode)
		}
		head := s.do("HEAD", path)
		body, _ := io.ReadAll(head.Body)
		if head.StatusCode != 200 || len(body) != 0 || head.ContentLength <= 0 || head.Header.Get("ETag") != etag {
			t.Errorf("HEAD %s: status %d, length %d, %d bytes", path, head.StatusCode, head.ContentLength, len(body))
		}
		if post := s.do("POST", path); post.StatusCode != 405 {
			t.Errorf("POST %s: status %d", path, post.StatusCode)
		}
	}
}

func TestDocumentsFollowChanges(t *testing.T) {
	s := start(t, "https://id.example", everything)
	before := s.do("GET", "/oauth2/jwks").Header.Get("ETag")
	if _, err := s.ring.Rotate(t.Context(), keys.ES256, false); err != nil {
		t.Fatal(err)
	}
	if got := s.get("/oauth2/jwks")["keys"].([]any); len(got) != 2 {
		t.Errorf("after a rotation: %d keys published, want 2", len(got))
	}
	if s.do("GET", "/oauth2/jwks", "If-None-Match", before).StatusCode != 200 {
		t.Error("the entity tag did not change")
	}
	s.facts.Scopes = append(s.facts.Scopes, "api:write")
	if err := s.documents.Rebuild(); err != nil {
		t.Fatal(err)
	}
	if got := s.get("/.well-known/openid-configuration")["scopes_supported"].([]any); !slices.Contains(got, any("api:write")) {
		t.Errorf("a new resource's scope is not named: %v", got)
	}
}

func BenchmarkDocuments(b *testing.B) {
	s := start(b, "https://id.example", everything)
	for name, path := range map[string]string{"jwks": "/oauth2/jwks", "metadata": "/.well-known/openid-configuration"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if resp := s.do("GET", path); resp.StatusCode != 200 {
					b.Fatal(resp.StatusCode)
				}
			}
		})
	}
}
