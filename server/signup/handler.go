// Package signup is where people make an account: by the form, with a password or a passkey, by the link that verifies their address,
// or by an invitation. Who comes from an upstream fills in another form (server/upstream), and verifies their address here. Begin
// with Handler.show.
package signup

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/federation"
	"signet/users/passkey"
	"signet/users/password"
	"signet/users/session"
)

// Accounts is the part of *users.Service that makes accounts.
type Accounts interface {
	CreateAccount(ctx context.Context, r users.Registration) (storage.User, error)
	RequestAccount(ctx context.Context, r users.Registration, browser, interaction string) error
	CheckRegistration(ctx context.Context, r users.Registration) error
	LookSignup(ctx context.Context, secret string) (users.Pending, error)
	LookInvitation(ctx context.Context, secret string) (users.Invitation, error)
}

// Rules is the part of *users.Service that says who may make an account, and how.
type Rules interface {
	SignupClosed() bool
	MailOn() bool
	MinPassword() int
	Terms() string
}

// Passkeys is the part of *passkey.Service that makes one for an account that is still to be made.
type Passkeys interface {
	BeginSignUp(ctx context.Context, browser string, of passkey.Whose) (json.RawMessage, error)
	SignUp(ctx context.Context, browser string, response []byte) (*passkey.Made, error)
}

// Upstreams is the part of *federation.Service that makes the account of somebody who came from one and has verified their address.
type Upstreams interface {
	Prove(ctx context.Context, secret string, p users.Pending, browser string) (storage.User, federation.Callback, error)
	How(a federation.Callback, who storage.User) (session.How, error)
}

// Options of New.
type Options struct {
	Login    *login.Login
	Browser  *browser.Browser
	Pages    *pages.Pages
	Accounts Accounts
	Rules    Rules
	// Passkeys of the people. Nil = browsers offer none at this address.
	Passkeys Passkeys
	// Upstreams that people may come from; nil = none.
	Upstreams Upstreams
	// Count notes the outcome of a try by a way: "passkey", "upstream google". Nil counts nothing.
	Count func(way, outcome string)
}

// Handler answers the pages.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Login == nil || o.Browser == nil || o.Pages == nil || o.Accounts == nil || o.Rules == nil {
		return nil, errors.New("signup needs login, browser, pages, accounts and rules")
	}
	if o.Count == nil {
		o.Count = func(string, string) {}
	}
	return &Handler{o}, nil
}

// The pages.
const (
	formPath          = "/signup"
	passkeyPath       = "/signup/passkey"
	optionsPath       = "/signup/passkey/options"
	verifyPath        = "/verify"
	verifyPasskeyPath = "/verify/passkey"
	verifyOptionsPath = "/verify/passkey/options"
	joinPath          = "/join"
)

// Mount states the routes. Opening a mailed link shows a page with a button and uses nothing up, because mail scanners open links
// too (rule C03).
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET "+formPath, h.show)
	m.Page("POST "+formPath, h.signUp, web.Password, web.EmailAddress)
	m.Page("GET "+verifyPath, h.showVerify)
	m.Page("POST "+verifyPath, h.verify, web.Password, web.LinkedLogin, web.EmailAddress)
	m.Page("GET "+joinPath, h.showJoin)
	m.Page("POST "+joinPath, h.join, web.Password, web.EmailAddress)
	if h.Passkeys == nil {
		return
	}
	m.Page("POST "+passkeyPath, h.signUpPasskey, web.Passkey, web.EmailAddress)
	if h.Rules.MailOn() {
		m.Page("POST "+verifyPasskeyPath, h.verifyWithPasskey, web.Passkey, web.EmailAddress)
		m.Page("POST "+verifyOptionsPath, h.verifyOptions, web.Nothing)
	} else {
		m.Page("POST "+optionsPath, h.passkeyOptions, web.Nothing)
	}
}

// plain is a sign-in for nothing in particular.
func plain() *login.State {
	return &login.State{In: flow.Interaction{Purpose: flow.PurposeAccount}}
}

// closed is the page where people cannot register.
func (h *Handler) closed(s *login.State) error {
	return &web.PageError{Status: http.StatusForbidden, Kind: "signup_closed", Back: h.Login.Path(flow.SignIn, s.In)}
}

// maxField is how much of a typed field is shown again, in bytes.
const maxField = 1024

// typed is the form as it was filled in, but for the password.
func typed(r *http.Request) pages.SignUp {
	return pages.SignUp{
		Name: login.Typed(r, "name", maxField), Email: login.Typed(r, "username", maxField), Username: login.Typed(r, "handle", maxField),
		Agreed: r.PostForm.Get("terms") != "",
	}
}

// registration is what the form says of the person, but the password.
func (h *Handler) registration(r *http.Request) users.Registration {
	reg := users.Registration{Name: r.PostForm.Get("name"), Email: r.PostForm.Get("username"), Username: r.PostForm.Get("handle")}
	if r.PostForm.Get("terms") != "" {
		reg.Terms = h.Rules.Terms()
	}
	return reg
}

// mistaken finds what of a form is to be corrected, with the status of its page; none = the error is of another kind.
func (h *Handler) mistaken(w http.ResponseWriter, err error) (problems []pages.Problem, status int) {
	if problems, ok := browser.Problems(err, h.Rules.MinPassword()); ok {
		return problems, http.StatusBadRequest
	}
	if late, ok := errors.AsType[*users.Throttled](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		return []pages.Problem{{Field: "username", Message: "form.throttled"}}, http.StatusTooManyRequests
	}
	if errors.Is(err, password.ErrBusy) {
		w.Header().Set("Retry-After", strconv.Itoa(int(password.RetryAfter/time.Second)))
		return []pages.Problem{{Field: "password", Message: "form.busy"}}, http.StatusServiceUnavailable
	}
	return nil, 0
}
