package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"signet/kit/go/signettest"
)

const callback = "http://127.0.0.1:7777/callback"

// world is the example's server beside a Signet that knows it.
type world struct {
	id       *signettest.Server
	resource string
}

func newWorld(t *testing.T, more string) world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	resource := "http://" + l.Addr().String() + "/mcp"
	id := signettest.Start(t, `
users: [{email: ada@example.com, name: Ada Lovelace}]
resources: [{identifier: "`+resource+`", name: Notes, scopes: [notes:read, notes:write], open: true}]
`+more)
	handler, err := routes(id.Issuer, resource)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	server.Start()
	t.Cleanup(server.Close)
	return world{id, resource}
}

// connect is the official client, with a person who signs in and allows what it asks for. asked counts how often.
func (w world) connect(t *testing.T, c auth.AuthorizationCodeHandlerConfig) (session *mcp.ClientSession, asked *[]url.Values) {
	t.Helper()
	asked = &[]url.Values{}
	c.RedirectURL = callback
	c.AuthorizationCodeFetcher = func(_ context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
		u, err := url.Parse(args.URL)
		if err != nil {
			return nil, err
		}
		*asked = append(*asked, u.Query())
		q := w.id.SignIn(t, args.URL, "ada@example.com").Query()
		return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
	}
	handler, err := auth.NewAuthorizationCodeHandler(&c)
	if err != nil {
		t.Fatal(err)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err = client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: w.resource, OAuthHandler: handler}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session, asked
}

func call(t *testing.T, s *mcp.ClientSession, tool string, args map[string]any) string {
	t.Helper()
	got, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		t.Fatal(err)
	}
	text, ok := got.Content[0].(*mcp.TextContent)
	if !ok || got.IsError {
		t.Fatalf("%s: %+v", tool, got)
	}
	return text.Text
}

// use reads, adds and reads: the second tool needs more than was allowed, and the client asks for it.
func use(t *testing.T, w world, s *mcp.ClientSession, asked *[]url.Values) {
	t.Helper()
	if got := call(t, s, "list_notes", nil); got != "" {
		t.Errorf("at first: %q", got)
	}
	call(t, s, "add_note", map[string]any{"text": "Buy milk"})
	if got := call(t, s, "list_notes", nil); got != "Buy milk" {
		t.Errorf("then: %q", got)
	}
	if len(*asked) != 2 {
		t.Fatalf("the person was asked %d times, want once for reading and once for writing", len(*asked))
	}
	first, second := (*asked)[0], (*asked)[1]
	if first.Get("scope") != "notes:read" || !strings.Contains(second.Get("scope"), "notes:write") {
		t.Errorf("asked for %q, then for %q", first.Get("scope"), second.Get("scope"))
	}
	for _, q := range *asked {
		if q.Get("resource") != w.resource || q.Get("code_challenge_method") != "S256" {
			t.Errorf("asked with %v", q)
		}
	}
}

// TestClientThatRegisters: the official client and server, from an address alone to a call.
func TestClientThatRegisters(t *testing.T) {
	w := newWorld(t, "registration: {mode: open, scopes: [openid, notes:read, notes:write]}\n")
	s, asked := w.connect(t, auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName: "Test", RedirectURIs: []string{callback}, TokenEndpointAuthMethod: "none",
			GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
		}},
	})
	use(t, w, s, asked)
}

// TestClientWithDocument: the client's id is the address of a document, which Signet fetches.
func TestClientWithDocument(t *testing.T) {
	var address string
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"client_id":%q,"client_name":"Test","redirect_uris":[%q],"token_endpoint_auth_method":"none",
			"grant_types":["authorization_code"],"response_types":["code"]}`, address, callback)
	}))
	t.Cleanup(site.Close)
	address = site.URL + "/client.json"
	ca := filepath.Join(t.TempDir(), "ca.pem")
	err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw}), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "egress: {ca_file: "+ca+", allow_hosts: [127.0.0.1]}\n")
	s, asked := w.connect(t, auth.AuthorizationCodeHandlerConfig{
		ClientIDMetadataDocumentConfig: &auth.ClientIDMetadataDocumentConfig{URL: address},
	})
	use(t, w, s, asked)
	if got := (*asked)[0].Get("client_id"); got != address {
		t.Errorf("client_id %q", got)
	}
}

// TestStrangers: what has no token, one for another API, or too little in it gets no answer of a tool, whatever the message looks like.
func TestStrangers(t *testing.T) {
	w := newWorld(t, `
clients: [{client_id: app, token_endpoint_auth_method: none, application_type: native, redirect_uris: [http://127.0.0.1/callback],
  scope: "openid notes:read notes:write"}]
`)
	post := func(token, body string) (int, string, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.resource, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := (&http.Client{Timeout: time.Minute}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		answer := make([]byte, 4096)
		n, _ := res.Body.Read(answer)
		return res.StatusCode, res.Header.Get("WWW-Authenticate"), string(answer[:n])
	}
	const add = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add_note","arguments":{"text":"x"}}}`
	if code, challenge, _ := post("", add); code != 401 ||
		!strings.Contains(challenge, "resource_metadata=") || strings.Contains(challenge, "error=") {
		t.Errorf("no token: %d %s", code, challenge)
	}
	other := w.id.Token(t, signettest.Ask{Scope: "openid"}).AccessToken
	if code, challenge, _ := post(other, add); code != 401 || !strings.Contains(challenge, `error="invalid_token"`) {
		t.Errorf("a token for the issuer: %d %s", code, challenge)
	}
	reader := w.id.Token(t, signettest.Ask{Scope: "notes:read", Resource: w.resource}).AccessToken
	if code, challenge, _ := post(reader, add); code != 403 || !strings.Contains(challenge, `scope="notes:write"`) {
		t.Errorf("a token for reading: %d %s", code, challenge)
	}
	for _, body := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","Method":"ping","params":{"name":"add_note","arguments":{"text":"x"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add_note","Name":"list_notes","arguments":{"text":"x"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_notes","name":"add_note","arguments":{"text":"x"}}}`,
		"[" + add + "]",
	} {
		if code, _, answer := post(reader, body); strings.Contains(answer, "Kept") {
			t.Errorf("%s: %d %s", body, code, answer)
		}
	}
	if code, _, answer := post(reader, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`+strings.Repeat(" ", 5<<20)); code != 413 {
		t.Errorf("5 MiB: %d %s", code, answer)
	}
}

// TestDocuments: what docs/mcp.md and the README of kit/go/mcp print is what runs here, and in the example in TypeScript.
func TestDocuments(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	run := map[string]string{"go": read("main.go"), "ts": read("../ts/server.ts")}
	seen := map[string]int{}
	for _, document := range []string{"../../../docs/mcp.md", "../../../kit/go/mcp/README.md"} {
		for _, block := range regexp.MustCompile("(?s)```(go|ts)\n(.*?)\n```").FindAllStringSubmatch(read(document), -1) {
			seen[block[1]]++
			for line := range strings.Lines(block[2]) {
				line, _, _ = strings.Cut(strings.TrimSpace(line), " // ")
				if !strings.Contains(run[block[1]], line) {
					t.Errorf("%s has %q, and no example does", document, line)
				}
			}
		}
	}
	if seen["go"] != 2 || seen["ts"] != 1 {
		t.Errorf("blocks: %v", seen)
	}
}
