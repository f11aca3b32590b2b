package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/server/servertest"
)

// mcpServer is where MCP clients register themselves, or come with documents.
const mcpServer = resources + `
registration: {mode: open, scopes: [openid, profile, email, offline_access, "notes:read", "notes:write"]}
apps: {private_schemes: [cursor]}
`

// mcpClient is how a client of MCP comes: the shape of its document or registration, and of its authorization request.
type mcpClient struct {
	name     string
	document string         // its client id; "" = it registers itself
	says     map[string]any // of itself
	redirect string         // that it sends
	scope    string         // that it sends; "" = none
	resource string         // as it spells it
	more     []oauth2.AuthCodeOption
	dropped  string // a redirect URI that is not registered
}

// editor is what one editor says of itself: mixed addresses, grants that nobody offers to such clients.
func editor(host string) map[string]any {
	return map[string]any{"client_name": "Editor", "application_type": "native", "token_endpoint_auth_method": "none",
		"grant_types":    []string{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"},
		"response_types": []string{"code"}, "redirect_uris": []string{"https://" + host + "/redirect", "https://insiders." + host + "/redirect",
			"http://localhost/", "http://127.0.0.1/", "http://localhost:33418/", "http://127.0.0.1:33418/"}}
}

func mcpClients() []mcpClient {
	sdk := func(uri string) map[string]any {
		return map[string]any{"client_name": "SDK", "redirect_uris": []string{uri}, "token_endpoint_auth_method": "none",
			"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}}
	}
	cli := map[string]any{"client_name": "Claude Code", "redirect_uris": []string{"http://localhost/callback", "http://127.0.0.1/callback"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}, "token_endpoint_auth_method": "none"}
	native := func(uris ...string) map[string]any {
		return map[string]any{"client_name": "Tool", "redirect_uris": uris, "token_endpoint_auth_method": "none", "application_type": "native"}
	}
	plain := map[string]any{"client_name": "OpenCode", "redirect_uris": []string{"http://127.0.0.1:19876/mcp/oauth/callback"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}, "token_endpoint_auth_method": "none"}
	chat := map[string]any{"client_name": "ChatGPT", "redirect_uris": []string{"https://chatgpt.com/connector/oauth/one-of-a-connector"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}}
	web := map[string]any{"client_name": "Claude", "token_endpoint_auth_method": "none", "grant_types": []string{"authorization_code",
		"refresh_token"}, "redirect_uris": []string{"https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"}}
	consent := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("prompt", "consent")}
	return []mcpClient{
		{name: "the SDK registers, no scope sent", says: sdk("http://localhost:8090/callback"), redirect: "http://localhost:8090/callback"},
		{name: "the SDK, the scope of the challenge, the address parsed", says: sdk("http://localhost:8090/callback"),
			redirect: "http://localhost:8090/callback", scope: "notes:read", resource: "https://API.example:443/mcp"},
		{name: "the SDK asks for offline_access and consent", says: sdk("http://localhost:8090/callback"),
			redirect: "http://localhost:8090/callback", scope: "notes:read notes:write offline_access", more: consent},
		{name: "a document, no scope sent", document: claude, says: cli, redirect: "http://localhost:3118/callback"},
		{name: "a document, another port of another name", document: claude, says: cli, redirect: "http://127.0.0.1:54321/callback",
			scope: "notes:read"},
		{name: "the same client registers", says: cli, redirect: "http://localhost:3118/callback", scope: "notes:read"},
		{name: "a document of a web app", document: "https://claude.ai/oauth/mcp-oauth-client-metadata", says: web,
			redirect: "https://claude.com/api/mcp/auth_callback", scope: "notes:read notes:write"},
		{name: "an editor with a document, a loopback address", document: "https://vscode.dev/oauth/client-metadata.json",
			says:     editor("vscode.dev"),
			redirect: "http://127.0.0.1:33418/", scope: "notes:read"},
		{name: "an editor registers, on the web", says: editor("vscode.dev"), redirect: "https://vscode.dev/redirect", scope: "notes:read"},
		{name: "an editor without the slash at the end", says: editor("vscode.dev"), redirect: "http://127.0.0.1:33418", scope: "notes:read"},
		{name: "an editor of a scheme that is listed", says: native("cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost/callback"),
			redirect: "cursor://anysphere.cursor-mcp/oauth/callback", scope: "notes:read"},
		{name: "an editor of a scheme that is not", says: native("windy://mcp/callback", "http://localhost/callback"),
			redirect: "http://localhost:4711/callback", scope: "notes:read", dropped: "windy://mcp/callback"},
		{name: "a port and a path of its own", says: native("http://127.0.0.1:37819/callback/x7Gq"),
			redirect: "http://127.0.0.1:37819/callback/x7Gq", scope: "notes:read"},
		{name: "loopback alone, without application_type", says: plain, redirect: "http://127.0.0.1:19876/mcp/oauth/callback",
			scope: "notes:read"},
		{name: "with a secret, an address of a connector", says: chat,
			redirect: "https://chatgpt.com/connector/oauth/one-of-a-connector", scope: "notes:read"},
		{name: "from a page", says: sdk("http://localhost:6274/oauth/callback"), redirect: "http://localhost:6274/oauth/callback",
			scope: "notes:read"},
	}
}

// app is the client as it comes out of its document or registration.
func (c mcpClient) app(t *testing.T, s *servertest.Server, out *site) *servertest.App {
	t.Helper()
	m := clients.Metadata{ClientID: c.document, TokenEndpointAuthMethod: clients.MethodNone}
	if c.document != "" {
		out.put(c.document, c.says)
	} else {
		raw, err := json.Marshal(c.says)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", s.URL+"/oauth2/register", bytes.NewReader(raw))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		var got clients.Metadata
		if err := json.Unmarshal(w.Body.Bytes(), &got); w.Code != http.StatusCreated || err != nil {
			t.Fatalf("%d %s, %v", w.Code, w.Body, err)
		}
		m.ClientID, m.ClientSecret, m.TokenEndpointAuthMethod = got.ClientID, got.ClientSecret, got.TokenEndpointAuthMethod
		if c.dropped != "" && slices.Contains(got.RedirectURIs, c.dropped) {
			t.Errorf("registered: %v", got.RedirectURIs)
		}
	}
	m.RedirectURIs, m.Scope = []string{c.redirect}, c.scope
	return s.Declared(m)
}

// TestMCP_Clients: the clients that there are, each from nothing to a token for the MCP server, and to a refreshed one.
func TestMCP_Clients(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.YAML(mcpServer))
	out := newSite(s)
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	for _, c := range mcpClients() {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			resource := oauth2.SetAuthURLParam("resource", openAPI)
			if c.resource != "" {
				resource = oauth2.SetAuthURLParam("resource", c.resource)
			}
			app := c.app(t, s, out)
			r := app.Begin(t, b, append(c.more, resource)...)
			if b.Landed == nil && b.Has("login-submit") {
				b.SignIn(t, ada)
			}
			if b.Landed == nil && !b.Has("consent-allow") {
				t.Fatalf("%s %d: %s", b.URL, b.Status, b.Text("main"))
			}
			if u, err := url.Parse(c.redirect); err == nil && u.Scheme == "https" && b.Landed == nil && !strings.Contains(b.Text("main"), u.Host) {
				t.Errorf("the page does not say that it leads to %s: %s", u.Host, b.Text("main"))
			}
			if b.Landed == nil { // of a document that was agreed to before, nothing is asked
				b.Allow(t)
			}
			code := r.Code(t, b)
			token, err := app.OAuth.Exchange(app.Context(t.Context()), code, oauth2.VerifierOption(r.Verifier), resource)
			if err != nil {
				t.Fatal(err)
			}
			tokens := []string{token.AccessToken}
			if token.RefreshToken != "" {
				tokens = append(tokens, app.Refresh(t, token.RefreshToken).AccessToken)
			} else if c.says["grant_types"] != nil {
				t.Error("no refresh token for a client that registered them")
			}
			for _, access := range tokens {
				claims := claimsOf(t, access)
				scopes := strings.Fields(claims["scope"].(string))
				if aud := toJSON(t, claims["aud"]); !strings.Contains(aud, `"`+openAPI+`"`) || strings.Contains(aud, closedAPI) {
					t.Errorf("aud %s", aud)
				}
				if !slices.Contains(scopes, "notes:read") || claims["client_id"] != app.ClientID {
					t.Errorf("%v", claims)
				}
			}
			if aud := claimsOf(t, token.AccessToken)["aud"]; aud != openAPI {
				t.Errorf("the first token is for %v, want the resource alone", aud)
			}
			// with more scopes it is asked for those, and gets them
			r = app.With("notes:read", "notes:write").Begin(t, b, resource)
			if b.Has("consent-allow") {
				if form := b.FormWith("consent-allow"); !slices.Contains(form.Fields["before"], "notes:read") ||
					slices.Contains(form.Boxes, "scope=notes:read") {
					t.Errorf("asked again for what it has: %+v", form)
				}
				b.Allow(t)
			}
			token = r.Exchange(t, r.Code(t, b))
			if got, _ := claimsOf(t, token.AccessToken)["scope"].(string); !strings.Contains(got, "notes:write") {
				t.Errorf("asked for more, and has %q", got)
			}
		})
	}
}

