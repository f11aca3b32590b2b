package server_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signet/server/servertest"
)

// TestGuidesAgreeWithDiscovery: what docs/apps.md and the tutorial tell people to set is what the server says of itself.
func TestGuidesAgreeWithDiscovery(t *testing.T) {
	t.Parallel()
	const issuer = "https://id.example.com"
	s := servertest.New(t, servertest.HandlerOnly())
	answer, err := s.HTTP.Get(s.URL + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var told map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.StatusCode, err)
	}
	addresses := []string{issuer, issuer + "/.well-known/openid-configuration"}
	for _, value := range told {
		if address, ok := value.(string); ok {
			addresses = append(addresses, strings.Replace(address, s.URL, issuer, 1))
		}
	}
	list := func(key string) (all []string) {
		for _, value := range told[key].([]any) {
			all = append(all, value.(string))
		}
		return all
	}
	raw, err := os.ReadFile(filepath.Join("..", "docs", "apps.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	found := regexp.MustCompile(regexp.QuoteMeta(issuer)+`[^\s"'`+"`"+`,;)]*`).FindAllString(text, -1)
	for _, address := range found {
		if !slices.Contains(addresses, address) {
			t.Errorf("%s is not in the discovery document", address)
		}
	}
	for what, form := range map[string]string{
		"scopes_supported":                      `(?:scopes?"?[ :=]+|OIDC_RP_SCOPES = )["'\[]*openid[a-z_,' ]*`,
		"token_endpoint_auth_methods_supported": `client_secret_[a-z]+`,
		"id_token_signing_alg_values_supported": `\b(?:[REP]S\d{3}|EdDSA)\b`,
		"code_challenge_methods_supported":      `\bS256\b`,
		"response_types_supported":              `response_type: '([a-z ]+)'`,
	} {
		uses := regexp.MustCompile(form).FindAllString(text, -1)
		if len(uses) == 0 {
			t.Errorf("the guides say nothing of %s", what)
		}
		for _, use := range uses {
			words := []string{use}
			switch {
			case strings.HasPrefix(what, "scopes"):
				words = strings.FieldsFunc(use[strings.Index(use, "openid"):], func(r rune) bool { return strings.ContainsRune(" ,'", r) })
			case strings.HasPrefix(what, "response"):
				words = []string{strings.Trim(use[strings.Index(use, "'"):], "'")}
			}
			for _, word := range words {
				if !slices.Contains(list(what), word) {
					t.Errorf("%s: %q of %q is not among %v", what, word, use, list(what))
				}
			}
		}
	}
	if len(found) < 20 {
		t.Errorf("only %d addresses", len(found))
	}
}
