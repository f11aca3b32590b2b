// Package authorize is the room of the authorization endpoint (RFC 6749 section 3.1): start.go takes a request in, resume.go is
// the dispatcher every step comes back to, respond.go answers the client.
//
// It knows no other room: steps are addresses. What is valid is oauth/request's matter, the order of steps oauth/flow's, what
// has to be agreed to oauth/consent's. Begin with Handler.start.
package authorize

import (
	"context"
	"errors"
	"net/url"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/consent"
	"signet/oauth/flow"
	"signet/oauth/request"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
)

// Provider makes grants.
type Provider interface {
	Authorize(ctx context.Context, a oauth.Authorization) (url.Values, error)
}

// Consents remembers what was agreed to.
type Consents interface {
	Read(ctx context.Context, userID, clientID string) (storage.Consent, error)
}

// Options of New.
type Options struct {
	Issuer   string
	Requests *request.Parser
	Provider Provider
	Consents Consents
	Browser  *browser.Browser
	Pages    *pages.Pages
	App      func(ctx context.Context, clientID, redirectURI string) *pages.App
	Tx       func(ctx context.Context, fn func(ctx context.Context) error) error
	// TermsDue tells whether a person has to accept the terms of service first.
	TermsDue func(u storage.User) bool
	// Reachable is the strongest authentication context class in which a person can sign in (oauth/flow).
	Reachable func(ctx context.Context, userID string) (acr string, err error)
}

// Handler is the room.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Requests == nil || o.Provider == nil || o.Consents == nil || o.Browser == nil || o.Pages == nil || o.App == nil || o.Tx == nil ||
		o.Issuer == "" || o.Reachable == nil || o.TermsDue == nil {
		return nil, errors.New("authorize needs issuer, requests, provider, consents, browser, pages, app, tx, reachable and termsdue")
	}
	return &Handler{o}, nil
}

// Mount states the room's routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /oauth2/authorize", h.start)
	m.CrossSitePage("POST /oauth2/authorize", "OpenID Connect Core section 3.1.2.1: clients may POST; it only sends the browser on to the GET", h.startPost, web.Nothing)
	m.Page("GET /oauth2/continue", h.resume)
	m.Page("GET /choose", h.choose)
	m.Page("POST /choose", h.chosen, web.Nothing)
}

// state is a request on its way: who asks, who is here, what was agreed to.
type state struct {
	in       flow.Interaction
	client   *clients.Client
	visitor  *browser.Visitor
	question consent.Question
}
