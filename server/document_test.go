package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/internal/egress"
	"signet/server/servertest"
)

const (
	openAPI   = "https://api.example/mcp"
	closedAPI = "https://bank.example/"
	resources = `resources:
  - {identifier: "https://api.example/mcp", name: Notes, scopes: [notes:read, notes:write], open: true}
  - {identifier: "https://bank.example/", name: Bank, scopes: [bank:move, notes:read]}
`
	claude = "https://claude.ai/oauth/claude-code-client-metadata"
)

// site is what the world outside serves.
type site struct {
	mu    sync.Mutex
	pages map[string]string
	asked map[string]int
	age   time.Duration
}

func (s *site) Fetch(_ context.Context, q egress.Request) (egress.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[q.URL]++
	body, ok := s.pages[q.URL]
	if !ok {
		return egress.Response{Status: http.StatusNotFound}, nil
	}
	return egress.Response{Status: http.StatusOK, Type: "application/json", Body: []byte(body), MaxAge: s.age}, nil
}

func (s *site) put(id string, members map[string]any) {
	members["client_id"] = id
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[id] = string(text)
}

func (s *site) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.asked {
		n += one
	}
	return n
}

func newSite(s *servertest.Server) *site {
	out := &site{pages: map[string]string{}, asked: map[string]int{}}
	s.Services().Documents.Fetch, s.Services().Documents.Again = out, out
	return out
}

// documentApp is an app that nobody registered.
func documentApp(s *servertest.Server, id, redirect string) *servertest.App {
	app := s.Declared(clients.Metadata{ClientID: id, RedirectURIs: []string{redirect}, TokenEndpointAuthMethod: clients.MethodNone,
		Scope: "openid notes:read"})
	return app
}

func TestDocument_AnAppWithADocumentGetsATokenForAnOpenResource(t *testing.T) { // OAuth Client ID Metadata Document section 4
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), engine, servertest.YAML(resources))
		out := newSite(s)
		out.put(claude, map[string]any{"client_name": "Claude Code",
			"redirect_uris": []string{"http://localhost/callback", "http://127.0.0.1/callback"},
			"grant_types":   []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "none",
			"scope": "openid profile bank:move"})
		ada := s.Person(t, "ada@example.com")
		app := documentApp(s, claude, "http://localhost:3118/callback")
		b := s.Browser(t)
		r := app.Begin(t, b, oauth2.SetAuthURLParam("resource", openAPI), oauth2.SetAuthURLParam("scope", "openid email notes:read bank:move"))
		b.SignIn(t, ada)
		if !b.Has("itself") || !b.Has("hosts") {
			t.Fatalf("%s %d: %s", b.URL, b.Status, b.Text("main"))
		}
		page := b.Text("main")
		for _, want := range []string{"claude.ai", "localhost:3118", "registered itself", "runs on your computer", "before today"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page does not say %q: %s", want, page)
			}
		}
		if strings.Contains(page, "email") || strings.Contains(page, "bank:move") {
			t.Errorf("it asks for what such an app never has: %s", page)
		}
		b.Allow(t, "notes:read")
		token := r.Exchange(t, r.Code(t, b))
		claims := claimsOf(t, token.AccessToken)
		if aud := claims["aud"]; !strings.Contains(toJSON(t, aud), openAPI) || strings.Contains(toJSON(t, aud), closedAPI) {
			t.Errorf("aud %v", aud)
		}
		if claims["client_id"] != claude || claims["scope"] == nil || strings.Contains(claims["scope"].(string), "bank") {
			t.Errorf("%v", claims)
		}
		if again := app.Refresh(t, token.RefreshToken); again.AccessToken == "" {
			t.Error("no refresh")
		}
		if n := out.total(); n != 1 {
			t.Errorf("fetched %d times", n)
		}
		// another port, and nothing is asked or fetched again
		app = documentApp(s, claude, "http://127.0.0.1:9999/callback")
		r = app.Begin(t, b, oauth2.SetAuthURLParam("resource", openAPI), oauth2.SetAuthURLParam("scope", "openid notes:read"))
		r.Exchange(t, r.Code(t, b))
		// more scopes: the page asks
		app.Begin(t, b, oauth2.SetAuthURLParam("resource", openAPI), oauth2.SetAuthURLParam("scope", "openid notes:read notes:write"))
		if !b.Has("consent-allow") {
			t.Errorf("not asked for more: %s", b.URL)
		}
		// a resource that is not open, and a scope that is its alone
		for _, more := range [][2]string{{"resource", closedAPI}, {"scope", "bank:move"}} {
			answer := app.Begin(t, b, oauth2.SetAuthURLParam(more[0], more[1])).Answer(t, b)
			if e := answer.Get("error"); e != "invalid_target" && e != "invalid_scope" {
				t.Errorf("%v: %v", more, answer)
			}
		}
		// without a resource: those of the scope that are open
		r = app.Begin(t, b, oauth2.SetAuthURLParam("scope", "notes:read"))
		if b.Has("consent-allow") {
			b.Allow(t, "notes:read")
		}
		token = r.Exchange(t, r.Code(t, b))
		if aud := toJSON(t, claimsOf(t, token.AccessToken)["aud"]); strings.Contains(aud, closedAPI) {
			t.Errorf("aud %s", aud)
		}
	})
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// openResource is the first of resources.
func openResource() clients.Resource {
	return clients.Resource{Identifier: openAPI, Name: "Notes", Scopes: []string{"notes:read", "notes:write"}, Open: true}
}

// asking is a request of an app that nobody knows.
func asking(id string, change func(v url.Values)) string {
	v := url.Values{"client_id": {id}, "redirect_uri": {"http://localhost:1/cb"}, "response_type": {"code"}, "resource": {openAPI},
		"code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}, "state": {"s"}}
	if change != nil {
		change(v)
	}
	return "/oauth2/authorize?" + v.Encode()
}
