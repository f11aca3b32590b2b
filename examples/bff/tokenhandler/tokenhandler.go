// Package tokenhandler keeps the tokens of a single-page app out of the browser, as "OAuth 2.0 for Browser-Based Applications" advises
// (its backend for frontend): this program is the confidential client, the page has a cookie that no script can read, and calls of APIs
// go through here, to the addresses that are named and no others. It is small, to be copied.
//
// Begin with New; Handler.Routes are the addresses under /bff that the page uses:
//
//	GET  /bff/login          sign in; then the browser is at "/" again
//	GET  /bff/me             who is signed in, as JSON; 401 where nobody is
//	POST /bff/logout         sign out, sent by a form
//	any  /bff/api/NAME/...   the API of that name, with the person's access token
//
// Who is signed in, and the APIs, want the header X-Requested-With, which no form and no other site's script can send.
package tokenhandler

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Options of New. All but Scopes and HTTP are required.
type Options struct {
	Issuer, ClientID, ClientSecret string
	Base                           string             // origin of this program, as the browser has it
	Scopes                         []string           // beside openid
	APIs                           map[string]url.URL // by name: what the page may call, and nothing else
	HTTP                           *http.Client       // to the issuer; nil = http.DefaultClient
}

const (
	// The prefix has the browser take them from this host alone, over TLS, for all paths.
	sessionCookie = "__Host-bff"
	loginCookie   = "__Host-bff-login" // of a sign-in on its way

	loginLife   = 10 * time.Minute
	sessionLife = 8 * time.Hour
	mostKept    = 10_000 // sessions and sign-ins on their way
	longestBody = 1 << 20
)

// header is what no form can send, and what another site's script may not send without being allowed to (which nobody is, here).
const header = "X-Requested-With"

// Handler answers the page. It is safe for concurrent use.
type Handler struct {
	o        Options
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	out      string // end_session_endpoint

	mu       sync.Mutex // guards what follows; a program of several replicas keeps it in a database, sealed
	logins   map[string]login
	sessions map[string]*session
}

type login struct {
	state, nonce, verifier string
	until                  time.Time
}

type session struct {
	subject string
	idToken string
	tokens  oauth2.TokenSource // refreshes by itself
	until   time.Time
}

// New asks the issuer for its metadata.
func New(ctx context.Context, o Options) (*Handler, error) {
	if o.Issuer == "" || o.ClientID == "" || o.ClientSecret == "" || o.Base == "" || len(o.APIs) == 0 {
		return nil, errors.New("tokenhandler: issuer, client, its secret (CLIENT_SECRET of the example), base and APIs are required")
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, o.HTTP), o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", o.Issuer, err)
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("read the metadata of %s: %w", o.Issuer, err)
	}
	return &Handler{o: o, verifier: provider.Verifier(&oidc.Config{ClientID: o.ClientID}), out: more.EndSession,
		logins: map[string]login{}, sessions: map[string]*session{},
		oauth: oauth2.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: provider.Endpoint(),
			RedirectURL: o.Base + "/bff/callback", Scopes: append([]string{oidc.ScopeOpenID}, o.Scopes...)}}, nil
}

// Routes are the addresses under /bff.
func (h *Handler) Routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bff/login", h.login)
	mux.HandleFunc("GET /bff/callback", h.callback)
	mux.HandleFunc("GET /bff/me", h.ours(h.me))
	mux.Handle("POST /bff/logout", http.NewCrossOriginProtection().Handler(http.HandlerFunc(h.logout)))
	mux.HandleFunc("/bff/api/{name}/", h.ours(h.api))
	return mux
}

// login leaves for the authorization server with fresh state, nonce and PKCE verifier.
func (h *Handler) login(w http.ResponseWriter, r *http.Request) {
	l := login{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), time.Now().Add(loginLife)}
	id := rand.Text()
	h.mu.Lock()
	sweep(h.logins, func(l login) time.Time { return l.until })
	h.logins[id] = l
	h.mu.Unlock()
	// Lax: the answer comes from another site. It is good for this one sign-in and nothing else.
	cookie(w, loginCookie, id, http.SameSiteLaxMode, loginLife)
	to := h.oauth.AuthCodeURL(l.state, oidc.Nonce(l.nonce), oauth2.S256ChallengeOption(l.verifier))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// callback takes the answer. The session has a name that nobody knew before.
