package server_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/mtls/mtlstest"
	"signet/server/servertest"
)

// registered are the names of authorization server metadata that a published standard has: IANA's registry "OAuth Authorization Server
// Metadata", of which each is said to come from.
var registered = map[string][]string{
	"RFC 8414": {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint", "scopes_supported",
		"response_types_supported", "response_modes_supported", "grant_types_supported", "token_endpoint_auth_methods_supported",
		"token_endpoint_auth_signing_alg_values_supported", "service_documentation", "ui_locales_supported", "op_policy_uri", "op_tos_uri",
		"revocation_endpoint", "revocation_endpoint_auth_methods_supported", "revocation_endpoint_auth_signing_alg_values_supported",
		"introspection_endpoint", "introspection_endpoint_auth_methods_supported", "introspection_endpoint_auth_signing_alg_values_supported",
		"code_challenge_methods_supported"},
	"OpenID Connect Discovery 1.0": {"userinfo_endpoint", "acr_values_supported", "subject_types_supported",
		"id_token_signing_alg_values_supported", "id_token_encryption_alg_values_supported", "id_token_encryption_enc_values_supported",
		"userinfo_signing_alg_values_supported", "userinfo_encryption_alg_values_supported", "userinfo_encryption_enc_values_supported",
		"request_object_signing_alg_values_supported", "request_object_encryption_alg_values_supported",
		"request_object_encryption_enc_values_supported", "display_values_supported", "claim_types_supported", "claims_supported",
		"claims_locales_supported", "claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported",
		"require_request_uri_registration"},
	"RFC 8628":                            {"device_authorization_endpoint"},
	"RFC 8705":                            {"tls_client_certificate_bound_access_tokens", "mtls_endpoint_aliases"},
	"RFC 9101":                            {"require_signed_request_object"},
	"RFC 9126":                            {"pushed_authorization_request_endpoint", "require_pushed_authorization_requests"},
	"RFC 9207":                            {"authorization_response_iss_parameter_supported"},
	"RFC 9396":                            {"authorization_details_types_supported"},
	"RFC 9449":                            {"dpop_signing_alg_values_supported"},
	"RFC 9728":                            {"protected_resources"},
	"OpenID Connect RP-Initiated Logout":  {"end_session_endpoint"},
	"OpenID Connect Session Management":   {"check_session_iframe"},
	"OpenID Connect Front-Channel Logout": {"frontchannel_logout_supported", "frontchannel_logout_session_supported"},
	"OpenID Connect Back-Channel Logout":  {"backchannel_logout_supported", "backchannel_logout_session_supported"},
	"OpenID Connect Prompt Create 1.0":    {"prompt_values_supported"},
	"OpenID Connect CIBA Core 1.0": {"backchannel_authentication_endpoint", "backchannel_token_delivery_modes_supported",
		"backchannel_authentication_request_signing_alg_values_supported", "backchannel_user_code_parameter_supported"},
	"JARM": {"authorization_signing_alg_values_supported", "authorization_encryption_alg_values_supported",
		"authorization_encryption_enc_values_supported"},
	"RFC 9701": {"introspection_signing_alg_values_supported", "introspection_encryption_alg_values_supported",
		"introspection_encryption_enc_values_supported"},
}

// registeredOfResources are those of IANA's registry "OAuth Protected Resource Metadata" (RFC 9728).
var registeredOfResources = []string{"resource", "authorization_servers", "jwks_uri", "scopes_supported", "bearer_methods_supported",
	"resource_signing_alg_values_supported", "resource_name", "resource_documentation", "resource_policy_uri", "resource_tos_uri",
	"tls_client_certificate_bound_access_tokens", "authorization_details_types_supported", "dpop_signing_alg_values_supported",
	"dpop_bound_access_tokens_required", "signed_metadata"}

// registeredValues are what lists of names may hold.
var registeredValues = map[string][]string{
	"grant_types_supported": {"authorization_code", "implicit", "refresh_token", "client_credentials", "password",
		"urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange",
		"urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:openid:params:grant-type:ciba"},
	"response_modes_supported": {"query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"},
	"response_types_supported": {"code", "none", "id_token", "id_token token", "code id_token", "code token", "code id_token token"},
	"token_endpoint_auth_methods_supported": {"none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt",
		"tls_client_auth", "self_signed_tls_client_auth"},
	"subject_types_supported":                    {"public", "pairwise"},
	"prompt_values_supported":                    {"none", "login", "consent", "select_account", "create"},
	"code_challenge_methods_supported":           {"S256"},
	"backchannel_token_delivery_modes_supported": {"poll", "ping"},
}

