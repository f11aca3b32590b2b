package server_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/oauth/clientauth"
	"signet/oauth/tokens"
	"signet/server/servertest"
)

// signedKinds is a server that signs every kind of JWT there is, and one of each for the same person and app.
type signedKinds struct {
	*testing.T
	*servertest.Server
	app, api, counter *servertest.App
	of                map[string]string
}

func newKinds(t *testing.T) *signedKinds {
	t.Helper()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.YAML(`
registration: {mode: open}
resources: [{identifier: "https://api.example.com/", name: API, scopes: ["api:read"], exchanged_by: [api]}]
id_jag: {issue: true}
`))
	k := &signedKinds{T: t, Server: s, of: map[string]string{}}
	k.app = s.App(t, "shop", func(m *clients.Metadata) {
		m.Scope += " api:read"
		m.UserinfoSignedResponseAlg, m.PostLogoutRedirectURIs = "RS256", []string{"https://shop.example/bye"}
	})
	k.api = s.App(t, "api", func(m *clients.Metadata) {
		m.RedirectURIs, m.Scope = nil, "api:read"
		m.GrantTypes = []string{clients.TokenExchange, clients.JWTBearer}
		m.Exchange = &clients.Exchange{SubjectsFrom: []string{"*"}, Targets: []string{"https://api.example.com/"}, Scopes: []string{"api:read"}}
	})
	k.counter = s.App(t, "counter", atCounter)
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	api := k.app.With("api:read").Login(t, b, ada, oauth2.SetAuthURLParam("resource", "https://api.example.com/"))
	k.of["access token of an API"] = api.AccessToken
	got := k.app.With("openid", "profile", "email", "offline_access").Login(t, b, ada)
	k.of["access token"], k.of["refresh token"], k.of["ID token"] = got.AccessToken, got.RefreshToken, got.Extra("id_token").(string)
	_, k.of["userinfo"] = k.read(http.MethodGet, "/userinfo", "Bearer "+got.AccessToken, "", nil)
	_, k.of["introspection"] = ask(t, s, k.app, got.AccessToken, "application/token-introspection+jwt")
	b.Get(t, "/oauth2/authorize?"+k.request(url.Values{"response_mode": {"jwt"}}).Encode())
	if b.Landed == nil {
		t.Fatalf("at %s", b.URL)
	}
	k.of["signed answer"] = b.Landed.Query().Get("response")

	id := k.app.IDToken(t, k.of["ID token"])
	issuer, err := tokens.New(s.URL, s.Services().Keys, tokens.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, sign := range map[string]func() (string, error){
		"logout token": func() (string, error) {
			return issuer.SignLogout("", tokens.Logout{Subject: id.Subject, Audience: tokens.Audience{"shop"}, IssuedAt: now.Unix(),
				ExpiresAt: now.Add(time.Minute).Unix(), JTI: "j", SessionID: "s"})
		},
		"identity assertion grant": func() (string, error) {
			return issuer.SignIDJAG("", tokens.IDJAG{Subject: id.Subject, Audience: s.URL, ClientID: "shop", JTI: "j", IssuedAt: now.Unix(),
				ExpiresAt: now.Add(time.Minute).Unix()})
		},
		"status list": func() (string, error) {
			return issuer.SignStatus(map[string]any{"iss": s.URL, "sub": id.Subject, "aud": "shop", "iat": now.Unix(),
				"exp": now.Add(time.Minute).Unix()})
		},
	} {
		if k.of[name], err = sign(); err != nil {
			t.Fatal(err)
		}
	}
	for name, token := range k.of {
		if strings.Count(token, ".") != 2 {
			t.Fatalf("%s is no JWT: %q", name, token)
		}
	}
	return k
}

// request is an authorization request of the app's.
func (k *signedKinds) request(more url.Values) url.Values {
	q := url.Values{"client_id": {"shop"}, "response_type": {"code"}, "scope": {"openid profile email offline_access"}, "nonce": {"n"},
		"redirect_uri": {k.app.RedirectURIs[0]}, "prompt": {"none"}}
	maps.Copy(q, more)
	return q
}

