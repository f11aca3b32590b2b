// Package recovery is for people who cannot sign in as they used to: they have forgotten the password (password.go), lost the second
// factor (factor.go), or were told by email of something that they did not do (link.go). Opening a mailed link shows a page with a
// button and uses nothing up, because mail scanners open links too (rule C03). Begin with Handler.Mount.
package recovery

import (
	"context"
	"errors"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users/recovery"
)

// Passwords is the part of *users.Service that is about forgotten passwords.
type Passwords interface {
	AskReset(ctx context.Context, typed, browser, interaction string, known func(userID string) string) error
	LookReset(ctx context.Context, secret, browser string) (u storage.User, interaction string, err error)
	Reset(ctx context.Context, secret, password string) (storage.User, error)
	LockEpoch(userID string, epoch int64) func(ctx context.Context) error
}

// Rules is the part of *users.Service that says what is possible here.
type Rules interface {
	MailOn() bool
	MinPassword() int
}

// Addresses is the part of *users.Service that is about links to prove an address.
type Addresses interface {
	LookAddress(ctx context.Context, secret, userID string) (email string, err error)
	ProveAddress(ctx context.Context, secret, userID string) error
}

// Undoing is the part of *users.Service that undoes what an intruder did.
type Undoing interface {
	LookNotMe(ctx context.Context, secret string) error
	Freeze(ctx context.Context, secret string) error
	LookUndo(ctx context.Context, secret, _ string) (email string, err error)
	UndoAddress(ctx context.Context, secret, _ string) error
}

// Factors is the part of *recovery.Service for people who are on the way.
type Factors interface {
	Of(ctx context.Context, u storage.User) (recovery.State, error)
	SendCode(ctx context.Context, interaction string, u storage.User) error
	Start(ctx context.Context, interaction string, u storage.User, code string) error
	Resend(ctx context.Context, u storage.User) error
}

// Links is the part of *recovery.Service that its mailed links use.
type Links interface {
	LookFinish(ctx context.Context, secret string) error
	Finish(ctx context.Context, secret string) error
	LookStop(ctx context.Context, secret string) error
	Stop(ctx context.Context, secret string) error
}

// Options of New.
type Options struct {
	Login     *login.Login
	Browser   *browser.Browser
	Pages     *pages.Pages
	Rules     Rules
	Passwords Passwords
	Addresses Addresses
	Undoing   Undoing
	Factors   Factors // nil = there is no such recovery, as Links
	Links     Links
	Contact   string // whom to ask about a forgotten password
	// Count notes the outcome of a try. Nil counts nothing.
	Count func(way, outcome string)
}

// Handler answers the pages.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Login == nil || o.Browser == nil || o.Pages == nil || o.Rules == nil || o.Passwords == nil || o.Addresses == nil || o.Undoing == nil {
		return nil, errors.New("recovery needs login, browser, pages, rules, passwords, addresses and undoing")
	}
	if o.Count == nil {
		o.Count = func(string, string) {}
	}
	return &Handler{o}, nil
}

// The pages.
const (
	forgotPath  = "/forgot"
	resetPath   = "/reset"
	recoverPath = "/recover"
)

// attached is what may go together with a password or an address that somebody else may have attached it to.
func attached(more ...web.Touch) []web.Touch {
	return append([]web.Touch{web.Passkey, web.Authenticator, web.RecoveryCodes, web.LinkedLogin, web.TrustedBrowser}, more...)
}

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET "+forgotPath, h.forgot)
	m.Page("POST "+forgotPath, h.askReset, web.Nothing)
	m.Page("GET "+resetPath, h.showReset)
	m.Page("POST "+resetPath, h.reset, attached(web.Password, web.EmailAddress)...)
	for _, l := range h.linked() {
		m.Page("GET "+l.path, h.showLinked(l))
		m.Page("POST "+l.path, h.actLinked(l), l.touches...)
	}
	if h.Factors == nil || h.Links == nil {
		return
	}
	m.Page("GET "+recoverPath, h.showRecover)
	m.Page("POST "+recoverPath, h.recoverStep, web.Nothing)
	m.Page("GET "+recoverPath+"/finish", h.showLink("finish", h.Links.LookFinish))
	m.Page("POST "+recoverPath+"/finish", h.useLink("finish", h.Links.Finish), web.Passkey, web.Authenticator, web.RecoveryCodes,
		web.TrustedBrowser)
	m.Page("GET "+recoverPath+"/stop", h.showLink("stop", h.Links.LookStop))
	m.Page("POST "+recoverPath+"/stop", h.useLink("stop", h.Links.Stop), web.Nothing)
}

// plain is a sign-in for nothing in particular.
func plain() *login.State {
	return &login.State{In: flow.Interaction{Purpose: flow.PurposeAccount}}
}
