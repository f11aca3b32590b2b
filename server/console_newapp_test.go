package server_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/server/servertest"
)

// made is the app that a form at /admin/apps made in b, or nil.
func made(t *testing.T, w *consoleWorld, b *servertest.Browser, form url.Values) *clients.Client {
	t.Helper()
	form.Set("what", "create")
	if b.Post(t, "/admin/apps", form); b.Status != http.StatusOK {
		return nil
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(b.Text("secret"), "client_id="), " ")
	c, err := w.Services().Clients.Client(t.Context(), id)
	if err != nil {
		t.Fatalf("%v: %s", err, b.Text("main"))
	}
	return c
}

// TestADM54_AppsOfTheConsoleAreSafe, unless the administrator chooses otherwise (RFC 9700 sections 2.2.1 and 2.5).
func TestADM54_AppsOfTheConsoleAreSafe(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	for _, tt := range []struct {
		kind, proof, method string
		bound, key          bool
		snippet             string
	}{
		{"web", "", clients.MethodJWTKey, false, true, "PrivateKeyJwt"},
		{"web", "key", clients.MethodJWTKey, false, true, "PrivateKeyJwt"},
		{"web", "secret", clients.MethodBasic, false, false, "CLIENT_SECRET"},
		{"browser", "key", clients.MethodNone, true, false, "IndexedDbDPoPStore"},
		{"browser", "secret", clients.MethodNone, false, false, "signinRedirect"},
		{"native", "key", clients.MethodNone, true, false, "getDPoPHandle"},
		{"native", "secret", clients.MethodNone, false, false, "client.None()"},
		{"machine", "key", clients.MethodJWTKey, false, true, "signet assertion sign"},
		{"machine", "secret", clients.MethodBasic, false, false, "grant_type=client_credentials"},
	} {
		c := made(t, w, b, url.Values{"name": {"X"}, "kind": {tt.kind}, "proof": {tt.proof}, "redirect": {"https://shop.example/cb"},
			"scope": {"openid"}})
		if c == nil {
			t.Fatalf("%+v: %d %s", tt, b.Status, b.Text("main"))
		}
		secret, snippet := b.Text("secret"), html.UnescapeString(b.Body)
		switch {
		case c.TokenEndpointAuthMethod != tt.method, c.DPoPBoundAccessTokens != tt.bound, b.Has("key") != tt.key,
			strings.Contains(secret, "client_secret=") != (tt.method == clients.MethodBasic):
			t.Errorf("%+v: %s, bound %v, %s", tt, c.TokenEndpointAuthMethod, c.DPoPBoundAccessTokens, secret)
		case !strings.Contains(snippet, tt.snippet), strings.Contains(strings.ToLower(snippet), "dpop:") && tt.proof == "secret":
			t.Errorf("%+v: %s", tt, b.Text("snippet"))
		}
		if _, value, ok := strings.Cut(secret, "client_secret="); ok && strings.Contains(b.Text("snippet"), value) {
			t.Errorf("%+v: the secret is there twice", tt)
		}
		if b.Get(t, "/admin/apps/"+c.ClientID); b.Has("key") || strings.Contains(b.Text("main"), "DPoP") != tt.bound {
			t.Errorf("%+v, later: %s", tt, b.Text("main"))
		}
	}
}

// TestADM54_TheKeyOfTheConsoleWorks at the token endpoint, and nobody but the administrator has it.
func TestADM54_TheKeyOfTheConsoleWorks(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	c := made(t, w, b, url.Values{"name": {"Job"}, "kind": {"machine"}, "proof": {"key"}})
	text := b.Text("key")
	var key jose.JSONWebKey
	if err := json.Unmarshal([]byte(text), &key); err != nil || key.IsPublic() {
		t.Fatalf("%v %s", err, text)
	}
	if file := b.Attribute("key-file", "download"); file != c.ClientID+".jwk" {
		t.Errorf("the file is %q", file)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: c.ClientID, Subject: c.ClientID, Audience: jwt.Audience{w.URL}, ID: "1",
		Expiry: jwt.NewNumericDate(time.Now().Add(time.Minute))}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", w.URL+"/oauth2/token", strings.NewReader(url.Values{"grant_type": {clients.ClientCredentials},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	code, got, _ := answer(t, w.Server, r)
	if code != http.StatusOK {
		t.Errorf("%d %v", code, got)
	}
	stored, err := json.Marshal(c.Metadata)
	if err != nil || strings.Contains(string(stored), `"d":`) {
		t.Errorf("the private key is kept: %s", stored)
	}
}

// TestADM54_AnAppBringsItsKeys: as a set, as one, or by the address where they are; never a private one, and never what nobody uses.
func TestADM54_AnAppBringsItsKeys(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	const public = `{"kty":"EC","crv":"P-256","kid":"mine","alg":"ES256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",` +
		`"y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}`
	private := strings.Replace(public, "}", `,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`, 1)
	for _, tt := range []struct {
		kind, proof, keys string
		good              bool
	}{
		{"web", "key", public, true}, {"web", "key", " {\"keys\":[" + public + "]}\n", true}, {"machine", "key", public, true},
		{"web", "key", "https://shop.example/jwks.json", true},
		{"web", "key", "http://shop.example/jwks.json", false}, {"web", "key", "x", false}, {"web", "key", "{", false},
		{"web", "key", `{"keys":[]}`, false}, {"web", "key", "{}", false}, {"web", "key", `{"kty":"oct","k":"c2VjcmV0"}`, false},
		{"web", "key", private, false}, {"web", "key", `{"keys":[` + private + `]}`, false},
		{"web", "secret", public, false}, {"browser", "key", public, false}, {"native", "secret", public, false},
	} {
		c := made(t, w, b, url.Values{"name": {"X"}, "kind": {tt.kind}, "proof": {tt.proof}, "keys": {tt.keys},
			"redirect": {"https://shop.example/cb"}})
		if (c != nil) != tt.good || c == nil && b.Status != http.StatusUnprocessableEntity || strings.Contains(b.Body, "jpsQnnGQmL") {
			t.Errorf("%s, %s, %s: %d %s", tt.kind, tt.proof, tt.keys, b.Status, b.Text("main"))
		}
		if c != nil && (b.Has("key") || c.JWKSURI == "" && c.JWKS.Keys[0].KeyID != "mine") {
			t.Errorf("%s: %+v", tt.keys, c.Metadata)
		}
	}
}
