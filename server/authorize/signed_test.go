package authorize_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
)

// opened verifies a signed answer with the keys that the server publishes.
func (w *world) opened(t *testing.T, params url.Values, alg, client string) map[string]any {
	t.Helper()
	for name := range params {
		if name != "response" && name != "z" && name != "a" {
			t.Errorf("%s stands beside the signed answer", name)
		}
	}
	jws, err := jose.ParseSignedCompact(params.Get("response"), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatalf("%v: %v", params, err)
	}
	res, err := w.HTTP.Get(w.URL + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(res.Body).Decode(&keys); err != nil {
		t.Fatal(err)
	}
	raw, err := jws.Verify(keys)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	exp, _ := claims["exp"].(float64)
	left := time.Until(time.Unix(int64(exp), 0))
	if claims["iss"] != w.URL || claims["aud"] != client || claims["sub"] != nil || left < 10*time.Second || left > 10*time.Minute {
		t.Errorf("claims: %v", claims)
	}
	return claims
}

var field = regexp.MustCompile(`name="(\w+)" value="([^"]*)"`)

// JWT Secured Authorization Response Mode for OAuth 2.0, sections 2.1 and 2.3: all that the app is told is in one JWT.
func TestJARM_2_AnswersAreSigned(t *testing.T) {
	w := oldWorld(t)
	b := w.signedIn(t)
	for _, test := range []struct {
		kind, mode, way string
		more            []string
		has             string
		value           string // of has; "" = any
	}{
		{"code", "jwt", "query", nil, "code", ""},
		{"code", "query.jwt", "query", nil, "code", ""},
		{"code", "fragment.jwt", "fragment", nil, "code", ""},
		{"none", "jwt", "query", nil, "state", "s1"},
		{"id_token", "jwt", "fragment", nil, "id_token", ""},
		{"code id_token token", "fragment.jwt", "fragment", nil, "access_token", ""},
		// errors, too
		{"code", "jwt", "query", []string{"prompt", "dance"}, "error", "invalid_request"},
		{"code", "fragment.jwt", "fragment", []string{"scope", "nope"}, "error", "invalid_scope"},
		{"id_token", "jwt", "fragment", []string{"nonce", ""}, "error", "invalid_request"},
		{"id_token", "query.jwt", "fragment", nil, "error", "invalid_request"}, // it would need encryption (section 2.3.1)
		{"x", "jwt", "query", nil, "error", "unsupported_response_type"},
	} {
		more := append([]string{"response_type", test.kind, "response_mode", test.mode, "state", "s1"}, test.more...)
		way, params := answered(t, b.Get(t, w.ask(more...)))
		if way != test.way {
			t.Errorf("%s %s: in the %s", test.kind, test.mode, way)
		}
		claims := w.opened(t, params, "RS256", "shop")
		if got, _ := claims[test.has].(string); claims["state"] != "s1" || got == "" || test.value != "" && got != test.value {
			t.Errorf("%s %s %v: %v", test.kind, test.mode, test.more, claims)
		}
	}
	// An unknown mode is no signed one.
	if _, params := answered(t, b.Get(t, w.ask("response_mode", "web_message.jwt"))); params.Get("error") != "invalid_request" {
		t.Errorf("unknown mode: %v", params)
	}
	// By a form: one field.
	page := b.Get(t, w.ask("response_mode", "form_post.jwt", "state", `s"<`))
	fields := field.FindAllStringSubmatch(page.Body, -1)
	if page.Status != http.StatusOK || len(fields) != 1 || fields[0][1] != "response" {
		t.Fatalf("form_post.jwt: %d %v", page.Status, fields)
	}
	signed := html.UnescapeString(fields[0][2])
	if claims := w.opened(t, url.Values{"response": {signed}}, "RS256", "shop"); claims["state"] != `s"<` || claims["code"] == nil {
		t.Errorf("form_post.jwt: %v", claims)
	}
	// It is no ID token, neither here nor for the app.
	if _, params := answered(t, b.Get(t, w.ask("id_token_hint", signed))); params.Get("error") != "invalid_request" {
		t.Errorf("as id_token_hint: %v", params)
	}
}

func TestJARM_3_TheClientSaysHow(t *testing.T) {
	w := newWorld(t)
	app := w.App(t, "signed", func(m *clients.Metadata) { m.AuthorizationSignedResponseAlg = "ES256" }).With("openid")
	b := w.Browser(t)
	b.Get(t, "/account").SignIn(t, w.ada)
	q := url.Values{"client_id": {"signed"}, "response_type": {"code"}, "response_mode": {"jwt"}, "redirect_uri": {app.RedirectURIs[0]},
		"scope": {"openid"}, "state": {"s"}, "code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}}
	b.Get(t, "/oauth2/authorize?"+q.Encode())
	if b.Landed == nil {
		b.Deny(t)
	}
	_, params := answered(t, b)
	if claims := w.opened(t, params, "ES256", "signed"); claims["error"] != "access_denied" || claims["state"] != "s" {
		t.Errorf("%v", claims)
	}
	if err := (clients.Metadata{AuthorizationSignedResponseAlg: "none"}).Validate(); err == nil ||
		!strings.Contains(err.Error(), "authorization_signed_response_alg") {
		t.Errorf("none: %v", err)
	}
	res, err := w.HTTP.Get(w.URL + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var told struct {
		Modes []string `json:"response_modes_supported"`
		Algs  []string `json:"authorization_signing_alg_values_supported"`
	}
	if err := json.NewDecoder(res.Body).Decode(&told); err != nil || len(told.Modes) != 7 || len(told.Algs) != 6 {
		t.Errorf("discovery: %v %v", told, err)
	}
}
