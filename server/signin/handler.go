// Package signin is the page where people say who they are: by a password, a passkey, or a code mailed to them. Upstreams are offered
// on it (server/upstream), and so is a new account (server/signup). Begin with Handler.show.
package signin

import (
	"context"
	"encoding/json"
	"errors"

	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
	"signet/users/passkey"
	"signet/users/ticket"
)

// People is the part of *users.Service that the page uses.
type People interface {
	SignIn(ctx context.Context, a users.Attempt) (*users.Proof, error)
	SignupClosed() bool
	MailOn() bool
}

// Codes is the part of *users.Service that is about mailed codes.
type Codes interface {
	AskCode(ctx context.Context, typed, browser string, known func(userID string) string) error
	CheckCode(ctx context.Context, browser, code string) (*users.CodeProof, error)
	Guarded(ctx context.Context, typed string) (bool, error)
}

// Passkeys is the part of *passkey.Service that the page uses.
type Passkeys interface {
	BeginSignIn(ctx context.Context, browser string) (json.RawMessage, error)
	BeginFor(ctx context.Context, p ticket.Purpose, browser, userID string) (json.RawMessage, error)
	Check(ctx context.Context, p ticket.Purpose, browser, userID string, response []byte) (*passkey.Proof, error)
}

// Options of New.
type Options struct {
	Login   *login.Login
	Browser *browser.Browser
	Pages   *pages.Pages
	People  People
	Codes   Codes
	// Passkeys of the people. Nil = browsers offer none at this address.
	Passkeys Passkeys
	// MailedCode offers to sign in by a mailed code.
	MailedCode bool
	// Routed tells that addresses of some domain sign in at an upstream: the page asks for the name first.
	Routed bool
	// Seeded are the people of a test server, each of whom signs in by one click. Nil everywhere else.
	Seeded []Seeded
	// Count notes the outcome of a try by a way: "password", "passkey", "code". Nil counts nothing.
	Count func(way, outcome string)
}

// Seeded is somebody whose password everybody may use: they exist for tests.
type Seeded struct{ Name, Login, Password string }

// Handler answers the pages.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Login == nil || o.Browser == nil || o.Pages == nil || o.People == nil || o.Codes == nil {
		return nil, errors.New("signin needs login, browser, pages, people and codes")
	}
	if o.Count == nil {
		o.Count = func(string, string) {}
	}
	return &Handler{o}, nil
}

// The pages beside that of the step.
const (
	passkeyPath        = "/signin/passkey"
	passkeyOptionsPath = "/signin/passkey/options"
	codePath           = "/signin/code"
	codeCheckPath      = "/signin/code/check"
)

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /signin", h.show)
	m.Page("POST /signin", h.submit, web.Nothing)
	if h.Passkeys != nil {
		m.Page("POST "+passkeyPath, h.submitPasskey, web.Nothing)
		m.Page("POST "+passkeyOptionsPath, h.passkeyOptions, web.Nothing)
	}
	if h.MailedCode {
		m.Page("GET "+codePath, h.showCode)
	}
	if h.People.MailOn() { // also for those to whom a password alone does not suffice
		m.Page("POST "+codePath, h.askCode, web.Nothing)
		m.Page("POST "+codeCheckPath, h.checkCode, web.Nothing)
	}
}
