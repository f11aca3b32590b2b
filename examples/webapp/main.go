// Command webapp is a server-side web application that signs people in with Signet: authorization code + PKCE through
// golang.org/x/oauth2, the ID token checked with go-oidc.
//
// Environment: ISSUER (http://localhost:9400), CLIENT_ID (webapp), CLIENT_SECRET, LISTEN (localhost:9410),
// API (http://localhost:9420, asked for notes when its scope was granted).
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	listen := cmp.Or(os.Getenv("LISTEN"), "localhost:9410")
	app, err := newApp(context.Background(), settings{
		issuer: cmp.Or(os.Getenv("ISSUER"), "http://localhost:9400"), clientID: cmp.Or(os.Getenv("CLIENT_ID"), "webapp"),
		clientSecret: os.Getenv("CLIENT_SECRET"), base: "http://" + listen, api: cmp.Or(os.Getenv("API"), "http://localhost:9420"),
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("open http://%s", listen)
	server := &http.Server{Addr: listen, Handler: app.routes(), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

type settings struct{ issuer, clientID, clientSecret, base, api string }

// app holds one signed-in person per browser session; a real one would keep this in its database.
type app struct {
	settings
	oauth    oauth2.Config
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	endpoint struct {
		EndSession string `json:"end_session_endpoint"`
	}

	mu       sync.Mutex
	sessions map[string]*session
}

type session struct {
	state, nonce, verifier string // while signing in
	idToken                string
	claims                 struct {
		Subject string `json:"sub"`
		Name    string `json:"name"`
		Email   string `json:"email"`
	}
	tokens oauth2.TokenSource // refreshes by itself
}

func newApp(ctx context.Context, s settings) (*app, error) {
	provider, err := oidc.NewProvider(ctx, s.issuer)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", s.issuer, err)
	}
	a := &app{settings: s, provider: provider, sessions: map[string]*session{},
		verifier: provider.Verifier(&oidc.Config{ClientID: s.clientID})}
	if err := provider.Claims(&a.endpoint); err != nil {
		return nil, err
	}
	a.oauth = oauth2.Config{ClientID: s.clientID, ClientSecret: s.clientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: s.base + "/callback", Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess, "notes:read"}}
	return a, nil
}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET /login", a.login)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("GET /notes", a.notes)
	mux.HandleFunc("POST /logout", a.logout)
	return http.NewCrossOriginProtection().Handler(mux)
}

var page = template.Must(template.New("home").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Web app</title>
{{with .}}<h1>Hello {{or .Name .Email .Subject}}</h1><p><a href="/notes">Ask the API</a></p>
<form method="post" action="/logout"><button>Sign out</button></form>
{{else}}<h1>Web app</h1><p><a href="/login">Sign in</a></p>{{end}}`))

func (a *app) home(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	s := a.session(r)
	if s == nil || s.tokens == nil {
		_ = page.Execute(w, nil)
		return
	}
	_ = page.Execute(w, s.claims)
}

// login leaves for Signet with fresh state, nonce and PKCE verifier (RFC 9700 section 2.1).
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	s := &session{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	id := rand.Text()
	a.mu.Lock()
	a.sessions[id] = s
	a.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "webapp", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	to := a.oauth.AuthCodeURL(s.state, oidc.Nonce(s.nonce), oauth2.S256ChallengeOption(s.verifier))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	s := a.session(r)
	if err := a.complete(r, s); err != nil {
		http.Error(w, "sign-in failed: "+err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) complete(r *http.Request, s *session) error {
	q := r.URL.Query()
	switch {
	case s == nil || s.state == "" || q.Get("state") != s.state:
		return errors.New("this answer does not belong to a sign-in started in this browser")
	case q.Get("iss") != a.issuer: // RFC 9207: the answer is from the server we asked
		return fmt.Errorf("answer from another issuer: %q", q.Get("iss"))
	case q.Get("error") != "":
		return fmt.Errorf("%s: %s", q.Get("error"), q.Get("error_description"))
	}
	token, err := a.oauth.Exchange(r.Context(), q.Get("code"), oauth2.VerifierOption(s.verifier))
	if err != nil {
		return err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := a.verifier.Verify(r.Context(), raw)
	if err != nil {
		return err
	}
	if id.Nonce != s.nonce {
		return errors.New("the ID token has another nonce")
	}
	s.state, s.idToken = "", raw
	s.tokens = a.oauth.TokenSource(context.WithoutCancel(r.Context()), token)
	return a.readClaims(r.Context(), s)
}

// readClaims asks userinfo: beside an access token, the ID token carries no profile (OpenID Connect Core section 5.4).
func (a *app) readClaims(ctx context.Context, s *session) error {
	info, err := a.provider.UserInfo(ctx, s.tokens)
	if err != nil {
		return err
	}
	return info.Claims(&s.claims)
}

// notes calls the API with an access token, refreshed when it has expired.
func (a *app) notes(w http.ResponseWriter, r *http.Request) {
	s := a.session(r)
	if s == nil || s.tokens == nil {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	res, err := oauth2.NewClient(r.Context(), s.tokens).Get(a.api + "/notes")
	if err != nil {
		http.Error(w, "the API did not answer: "+err.Error(), http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, io.LimitReader(res.Body, 1<<20))
}

// logout ends the local session, then Signet's (OpenID Connect RP-Initiated Logout).
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	s := a.session(r)
	c, err := r.Cookie("webapp")
	if err != nil || s == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	a.mu.Lock()
	delete(a.sessions, c.Value)
	a.mu.Unlock()
	q := url.Values{"id_token_hint": {s.idToken}, "post_logout_redirect_uri": {a.base + "/"}}
	http.Redirect(w, r, a.endpoint.EndSession+"?"+q.Encode(), http.StatusSeeOther)
}

func (a *app) session(r *http.Request) *session {
	c, err := r.Cookie("webapp")
	if err != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sessions[c.Value]
}
