// Package authorize is the authorization endpoint (RFC 6749 section 3.1): start.go takes a request in, continue.go is where every
// step of a sign-in comes back to, respond.go answers the client, choose.go asks which account to go on with.
//
// What is valid is oauth/request's matter, the order of steps oauth/flow's, what bears on it server/login's, what has to be agreed to
// oauth/consent's. Begin with Handler.start.
package authorize

import (
	"context"
	"errors"
	"net/http"
	"time"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/request"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
)

// Provider makes grants.
type Provider interface {
	Prepare(ctx context.Context, a oauth.Authorization) (*oauth.Prepared, error)
	Grant(ctx context.Context, ready *oauth.Prepared) error
	SignAnswer(ctx context.Context, clientID string, params [][2]string) (string, error)
}

// Pushes are the requests that were pushed; *pushed.Requests.
type Pushes interface {
	// Begin notes that a sign-in was begun from one, Finish uses it up.
	Begin(ctx context.Context, id string, until time.Time) error
	Finish(ctx context.Context, id string) error
}

// Options of New.
type Options struct {
	Issuer   string
	Requests *request.Parser
	Provider Provider
	Pushes   Pushes
	Login    *login.Login
	Browser  *browser.Browser
	Pages    *pages.Pages
	App      func(ctx context.Context, clientID, redirectURI string) *pages.App
	// Unvouched reports whether nobody vouches for a client: it registered itself, by a metadata document or without any token. Nil = never.
	Unvouched func(ctx context.Context, c *clients.Client) (bool, error)
	// State is the browser state for apps that watch the session; "" = there is none. Nil = never.
	State func(w http.ResponseWriter, r *http.Request) string
	Tx    func(ctx context.Context, fn func(ctx context.Context) error) error
}

// Handler answers the endpoint and the pages that belong to it.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Requests == nil || o.Provider == nil || o.Pushes == nil || o.Login == nil || o.Browser == nil || o.Pages == nil || o.App == nil ||
		o.Tx == nil ||
		o.Issuer == "" {
		return nil, errors.New("authorize needs issuer, requests, provider, pushes, login, browser, pages, app and tx")
	}
	return &Handler{o}, nil
}

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.FramedPage("GET /oauth2/authorize", h.start) // prompt=none
	m.CrossSitePage("POST /oauth2/authorize",
		"OpenID Connect Core section 3.1.2.1: clients may POST; it only sends the browser on to the GET", h.startPost, web.Nothing)
	m.Page("GET /oauth2/continue", h.proceed)
	m.Page("GET /oauth2/return", h.giveBack)
	m.Page("GET /choose", h.choose)
	m.Page("POST /choose", h.chosen, web.Nothing)
}