func (h *Handler) callback(w http.ResponseWriter, r *http.Request) {
	s, err := h.complete(r)
	cookie(w, loginCookie, "", http.SameSiteLaxMode, -time.Second)
	if err != nil {
		http.Error(w, "sign-in failed: "+err.Error(), http.StatusBadRequest)
		return
	}
	id := rand.Text()
	h.mu.Lock()
	sweep(h.sessions, func(s *session) time.Time { return s.until })
	h.sessions[id] = s
	h.mu.Unlock()
	cookie(w, sessionCookie, id, http.SameSiteStrictMode, sessionLife)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (h *Handler) complete(r *http.Request) (*session, error) {
	q := r.URL.Query()
	c, err := r.Cookie(loginCookie)
	if err != nil {
		return nil, errors.New("no sign-in was started in this browser")
	}
	h.mu.Lock()
	l, found := h.logins[c.Value]
	delete(h.logins, c.Value) // once
	h.mu.Unlock()
	switch {
	case !found || time.Now().After(l.until) || q.Get("state") != l.state:
		return nil, errors.New("this answer does not belong to a sign-in started in this browser")
	case q.Get("iss") != h.o.Issuer: // RFC 9207
		return nil, errors.New("the answer is from another issuer")
	case q.Get("error") != "":
		return nil, errors.New("the sign-in was refused")
	}
	ctx := oidc.ClientContext(context.WithoutCancel(r.Context()), h.o.HTTP)
	token, err := h.oauth.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(l.verifier))
	if err != nil {
		return nil, errors.New("the code was refused")
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := h.verifier.Verify(ctx, raw)
	if err != nil || id.Nonce != l.nonce {
		return nil, errors.New("the ID token is not for this sign-in")
	}
	return &session{subject: id.Subject, idToken: raw, until: time.Now().Add(sessionLife),
		tokens: h.oauth.TokenSource(ctx, token)}, nil
}

// session of the cookie; nil = nobody is signed in.
func (h *Handler) session(r *http.Request) (id string, s *session) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s = h.sessions[c.Value]; s == nil || time.Now().After(s.until) {
		return "", nil
	}
	return c.Value, s
}

// ours lets the page's own requests through: they have the header, and a session.
func (h *Handler) ours(next func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		_, s := h.session(r)
		switch {
		case r.Header.Get(header) == "":
			http.Error(w, "the header "+header+" is missing", http.StatusForbidden)
		case s == nil:
			http.Error(w, "nobody is signed in", http.StatusUnauthorized)
		default:
			next(w, r, s)
		}
	}
}

// me tells the page who is signed in: no token, and nothing of one.
func (h *Handler) me(w http.ResponseWriter, _ *http.Request, s *session) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"sub": s.subject})
}

// logout ends the session here, then that of the authorization server (OpenID Connect RP-Initiated Logout).
func (h *Handler) logout(w http.ResponseWriter, r *http.Request) {
	id, s := h.session(r)
	if s == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	h.mu.Lock()
	delete(h.sessions, id)
	h.mu.Unlock()
	cookie(w, sessionCookie, "", http.SameSiteStrictMode, -time.Second)
	q := url.Values{"id_token_hint": {s.idToken}, "post_logout_redirect_uri": {h.o.Base + "/"}}
	http.Redirect(w, r, h.out+"?"+q.Encode(), http.StatusSeeOther)
}

// api passes a request on with the access token. The page's cookies stay here; so do the API's, and what it says about other origins.
func (h *Handler) api(w http.ResponseWriter, r *http.Request, s *session) {
	name := r.PathValue("name")
	to, known := h.o.APIs[name]
	rest := strings.TrimPrefix(r.URL.EscapedPath(), "/bff/api/"+name)
	if !known || strings.Contains(strings.ToLower(rest), "%2e") || strings.Contains(strings.ToLower(rest), "%2f") ||
		strings.Contains(rest, "..") || strings.Contains(strings.ToLower(rest), "%5c") {
		http.NotFound(w, r)
		return
	}
	token, err := s.tokens.Token()
	if err != nil {
		http.Error(w, "sign in again", http.StatusUnauthorized)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, longestBody)
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Path, p.Out.URL.RawPath = strings.TrimPrefix(p.In.URL.Path, "/bff/api/"+name), ""
			p.SetURL(&to)
			for _, own := range []string{"Cookie", "Authorization", "Origin", "Referer", header} {
				p.Out.Header.Del(own)
			}
			token.SetAuthHeader(p.Out)
		},
		ModifyResponse: func(res *http.Response) error {
			for name := range res.Header {
				if name == "Set-Cookie" || strings.HasPrefix(name, "Access-Control-") {
					res.Header.Del(name)
				}
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "the API did not answer", http.StatusBadGateway)
		},
	}
	proxy.ServeHTTP(w, r)
}

func cookie(w http.ResponseWriter, name, value string, site http.SameSite, life time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: site,
		MaxAge: int(life / time.Second)})
}

// sweep takes out what is over, and anything at all where there are too many: strangers may begin as many sign-ins as they like.
func sweep[V any](kept map[string]V, until func(V) time.Time) {
	now := time.Now()
	for id, v := range kept {
		if now.After(until(v)) {
			delete(kept, id)
		}
	}
	for id := range kept {
		if len(kept) < mostKept {
			return
		}
		delete(kept, id)
	}
}