// TestMCP_Services: clients that an operator registered, which act for themselves.
func TestMCP_Services(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(resources))
	robot := s.App(t, "robot", func(m *clients.Metadata) {
		m.RedirectURIs, m.ResponseTypes, m.GrantTypes, m.Scope = nil, nil, []string{clients.ClientCredentials}, "notes:read"
	})
	for _, spelled := range []string{openAPI, openAPI + "/", "https://API.example:443/mcp"} {
		status, answer := robot.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.ClientCredentials}, "resource": {spelled}})
		if status != 200 {
			t.Fatalf("%s: %d %v", spelled, status, answer)
		}
		if claims := claimsOf(t, answer["access_token"].(string)); claims["aud"] != openAPI || claims["scope"] != "notes:read" {
			t.Errorf("%s: %v", spelled, claims)
		}
	}
}

// TestMCP_FromAPage: what a page needs to read, from any origin and with the headers that clients send, and both spellings of the
// metadata's address.
func TestMCP_FromAPage(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Path("/tenant"), servertest.YAML(mcpServer))
	var first []byte
	for _, path := range []string{
		"/.well-known/oauth-authorization-server/tenant", "/tenant/.well-known/oauth-authorization-server",
		"/.well-known/openid-configuration/tenant", "/tenant/.well-known/openid-configuration",
	} {
		r := httptest.NewRequest("OPTIONS", "https://id.example.com"+path, nil)
		r.Header.Set("Origin", "http://localhost:6274")
		r.Header.Set("Access-Control-Request-Method", "GET")
		r.Header.Set("Access-Control-Request-Headers", "mcp-protocol-version")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if !strings.Contains(strings.ToLower(w.Header().Get("Access-Control-Allow-Headers")), "mcp-protocol-version") {
			t.Errorf("preflight of %s: %d %v", path, w.Code, w.Header())
		}
		r = httptest.NewRequest("GET", "https://id.example.com"+path, nil)
		r.Header.Set("Origin", "http://localhost:6274")
		r.Header.Set("MCP-Protocol-Version", "2026-07-28")
		w = httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if first == nil {
			first = w.Body.Bytes()
		}
		if !bytes.Equal(first, w.Body.Bytes()) {
			t.Errorf("%s is another document", path)
		}
	}
	var d struct {
		Challenges []string `json:"code_challenge_methods_supported"`
		Methods    []string `json:"token_endpoint_auth_methods_supported"`
		Documents  bool     `json:"client_id_metadata_document_supported"`
		Iss        bool     `json:"authorization_response_iss_parameter_supported"`
		Register   string   `json:"registration_endpoint"`
	}
	if err := json.Unmarshal(first, &d); err != nil || !slices.Equal(d.Challenges, []string{"S256"}) || !d.Documents || !d.Iss ||
		!slices.Contains(d.Methods, "none") || d.Register == "" {
		t.Errorf("%+v, %v", d, err)
	}
	for path, method := range map[string]string{"/tenant/oauth2/register": "POST", "/tenant/oauth2/token": "POST"} {
		r := httptest.NewRequest("OPTIONS", "https://id.example.com"+path, nil)
		r.Header.Set("Origin", "http://localhost:6274")
		r.Header.Set("Access-Control-Request-Method", method)
		r.Header.Set("Access-Control-Request-Headers", "content-type,mcp-protocol-version")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		t.Logf("%s: %d %v", path, w.Code, w.Header())
	}
}
