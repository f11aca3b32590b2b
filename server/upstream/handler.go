// Package upstream is where people come back from an upstream: the callback, the form for a new account, the question whether to link
// an identity, and what upstreams send server to server. Its buttons are on other pages (server/login). Begin with Handler.callback.
package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation"
	"signet/users/session"
)

// Callbacks is the part of *federation.Service that takes what came to a callback.
type Callbacks interface {
	Complete(ctx context.Context, upstreamID, browser string, callback url.Values) (federation.Callback, error)
	Known(ctx context.Context, a federation.Callback) (storage.User, error)
	How(a federation.Callback, who storage.User) (session.How, error)
	ParkIdentity(ctx context.Context, a federation.Callback) (federation.PendingIdentity, error)
	AfterLogout(ctx context.Context, secret, browser string) (back string, err error)
}

// Identities is the part of *federation.Service about identities that wait for their person to decide.
type Identities interface {
	Pending(ctx context.Context, id, browser string) (federation.PendingIdentity, error)
	Suggest(k federation.PendingIdentity) (name, email string)
	Join(ctx context.Context, k federation.PendingIdentity, r users.Registration) (who storage.User, mailed bool, err error)
	Discard(ctx context.Context, k federation.PendingIdentity) error
}

// Links is the part of *federation.Service that links identities to accounts.
type Links interface {
	Link(ctx context.Context, permit factor.Permit, who storage.User, a federation.Callback) error
	LinkPending(ctx context.Context, permit factor.Permit, who storage.User, k federation.PendingIdentity) error
}

// Notifications is the part of *federation.Service that takes what upstreams send server to server.
type Notifications interface {
	Logout(ctx context.Context, upstreamID, raw string) error
	Deauthorize(ctx context.Context, upstreamID, raw string) error
	Delete(ctx context.Context, upstreamID, raw string) (code string, err error)
	Deletion(ctx context.Context, code string) (federation.Deletion, error)
}

// Rules is the part of *users.Service that says how an account is made.
type Rules interface {
	MailOn() bool
	MinPassword() int
	Terms() string
}

// Options of New.
type Options struct {
	Login         *login.Login
	Browser       *browser.Browser
	Pages         *pages.Pages
	Rules         Rules
	Callbacks     Callbacks
	Identities    Identities
	Links         Links
	Notifications Notifications
	Issuer        string // the iss, for addresses that upstreams are told
	// Count notes the outcome of a try by a way: "upstream google". Nil counts nothing.
	Count func(way, outcome string)
}

// Handler answers the pages.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Login == nil || o.Browser == nil || o.Pages == nil || o.Rules == nil || o.Callbacks == nil || o.Identities == nil || o.Links == nil ||
		o.Notifications == nil {
		return nil, errors.New("upstream needs login, browser, pages, rules, callbacks, identities, links and notifications")
	}
	if o.Count == nil {
		o.Count = func(string, string) {}
	}
	return &Handler{o}, nil
}

const (
	one         = login.WithPath + "{upstream}"
	connectPath = "/signin/connect"
	loginsPath  = "/account/logins"

	formPostCause = "OAuth 2.0 Form Post Response Mode: upstreams may POST their answer; it only sends the browser on to the GET"
)

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("POST "+one, h.begin, web.Nothing)
	m.Page("GET "+one+"/callback", h.callback, web.LinkedLogin, web.EmailAddress)
	m.CrossSitePage("POST "+one+"/callback", formPostCause, h.callbackByForm, web.Nothing)
	m.Page("GET "+one+"/new", h.showNew)
	m.Page("POST "+one+"/new", h.join, web.LinkedLogin, web.EmailAddress)
	m.Page("GET "+connectPath, h.showConnect)
	m.Page("POST "+connectPath, h.connect, web.LinkedLogin, web.EmailAddress)
	m.Page("GET "+login.WithPath+"signed-out", h.signedOut)
	m.API("POST "+one+"/logout", web.NoCORS, h.backChannelLogout, web.Nothing)
	m.API("POST "+one+"/deauthorize", web.NoCORS, h.deauthorize, web.LinkedLogin)
	m.API("POST "+one+"/deletion", web.NoCORS, h.deletion, web.LinkedLogin, web.TrustedBrowser)
	m.Page("GET "+one+"/deletion", h.showDeletion)
}

// begin is the answer of an upstream's button.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	return h.Login.ToUpstream(w, r, s, federation.LoginRequest{
		Upstream: r.PathValue("upstream"), LoginHint: login.Typed(r, "username", login.MaxLogin), Remember: r.PostForm.Get("remember") != "",
		Invitation: login.Secret(r.PostForm.Get("t")),
	})
}

// ownFragment is an answer whose redirect has a fragment of its own, an empty one: browsers carry the fragment of a callback's address
// (Facebook puts one there) from redirect to redirect until one has its own, and so into the app's address.
type ownFragment struct{ http.ResponseWriter }

// WriteHeader puts it there.
func (w ownFragment) WriteHeader(status int) {
	if to := w.Header().Get("Location"); to != "" && !strings.Contains(to, "#") {
		w.Header().Set("Location", to+"#")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w ownFragment) Unwrap() http.ResponseWriter { return w.ResponseWriter }
