package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/server/servertest"
)

// ask introspects as the app and gives back the media type and the body.
func ask(t *testing.T, s *servertest.Server, app *servertest.App, token, accept string) (media, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/oauth2/introspect",
		strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	req.SetBasicAuth(app.ClientID, app.ClientSecret)
	res, err := s.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s %v", res.StatusCode, raw, err)
	}
	return res.Header.Get("Content-Type"), string(raw)
}

func TestIntrospection_AsJWT(t *testing.T) { // RFC 9701
	s := servertest.New(t, servertest.HandlerOnly())
	app := s.App(t, "shop")
	es := s.App(t, "es", func(m *clients.Metadata) { m.IntrospectionSignedResponseAlg = "ES256" })
	got := app.Login(t, s.Browser(t), s.Person(t, "ada@example.com"))
	res, err := s.HTTP.Get(s.URL + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(res.Body).Decode(&keys); err != nil {
		t.Fatal(err)
	}
	const jwt = "application/token-introspection+jwt"
	for name, tt := range map[string]struct {
		app    *servertest.App
		token  string
		alg    jose.SignatureAlgorithm
		active bool
	}{
		"active": {app, got.AccessToken, jose.RS256, true}, "refresh token": {app, got.RefreshToken, jose.RS256, true},
		"not a token": {app, "x", jose.RS256, false}, "another's": {es, got.AccessToken, jose.ES256, false},
	} {
		media, body := ask(t, s, tt.app, tt.token, jwt)
		sig, err := jose.ParseSignedCompact(body, []jose.SignatureAlgorithm{tt.alg})
		if media != jwt || err != nil {
			t.Fatalf("%s: %s %s: %v", name, media, body, err)
		}
		head := sig.Signatures[0].Protected
		payload, err := sig.Verify(keys.Key(head.KeyID)[0])
		if err != nil || head.ExtraHeaders[jose.HeaderType] != "token-introspection+jwt" {
			t.Fatalf("%s: %+v: %v", name, head, err)
		}
		var claims map[string]any
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		told, _ := claims["token_introspection"].(map[string]any)
		if claims["iss"] != s.URL || claims["aud"] != tt.app.ClientID || claims["iat"] == nil || claims["sub"] != nil || claims["exp"] != nil ||
			told["active"] != tt.active || !tt.active && len(told) != 1 {
			t.Errorf("%s: %v", name, claims)
		}
		if told := plainly(t, s, tt.app, body); told["active"] != false { // section 8.1: it is no token
			t.Errorf("%s: the answer itself is taken for a token: %v", name, told)
		}
	}
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "application/json": "application/json", "application/*": "application/json",
		jwt + ";q=0": "application/json",
		"application/json;q=0.5, " + jwt + ";q=0.9": jwt, strings.ToUpper(jwt): jwt, "x, " + jwt: jwt,
	} {
		if media, _ := ask(t, s, app, got.AccessToken, accept); !strings.HasPrefix(media, want) {
			t.Errorf("Accept %q: %s", accept, media)
		}
	}
}

func plainly(t *testing.T, s *servertest.Server, app *servertest.App, token string) (told map[string]any) {
	t.Helper()
	_, body := ask(t, s, app, token, "")
	if err := json.Unmarshal([]byte(body), &told); err != nil {
		t.Fatal(err)
	}
	return told
}