// everythingOn is a configuration with all that adds names to discovery, but for what has to be asked for and is a draft.
const everythingOn = `
server: {trusted_proxies: [127.0.0.0/8], mtls: {url: "https://mtls.example.com", header: Client-Cert, header_form: rfc9440, ca_file: CA}}
authorization:
  response_types: [code, none, id_token, id_token token, code id_token, code token, code id_token token]
  request_objects: unsigned
  encrypted_request_objects: true
registration: {mode: open}
sessions: {check_iframe: true}
trusted_issuers: [{issuer: "https://login.example.com", clients: [portal], scopes: [openid], subjects: {a: B}}]
clients:
  - client_id: portal
    client_secret: 0123456789abcdef0123456789abcdef
    grant_types: [authorization_code, "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    redirect_uris: ["https://portal.example.com/cb"]
    scope: openid
    exchange: {id_jag: [{audience: "https://auth.chat.example", client_id: portal-at-chat, scopes: [chat.read]}]}
resources:
  - {identifier: "https://api.example/mcp", name: Notes, scopes: [notes:read], open: true}
`

// draftNames are those that come from drafts: whoever adds one has the switch take it away.
var draftNames = []string{"authorization_grant_profiles_supported", "client_id_metadata_document_supported",
	"global_token_revocation_endpoint", "identity_chaining_requested_token_types_supported"}

// TestDrafts: every name of discovery is a registered one, or a draft's that `drafts: off` removes with its route.
func TestDrafts(t *testing.T) {
	t.Parallel()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, mtlstest.Authority(t, "Company").PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	known := []string{}
	for _, names := range registered {
		known = append(known, names...)
	}
	for drafts, asked := range map[string]string{"on": "id_jag: {accept: true, issue: true}\n", "off": ""} {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(),
			servertest.YAML(strings.ReplaceAll(everythingOn, "CA}", ca+"}")+asked+"drafts: "+drafts+"\n"))
		out := newSite(s)
		var unknown []string
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
			document := getJSON(t, s, path)
			unknown = nil
			for name, value := range document {
				if !slices.Contains(known, name) {
					unknown = append(unknown, name)
				}
				for _, one := range listOf(value) {
					if may := registeredValues[name]; may != nil && !slices.Contains(may, one) {
						t.Errorf("drafts %s: %s has %s", drafts, name, one)
					}
				}
			}
			slices.Sort(unknown)
			if want := map[string][]string{"on": draftNames, "off": nil}[drafts]; !slices.Equal(unknown, want) {
				t.Errorf("drafts %s: %s has %v beyond what is registered, want %v", drafts, path, unknown, want)
			}
		}
		for _, at := range []string{"/userinfo", "/api/admin"} {
			for name := range getJSON(t, s, "/.well-known/oauth-protected-resource"+at) {
				if !slices.Contains(registeredOfResources, name) {
					t.Errorf("metadata of %s has %s", at, name)
				}
			}
		}
		for _, route := range []string{"GET /oauth2/status/{list}", "POST /api/admin/v1/global-token-revocation"} {
			if got := slices.Contains(s.Routes().Mounted(), route); got != (drafts == "on") {
				t.Errorf("drafts %s: %s is mounted: %t", drafts, route, got)
			}
		}
		if drafts == "off" {
			nothingOfDrafts(t, s, out)
		}
	}
}

// nothingOfDrafts asks for each all the same.
func nothingOfDrafts(t *testing.T, s *servertest.Server, out *site) {
	t.Helper()
	for method, path := range map[string]string{"GET": "/oauth2/status/0", "POST": "/api/admin/v1/global-token-revocation"} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(method, s.URL+path, nil))
		if w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if raw, err := json.Marshal(getJSON(t, s, "/api/admin/v1/openapi.json")); err != nil || strings.Contains(string(raw), "revokeEverything") {
		t.Errorf("the document of the API still has it: %v", err)
	}
	out.put(claude, map[string]any{"client_name": "Claude", "redirect_uris": []string{"http://localhost/callback"}})
	b := s.Browser(t)
	documentApp(s, claude, "http://localhost:1/callback").Begin(t, b)
	if b.Status != 400 || out.total() != 0 {
		t.Errorf("an app with a document: %d, %d fetched", b.Status, out.total())
	}
	robot := s.App(t, "robot", func(m *clients.Metadata) {
		m.RedirectURIs, m.ResponseTypes, m.GrantTypes, m.Scope = nil, nil, []string{clients.ClientCredentials}, ""
	})
	_, answer := robot.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}})
	token, _ := answer["access_token"].(string)
	if claims := claimsOf(t, token); claims["status"] != nil {
		t.Errorf("the token has %v", claims["status"])
	}
	portal := s.Declared(clients.Metadata{ClientID: "portal", ClientSecret: "0123456789abcdef0123456789abcdef",
		RedirectURIs: []string{"https://portal.example.com/cb"}})
	status, answer := portal.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.TokenExchange}, "subject_token": {"x"},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}, "requested_token_type": {oauth.TypeIDJAG},
		"audience": {"https://auth.chat.example"}})
	if text, _ := answer["error_description"].(string); status != 400 || !strings.Contains(text, "requested_token_type is not supported") {
		t.Errorf("an ID-JAG: %d %v", status, answer)
	}
}

func getJSON(t *testing.T, s *servertest.Server, path string) (document map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", s.URL+path, nil))
	if w.Code != 200 {
		t.Fatalf("%s: %d", path, w.Code)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	return document
}

func listOf(value any) (texts []string) {
	list, _ := value.([]any)
	for _, one := range list {
		if text, ok := one.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}
