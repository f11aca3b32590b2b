package servertest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"signet/clients"
)

// App is a client of the server, made of golang.org/x/oauth2.
type App struct {
	clients.Metadata
	OAuth oauth2.Config

	s *Server
}

// App registers one: a server-side app with a secret, one redirect URI, code, refresh and client credentials, and the
// scopes openid, profile, email and offline_access. change may alter what is registered.
func (s *Server) App(t testing.TB, id string, change ...func(m *clients.Metadata)) *App {
	t.Helper()
	m := clients.Metadata{
		ClientID: id, ClientName: strings.ToUpper(id[:1]) + id[1:], ApplicationType: clients.Web,
		RedirectURIs: []string{"https://" + id + ".example/cb"},
		GrantTypes:   []string{clients.AuthorizationCode, clients.RefreshToken, clients.ClientCredentials},
		Scope:        "openid profile email offline_access",
	}
	for _, f := range change {
		f(&m)
	}
	made, err := s.Services().Clients.Create(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return s.Declared(made)
}

// Public is a change for App: a client without a secret.
func Public(m *clients.Metadata) {
	m.TokenEndpointAuthMethod = clients.MethodNone
	m.GrantTypes = []string{clients.AuthorizationCode, clients.RefreshToken}
}

// Declared is an app whose registration is known already, from the configuration for example.
func (s *Server) Declared(m clients.Metadata) *App {
	a := &App{Metadata: m, s: s, OAuth: oauth2.Config{
		ClientID: m.ClientID, ClientSecret: m.ClientSecret, Scopes: strings.Fields(m.Scope),
		Endpoint: oauth2.Endpoint{AuthURL: s.URL + "/oauth2/authorize", TokenURL: s.URL + "/oauth2/token", AuthStyle: oauth2.AuthStyleInHeader},
	}}
	if m.TokenEndpointAuthMethod == clients.MethodNone || m.TokenEndpointAuthMethod == clients.MethodPost {
		a.OAuth.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	if len(m.RedirectURIs) > 0 {
		a.OAuth.RedirectURL = m.RedirectURIs[0]
	}
	return a
}

// With is the same app asking for other scopes.
func (a *App) With(scopes ...string) *App {
	other := *a
	other.OAuth.Scopes = scopes
	return &other
}

// Request is an authorization request under way.
type Request struct {
	State, Nonce, Verifier string
	app                    *App
}

// Begin sends the browser to the authorization endpoint; afterwards it shows a page, or has landed at the app.
func (a *App) Begin(t testing.TB, b *Browser, more ...oauth2.AuthCodeOption) *Request {
	t.Helper()
	r := &Request{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), app: a}
	options := append([]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(r.Verifier), oidc.Nonce(r.Nonce)}, more...)
	b.Get(t, a.OAuth.AuthCodeURL(r.State, options...))
	return r
}

// Answer is what came back to the app, in the query or in a form_post page; it fails the test where the browser did not
// land there, or state or iss are wrong (RFC 9207).
func (r *Request) Answer(t testing.TB, b *Browser) url.Values {
	t.Helper()
	var got url.Values
	if form := b.FormWith("state"); b.Landed == nil && form != nil {
		got = form.Fields
	} else if b.Landed != nil {
		got = b.Landed.Query()
	}
	if got == nil {
		t.Fatalf("the browser is not back at the app but at %s (%d): %s", b.URL.Path, b.Status, b.Text("main"))
	}
	if got.Get("state") != r.State || got.Get("iss") != r.app.s.URL {
		t.Fatalf("state %q, iss %q in the answer", got.Get("state"), got.Get("iss"))
	}
	return got
}

// Code of the answer.
func (r *Request) Code(t testing.TB, b *Browser) string {
	t.Helper()
	got := r.Answer(t, b)
	if got.Get("code") == "" {
		t.Fatalf("no code but %s: %s", got.Get("error"), got.Get("error_description"))
	}
	return got.Get("code")
}

// Exchange trades the code in; TryExchange tells the error.
func (r *Request) Exchange(t testing.TB, code string) *oauth2.Token {
	t.Helper()
	tokens, err := r.TryExchange(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// TryExchange trades the code in.
func (r *Request) TryExchange(ctx context.Context, code string) (*oauth2.Token, error) {
	return r.app.OAuth.Exchange(r.app.Context(ctx), code, oauth2.VerifierOption(r.Verifier))
}

// Login goes all the way: signs in and allows where it is asked, exchanges the code, checks the ID token.
func (a *App) Login(t testing.TB, b *Browser, p Person, more ...oauth2.AuthCodeOption) *oauth2.Token {
	t.Helper()
	r := a.Begin(t, b, more...)
	if b.Landed == nil && b.Has("login-submit") {
		b.SignIn(t, p)
	}
	if b.Landed == nil && b.Has("consent-allow") {
		b.Allow(t)
	}
	tokens := r.Exchange(t, r.Code(t, b))
	if raw, ok := tokens.Extra("id_token").(string); ok {
		if id := a.IDToken(t, raw); id.Nonce != r.Nonce {
			t.Fatalf("nonce: got %q, want %q", id.Nonce, r.Nonce)
		}
	}
	return tokens
}

// Context carries the http.Client that reaches the server.
func (a *App) Context(ctx context.Context) context.Context { return oidc.ClientContext(ctx, a.s.HTTP) }

// IDToken verifies one through discovery and JWKS, with go-oidc.
func (a *App) IDToken(t testing.TB, raw string) *oidc.IDToken {
	t.Helper()
	ctx := a.Context(t.Context())
	provider, err := oidc.NewProvider(ctx, a.s.URL)
	if err != nil {
		t.Fatal(err)
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: a.ClientID}).Verify(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Refresh uses a refresh token; TryRefresh tells the error.
func (a *App) Refresh(t testing.TB, refreshToken string) *oauth2.Token {
	t.Helper()
	tokens, err := a.TryRefresh(t.Context(), refreshToken)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// TryRefresh uses a refresh token.
func (a *App) TryRefresh(ctx context.Context, refreshToken string) (*oauth2.Token, error) {
	return a.OAuth.TokenSource(a.Context(ctx), &oauth2.Token{RefreshToken: refreshToken}).Token()
}

// Refused wants err to be the token endpoint's refusal with that code.
func Refused(t testing.TB, err error, code string) {
	t.Helper()
	got, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || got.ErrorCode != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// Userinfo of an access token.
func (a *App) Userinfo(t testing.TB, accessToken string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.s.URL+"/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	status, claims := a.s.do(t, req)
	if status != http.StatusOK {
		t.Fatalf("userinfo answered %d %v", status, claims)
	}
	return claims
}

// Post sends a form to an endpoint with the app's credentials in the header and decodes the JSON answer.
func (a *App) Post(t testing.TB, path string, form url.Values) (status int, answer map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a.ClientSecret != "" {
		req.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.ClientSecret))
	}
	return a.s.do(t, req)
}

// do sends a request and decodes the JSON answer, if there is one.
func (s *Server) do(t testing.TB, req *http.Request) (status int, answer map[string]any) {
	t.Helper()
	res, err := s.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatalf("%s answered %d: %v in %q", req.URL.Path, res.StatusCode, err, body)
		}
	}
	return res.StatusCode, answer
}