// read sends one request with a credential in the header, and gives back its answer.
func (k *signedKinds) read(method, path, authorization, kind string, body io.Reader) (status int, text string) {
	k.Helper()
	req, err := http.NewRequestWithContext(k.Context(), method, k.URL+path, body)
	if err != nil {
		k.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := k.HTTP.Do(req)
	if err != nil {
		k.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		k.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

// form posts a form as an app, and reports whether that was taken.
func form(app *servertest.App, path string, pairs ...string) func(k *signedKinds, token string) bool {
	return func(k *signedKinds, token string) bool {
		k.Helper()
		q := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			q.Set(pairs[i], strings.ReplaceAll(pairs[i+1], "TOKEN", token))
		}
		status, got := app.Post(k.T, path, q)
		return status < 300 && got["active"] != false
	}
}

// bearer shows it in the header.
func bearer(method, path, kind, body string) func(k *signedKinds, token string) bool {
	return func(k *signedKinds, token string) bool {
		k.Helper()
		status, _ := k.read(method, path, "Bearer "+token, kind, strings.NewReader(body))
		return status < 300
	}
}

// jwtPlace takes a JWT.
type jwtPlace struct {
	takes string // the kinds that belong there; "" = none of ours
	take  func(k *signedKinds, token string) bool
}

// places are all of them.
func (k *signedKinds) places() map[string]jwtPlace {
	const kind = "urn:ietf:params:oauth:token-type:"
	exchange := func(of string) func(k *signedKinds, token string) bool {
		return form(k.api, "/oauth2/token", "grant_type", clients.TokenExchange, "subject_token", "TOKEN", "subject_token_type", kind+of,
			"resource", "https://api.example.com/")
	}
	introspected := form(k.app, "/oauth2/introspect", "token", "TOKEN")
	hinted := func(k *signedKinds, token string) bool {
		b := k.Browser(k.T).Get(k.T, "/oauth2/authorize?"+k.request(url.Values{"id_token_hint": {token}}).Encode())
		why := b.Landed.Query().Get("error_description")
		return !strings.Contains(why, "id_token_hint")
	}
	signOut := func(k *signedKinds, token string) bool {
		b := k.Browser(k.T).Get(k.T, "/oauth2/logout?"+
			url.Values{"id_token_hint": {token}, "post_logout_redirect_uri": {"https://shop.example/bye"}}.Encode())
		return b.Landed != nil
	}
	object := func(k *signedKinds, token string) bool {
		b := k.Browser(k.T).Get(k.T, "/oauth2/authorize?"+k.request(url.Values{"request": {token}}).Encode())
		return b.Landed == nil || b.Landed.Query().Get("error") != "invalid_request_object"
	}
	inBody := func(k *signedKinds, token string) bool {
		status, _ := k.read(http.MethodPost, "/userinfo", "", "application/x-www-form-urlencoded",
			strings.NewReader(url.Values{"access_token": {token}}.Encode()))
		return status < 300
	}
	proof := func(k *signedKinds, token string) bool {
		req, err := http.NewRequestWithContext(k.Context(), http.MethodPost, k.URL+"/oauth2/token",
			strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "scope": {"profile"}}.Encode()))
		if err != nil {
			k.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("DPoP", token)
		req.SetBasicAuth(k.app.ClientID, k.app.ClientSecret)
		res, err := k.HTTP.Do(req)
		if err != nil {
			k.Fatal(err)
		}
		defer res.Body.Close()
		var got map[string]any
		return json.NewDecoder(res.Body).Decode(&got) != nil || got["error"] != "invalid_dpop_proof"
	}
	statement := func(k *signedKinds, token string) bool {
		body, err := json.Marshal(map[string]any{"redirect_uris": []string{"https://x.example/cb"}, "software_statement": token})
		if err != nil {
			k.Fatal(err)
		}
		status, _ := k.read(http.MethodPost, "/oauth2/register", "", "application/json", strings.NewReader(string(body)))
		return status < 300
	}
	return map[string]jwtPlace{
		"userinfo":                      {"access token", bearer(http.MethodGet, "/userinfo", "", "")},
		"userinfo, in the body":         {"access token", inBody},
		"introspection":                 {"access token, access token of an API, refresh token", introspected},
		"subject of an exchange":        {"access token of an API", exchange("access_token")},
		"subject of an exchange, an ID": {"", exchange("id_token")}, // of another app
		"subject of an exchange, a JWT": {"access token of an API", exchange("jwt")},
		"assertion of a person":         {"", form(k.api, "/oauth2/token", "grant_type", clients.JWTBearer, "assertion", "TOKEN")},
		"code":                          {"", form(k.app, "/oauth2/token", "grant_type", "authorization_code", "code", "TOKEN")},
		"hint of an authorization":      {"ID token", hinted},
		"hint of a sign-out":            {"ID token", signOut},
		"hint of a person elsewhere":    {"", form(k.counter, "/oauth2/bc-authorize", "scope", "openid", "id_token_hint", "TOKEN")},
		"token of a hint":               {"", form(k.counter, "/oauth2/bc-authorize", "scope", "openid", "login_hint_token", "TOKEN")},
		"request object":                {"", object},
		"request object, pushed":        {"", form(k.app, "/oauth2/par", "request", "TOKEN")},
		"proof of a key":                {"", proof},
		"registration":                  {"", bearer(http.MethodGet, "/oauth2/register/shop", "", "")},
		"software statement":            {"", statement},
		"administration":                {"", bearer(http.MethodGet, "/api/admin/clients", "", "")},
		"administration by tools":       {"", bearer(http.MethodPost, "/api/admin/mcp", "application/json", `{}`)},
		"assertion of an app, in a form": {"", form(k.counter, "/oauth2/token", "grant_type", "client_credentials",
			"client_assertion_type", clientauth.AssertionType, "client_assertion", "TOKEN")},
		"refresh": {"refresh token", form(k.app, "/oauth2/token", "grant_type", "refresh_token", "refresh_token", "TOKEN")},
	}
}

// TestK04_EveryKindCountsInItsOwnPlaceOnly: each JWT that this server signs, shown in each place that takes one, counts where it belongs
// and nowhere else (RFC 8725 section 3.11). Whoever adds a kind or a place adds a line.
func TestK04_EveryKindCountsInItsOwnPlaceOnly(t *testing.T) {
	k := newKinds(t)
	for place, p := range k.places() {
		for _, name := range slices.Sorted(maps.Keys(k.of)) {
			want := slices.Contains(strings.Split(p.takes, ", "), name)
			if got := p.take(k, k.of[name]); got != want {
				t.Errorf("%s as %s: taken is %t", name, place, got)
			}
		}
	}
	if status, _ := k.app.Post(t, "/oauth2/revoke", url.Values{"token": {k.of["ID token"]}}); status != http.StatusOK {
		t.Errorf("revocation of what is none: %d", status)
	}
	if status, _ := k.read(http.MethodGet, "/userinfo", "Bearer "+k.of["access token"], "", nil); status != http.StatusOK {
		t.Errorf("the ID token revokes the access token: %d", status)
	}
}
