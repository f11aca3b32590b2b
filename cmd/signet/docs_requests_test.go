package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"signet/clients"
	"signet/clients/snippet"
	"signet/server/servertest"
)

// TestEveryEndpointHasARequest: of each address that discovery names, and each grant, a document has a request by curl that TestDocuments
// runs; of grants that need a browser a snippet has, which TestB09_SnippetsOfCurlRun runs.
func TestEveryEndpointHasARequest(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.YAML(`
registration: {mode: open}
sessions: {check_iframe: true}
trusted_issuers: [{issuer: "https://login.example.com", clients: [crm], scopes: [openid], subjects: {a: B}}]
resources: [{identifier: "https://shop.example.com", scopes: [orders]}]
clients: [{client_id: api, client_secret: "`+strings.Repeat("0123456789", 5)+`", grant_types: [`+clients.TokenExchange+`],
  exchange: {targets: ["https://shop.example.com"], scopes: [orders]}}]
`))
	var requests, forms strings.Builder
	for _, document := range documents {
		for _, b := range blocksOf(t, document) {
			if b.language != "sh" || b.why != "" {
				continue
			}
			forms.WriteString(b.text)
			for line := range strings.Lines(b.text) {
				if strings.HasPrefix(line, "curl ") {
					requests.WriteString(line)
				}
			}
		}
	}
	for _, name := range []string{"curl-rar", "curl-refresh"} {
		text, err := snippet.Snippet{}.Text(name)
		if err != nil {
			t.Fatal(err)
		}
		forms.WriteString(text)
	}
	paths := []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/oauth2/status/"}
	told := map[string]any{}
	for _, path := range paths[:2] {
		answer, err := s.HTTP.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(answer.Body).Decode(&told); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status, err)
		}
		answer.Body.Close()
	}
	for name, value := range told {
		if address, ok := value.(string); ok && strings.HasPrefix(address, s.URL+"/") {
			paths = append(paths, strings.TrimPrefix(address, s.URL))
		} else if strings.HasSuffix(name, "_endpoint") {
			t.Errorf("%s is %v", name, value)
		}
	}
	for _, path := range paths {
		if !strings.Contains(requests.String(), path) {
			t.Errorf("no document has a request by curl for %s that is run", path)
		}
	}
	grants, _ := told["grant_types_supported"].([]any)
	for _, grant := range grants {
		if name := grant.(string); !strings.Contains(forms.String(), "grant_type="+name) && name != clients.Implicit {
			t.Errorf("no document has a request for the grant %s that is run", name)
		}
	}
	if len(paths) < 15 || len(grants) < 7 {
		t.Errorf("%d addresses and %d grants are told", len(paths), len(grants))
	}
}
