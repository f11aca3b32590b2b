// Package mfa is two-step verification of a sign-in: the second factor is asked for, or, where somebody must have one and has none, set up.
// Which of the two was decided with the first step and is kept in the row of the sign-in (rule V02). Begin with Handler.show.
package mfa

import (
	"context"
	"encoding/json"
	"errors"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users/factor"
	"signet/users/passkey"
	"signet/users/ticket"
)

// Factors is the part of *factor.Service that judges second factors.
type Factors interface {
	Of(ctx context.Context, userID string) (factor.Enrolled, error)
	CheckTOTP(ctx context.Context, userID, code string) (*factor.Match, error)
	CheckRecovery(ctx context.Context, userID, code string) (*factor.Match, error)
}

// Enrolments is the part of *factor.Service that sets an authenticator app up.
type Enrolments interface {
	Begin(ctx context.Context, owner string, u storage.User) (*factor.Enrolment, error)
	QR(ctx context.Context, owner string, u storage.User) ([]byte, error)
	Confirm(ctx context.Context, permit factor.Permit, owner string, u storage.User, code string) ([]string, error)
}

// Passkeys is the part of *passkey.Service that the second factor uses.
type Passkeys interface {
	BeginFor(ctx context.Context, p ticket.Purpose, browser, userID string) (json.RawMessage, error)
	Check(ctx context.Context, p ticket.Purpose, browser, userID string, response []byte) (*passkey.Proof, error)
	BeginRegistration(ctx context.Context, browser string, of passkey.Whose) (json.RawMessage, error)
	Register(ctx context.Context, permit factor.Permit, browser string, u storage.User, name string, response []byte) (amr []string, err error)
}

// Options of New.
type Options struct {
	Login      *login.Login
	Browser    *browser.Browser
	Pages      *pages.Pages
	Factors    Factors
	Enrolments Enrolments
	// Passkeys of the people. Nil = browsers offer none at this address.
	Passkeys Passkeys
	// Recover tells that there is a page for people who have lost their second factor.
	Recover bool
	// Count notes the outcome of a try by a way: "totp", "recovery", "passkey". Nil counts nothing.
	Count func(way, outcome string)
}

// Handler answers the pages.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Login == nil || o.Browser == nil || o.Pages == nil || o.Factors == nil || o.Enrolments == nil {
		return nil, errors.New("mfa needs login, browser, pages, factors and enrolments")
	}
	if o.Count == nil {
		o.Count = func(string, string) {}
	}
	return &Handler{o}, nil
}

// The pages beside those of the steps.
const (
	qrPath             = "/signin/factor/qr"
	passkeyPath        = "/signin/factor/passkey"
	passkeyOptionsPath = "/signin/factor/passkey/options"
	enrolPasskeyPath   = "/signin/factor/setup/passkey"
	enrolOptionsPath   = "/signin/factor/setup/passkey/options"
)

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /signin/factor", h.when(flow.Factor, h.show))
	m.Page("POST /signin/factor", h.when(flow.Factor, h.submit), web.RecoveryCodes, web.TrustedBrowser)
	m.Page("GET /signin/factor/setup", h.when(flow.Enrol, h.showSetup))
	m.Page("POST /signin/factor/setup", h.when(flow.Enrol, h.setUp), web.Authenticator, web.RecoveryCodes, web.TrustedBrowser)
	m.Page("GET "+qrPath, h.when(flow.Enrol, h.qr))
	if h.Passkeys != nil {
		m.Page("POST "+passkeyPath, h.when(flow.Factor, h.submitPasskey), web.TrustedBrowser)
		m.Page("POST "+passkeyOptionsPath, h.when(flow.Factor, h.passkeyOptions), web.Nothing)
		m.Page("POST "+enrolPasskeyPath, h.when(flow.Enrol, h.enrolPasskey), web.Passkey, web.TrustedBrowser)
		m.Page("POST "+enrolOptionsPath, h.when(flow.Enrol, h.enrolOptions), web.Nothing)
	}
}
