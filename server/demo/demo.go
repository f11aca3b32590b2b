// Package demo is a small app inside Signet, for the local trial only: it runs the authorization code flow with PKCE against
// the server it lives in, as any app would with golang.org/x/oauth2 and go-oidc, and shows the decoded tokens.
//
// It is a handler like any other and yet knows nothing of the inside: it talks to the public endpoints through an ordinary
// http.Client. What it remembers is in memory, bounded, and bound to the browser by a cookie of its own. server mounts it,
// and registers its client, only while no issuer is configured. Begin with Handler.
package demo

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/oauth2"

	"signet/server/pages"
	"signet/server/web"
)

// ClientID of the demo app.
const ClientID = "demo"

// Scope it asks for.
const Scope = "openid profile email"

const (
	trials   = 256 // browsers remembered at once
	lifetime = 30 * time.Minute
)

// Options of New.
type Options struct {
	Issuer *url.URL
	HTTP   *http.Client // reaches the public endpoints
	Pages  *pages.Pages
	Log    *slog.Logger
}

// Handler serves /demo.
type Handler struct {
	o      Options
	config oauth2.Config
	logout string
	seen   *lru.Cache[string, *trial]
}

// trial is one browser's try.
type trial struct {
	mu              sync.Mutex
	state, verifier string
	nonce           string
	tokens          *oauth2.Token
	refreshed       int
	at              time.Time
}

// New makes the handler.
func New(o Options) (*Handler, error) {
	seen, err := lru.New[string, *trial](trials)
	if err != nil {
		return nil, err
	}
	base := o.Issuer.String()
	return &Handler{o: o, seen: seen, logout: base + "/oauth2/logout", config: oauth2.Config{
		ClientID:    ClientID,
		Endpoint:    oauth2.Endpoint{AuthURL: base + "/oauth2/authorize", TokenURL: base + "/oauth2/token", AuthStyle: oauth2.AuthStyleInParams},
		RedirectURL: RedirectURI(o.Issuer),
		Scopes:      []string{"openid", "profile", "email"},
	}}, nil
}

// RedirectURI of the demo client.
func RedirectURI(issuer *url.URL) string { return issuer.String() + "/demo/callback" }

// HomeURI is where the demo begins and signing out ends.
func HomeURI(issuer *url.URL) string { return issuer.String() + "/demo" }

// Mount states the routes.
func (r *Handler) Mount(m *web.Mux) {
	m.Page("GET /demo", r.home)
	m.Page("GET /demo/start", r.start)
	m.Page("GET /demo/callback", r.callback)
	m.Page("GET /demo/tokens", r.show)
	m.Page("POST /demo/refresh", r.refresh, web.Nothing)
}

// start sends the browser to the authorization endpoint (RFC 6749 section 4.1.1, RFC 7636 section 4.3).
func (r *Handler) start(w http.ResponseWriter, req *http.Request) error {
	t := &trial{state: rand.Text(), verifier: oauth2.GenerateVerifier(), nonce: rand.Text(), at: time.Now()}
	id := rand.Text()
	r.seen.Add(id, t)
	http.SetCookie(w, &http.Cookie{
		Name: r.cookie(), Value: id, Path: r.o.Issuer.Path + "/demo", HttpOnly: true,
		Secure: r.o.Issuer.Scheme == "https", SameSite: http.SameSiteLaxMode, MaxAge: int(lifetime.Seconds()),
	})
	return web.Redirect(w, req, r.config.AuthCodeURL(t.state, oauth2.S256ChallengeOption(t.verifier), oidc.Nonce(t.nonce)))
}

// callback takes the answer: checks state, exchanges the code, checks the ID token (OpenID Connect Core section 3.1.3.7).
func (r *Handler) callback(w http.ResponseWriter, req *http.Request) error {
	t := r.trial(req)
	q := req.URL.Query()
	switch {
	case t == nil, subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(t.state)) == 0:
		return &web.PageError{Status: http.StatusBadRequest, Kind: "expired", Back: HomeURI(r.o.Issuer)}
	case q.Get("error") != "":
		return r.o.Pages.Render(w, req, http.StatusOK, r.beginning(q.Get("error")))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tokens == nil { // a reloaded page must not spend the code twice
		ctx := r.client(req.Context())
		tokens, err := r.config.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(t.verifier))
		if err != nil {
			return fmt.Errorf("exchange the demo's code: %w", err)
		}
		if _, err := r.verified(ctx, tokens, t.nonce); err != nil {
			return err
		}
		t.tokens = tokens
	}
	return web.Redirect(w, req, HomeURI(r.o.Issuer)+"/tokens")
}

// refresh trades the refresh token for new ones (RFC 6749 section 6).
func (r *Handler) refresh(w http.ResponseWriter, req *http.Request) error {
	t := r.trial(req)
	if t == nil {
		return web.Redirect(w, req, HomeURI(r.o.Issuer))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tokens == nil {
		return web.Redirect(w, req, HomeURI(r.o.Issuer))
	}
	old := &oauth2.Token{RefreshToken: t.tokens.RefreshToken}
	tokens, err := r.config.TokenSource(r.client(req.Context()), old).Token()
	if err != nil {
		r.o.Log.InfoContext(req.Context(), "the demo's refresh was refused", "error", err)
		t.tokens = nil
		return r.o.Pages.Render(w, req, http.StatusOK, r.beginning("invalid_grant"))
	}
	t.tokens = tokens
	t.refreshed++
	return web.Redirect(w, req, HomeURI(r.o.Issuer)+"/tokens")
}

// verified checks the ID token of a token answer.
func (r *Handler) verified(ctx context.Context, tokens *oauth2.Token, nonce string) (*oidc.IDToken, error) {
	provider, err := oidc.NewProvider(ctx, r.o.Issuer.String())
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) == 0 {
		return nil, fmt.Errorf("demo: the ID token's nonce is another one")
	}
	return id, nil
}

func (r *Handler) client(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, r.o.HTTP)
}

// trial of this browser; nil if it has none or it is too old.
func (r *Handler) trial(req *http.Request) *trial {
	c, err := req.Cookie(r.cookie())
	if err != nil {
		return nil
	}
	t, ok := r.seen.Get(c.Value)
	if !ok || time.Since(t.at) > lifetime {
		return nil
	}
	return t
}

// cookie carries the port, because cookies are shared by all ports of a host.
func (r *Handler) cookie() string { return "signet_" + r.o.Issuer.Port() + "_demo" }
