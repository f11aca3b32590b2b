package request

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"signet/clients"
)

func TestH13_LongStates(t *testing.T) { // rule H13
	p := parser(t)
	for name, tt := range map[string]struct {
		q    url.Values
		told bool // invalid_request at the client, without state
	}{
		"4096 bytes":               {form("state", strings.Repeat("x", 4096)), false},
		"4097 bytes":               {form("state", strings.Repeat("x", 4097)), true},
		"2049 letters of 2 bytes":  {form("state", strings.Repeat("ä", 2049)), true},
		"long, by form_post":       {form("state", strings.Repeat("x", 5000), "response_mode", "form_post"), true},
		"long, beside a mistake":   {form("state", strings.Repeat("x", 5000), "response_type", "nope"), true},
		"long, with an id_token_h": {form("state", strings.Repeat("x", 9000), "prompt", "none"), true},
	} {
		req, _, err := p.Authorize(t.Context(), tt.q)
		bad, is := errors.AsType[*Redirectable](err)
		switch {
		case !tt.told && (err != nil || req.State != tt.q.Get("state")):
			t.Errorf("%s: %v", name, err)
		case tt.told && (!is || bad.Refusal.Code != "invalid_request" || bad.State != "" || bad.RedirectURI == "" ||
			(bad.ResponseMode == "form_post") != (tt.q.Get("response_mode") == "form_post")):
			t.Errorf("%s: %+v", name, err)
		}
	}
	_, _, err := p.Authorize(t.Context(), form("state", strings.Repeat("x", 5000), "redirect_uri", "https://evil.example/cb"))
	if _, ok := errors.AsType[*PageOnly](err); !ok {
		t.Errorf("a long state at an address that is not the client's: %v", err)
	}
}

func TestH16_AHintThatNoKeyVerifiesUnderPromptNone(t *testing.T) { // OpenID Connect Core section 3.1.2.6
	p := parser(t)
	for name, tt := range map[string]struct {
		prompt, hint string
		audience     string // of a hint that is verified; "" = it is not
		want         string
	}{
		"unverifiable, none":          {"none", "a.b.c", "", "login_required"},
		"no JWT at all, none":         {"none", "garbage", "", "login_required"},
		"unverifiable":                {"", "a.b.c", "", "invalid_request"},
		"unverifiable, login":         {"login", "a.b.c", "", "invalid_request"},
		"another client's, none":      {"none", "a.b.c", "spa", "invalid_request"},
		"verified, none":              {"none", "a.b.c", "shop", ""},
		"as long as a token can be":   {"none", strings.Repeat("a", 16<<10), "shop", ""},
		"longer than a token can be":  {"none", strings.Repeat("a", 16<<10+1), "shop", "invalid_request"},
		"none beside another, broken": {"none login", "a.b.c", "", "invalid_request"},
	} {
		p.Hint = func(string) (string, []string, error) {
			if tt.audience == "" {
				return "", nil, errors.New("no key verifies it")
			}
			return "somebody", []string{tt.audience}, nil
		}
		_, _, err := p.Authorize(t.Context(), form("prompt", tt.prompt, "id_token_hint", tt.hint))
		if got := code(errors.Unwrap(err)); got != tt.want || tt.want == "" && err != nil {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

var _ Clients = (*clients.Registry)(nil)
