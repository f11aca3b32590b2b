package account

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users/factor"
	"signet/users/session"
)

// SecondFactors is the part of *factor.Service that tells what a person has, and takes it away.
type SecondFactors interface {
	Of(ctx context.Context, userID string) (factor.Enrolled, error)
	Required(ctx context.Context, userID string) (bool, error)
	Remove(ctx context.Context, permit factor.Permit) error
	NewCodes(ctx context.Context, permit factor.Permit) ([]string, error)
}

// Enrolments is the part of *factor.Service that sets an authenticator app up.
type Enrolments interface {
	Begin(ctx context.Context, owner string, u storage.User) (*factor.Enrolment, error)
	QR(ctx context.Context, owner string, u storage.User) ([]byte, error)
	Confirm(ctx context.Context, permit factor.Permit, owner string, u storage.User, code string) ([]string, error)
}

const (
	secondPath = "/account/second-step"
	codesPath  = "/account/recovery-codes"
)

// mountSecond states the routes of the second factors.
func (h *Handler) mountSecond(m *web.Mux) {
	if h.Second == nil {
		return
	}
	m.Page("GET "+secondPath, h.signedIn(h.showSecond))
	m.Page("GET "+secondPath+"/add", h.allowed(factor.AddAuthenticator, secondPath+"/add", h.addTOTP))
	m.Page("POST "+secondPath+"/add", h.allowed(factor.AddAuthenticator, secondPath+"/add", h.confirmTOTP), web.Authenticator,
		web.RecoveryCodes)
	m.Page("GET "+secondPath+"/qr", h.allowed(factor.AddAuthenticator, secondPath+"/add", h.qr))
	m.Page("POST "+secondPath+"/remove", h.allowed(factor.RemoveAuthenticator, secondPath, h.removeTOTP), web.Authenticator, web.RecoveryCodes)
	m.Page("POST "+codesPath, h.allowed(factor.MakeRecoveryCodes, secondPath, h.newCodes), web.RecoveryCodes)
}

func (h *Handler) secondPage(ctx context.Context, v *browser.Visitor) (pages.TwoStep, error) {
	have, err := h.Second.Of(ctx, v.UserID)
	if err != nil {
		return pages.TwoStep{}, err
	}
	required, err := h.Second.Required(ctx, v.UserID)
	return pages.TwoStep{Person: v.Person, TOTP: have.TOTP, Recovery: have.Recovery, Passkeys: have.Passkeys, Required: required}, err
}

func (h *Handler) showSecond(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	page, err := h.secondPage(r.Context(), v)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("done") == "totp_removed" {
		page.Done = "totp_removed"
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// addTOTP shows the secret.
func (h *Handler) addTOTP(w http.ResponseWriter, r *http.Request, v *browser.Visitor, _ factor.Permit) error {
	return h.setup(w, r, v, http.StatusOK, "")
}

func (h *Handler) setup(w http.ResponseWriter, r *http.Request, v *browser.Visitor, status int, problem string) error {
	e, err := h.Enrolments.Begin(r.Context(), v.SessionID, v.User)
	if errors.Is(err, factor.ErrThere) {
		return h.Browser.Go(w, r, secondPath, nil)
	}
	if err != nil {
		return err
	}
	page, err := h.secondPage(r.Context(), v)
	if err != nil {
		return err
	}
	page.Problem = problem
	page.Setup = &pages.FactorSetup{
		Person: v.Person, Action: h.Browser.Path(secondPath+"/add", nil), QR: h.Browser.Path(secondPath+"/qr", nil), Secret: e.Secret, URL: e.URL,
	}
	return h.Pages.Render(w, r, status, page)
}

func (h *Handler) qr(w http.ResponseWriter, r *http.Request, v *browser.Visitor, _ factor.Permit) error {
	picture, err := h.Enrolments.QR(r.Context(), v.SessionID, v.User)
	if err != nil {
		return unknown(err, factor.ErrGone)
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(picture) // the browser went away: nobody to tell
	return nil
}

// confirmTOTP takes the first code, and shows the recovery codes once.
func (h *Handler) confirmTOTP(w http.ResponseWriter, r *http.Request, v *browser.Visitor, permit factor.Permit) error {
	codes, err := h.Enrolments.Confirm(r.Context(), permit, v.SessionID, v.User, r.PostFormValue("code"))
	late, throttled := errors.AsType[*factor.Throttled](err)
	switch {
	case throttled:
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		return h.setup(w, r, v, http.StatusTooManyRequests, "factor.throttled")
	case errors.Is(err, factor.ErrWrong):
		return h.setup(w, r, v, http.StatusForbidden, "factor.wrong.totp")
	case errors.Is(err, factor.ErrGone), errors.Is(err, factor.ErrThere), errors.Is(err, factor.ErrChanged): // a second tab, or too late
		return h.Browser.Go(w, r, secondPath, nil)
	case err != nil:
		return err
	}
	if v, err = h.Login.Raise(w, r, v, []string{session.AMROTP}); err != nil {
		return err
	}
	return h.showCodes(w, r, v, codes)
}

func (h *Handler) showCodes(w http.ResponseWriter, r *http.Request, v *browser.Visitor, codes []string) error {
	return h.Pages.Render(w, r, http.StatusOK, pages.RecoveryCodes{Person: v.Person, Codes: codes, NextURL: h.Browser.Path(secondPath, nil)})
}

// removeTOTP turns the authenticator app off, unless it is the last factor of somebody who must have one.
func (h *Handler) removeTOTP(w http.ResponseWriter, r *http.Request, v *browser.Visitor, permit factor.Permit) error {
	page, err := h.secondPage(r.Context(), v)
	if err != nil {
		return err
	}
	if page.Required && page.Passkeys == 0 { // why there is no permit
		return h.Pages.Render(w, r, http.StatusForbidden, page)
	}
	err = h.Second.Remove(r.Context(), permit)
	if errors.Is(err, factor.ErrChanged) {
		return h.Browser.Go(w, r, secondPath, nil)
	}
	if err != nil && !errors.Is(err, factor.ErrWrong) {
		return err
	}
	return web.Redirect(w, r, h.Browser.Path(secondPath+"?done=totp_removed", nil))
}

// newCodes makes recovery codes for somebody with a second factor.
func (h *Handler) newCodes(w http.ResponseWriter, r *http.Request, v *browser.Visitor, permit factor.Permit) error {
	have, err := h.Second.Of(r.Context(), v.UserID)
	if err != nil {
		return err
	}
	if !have.Second() {
		return h.Browser.Go(w, r, secondPath, nil)
	}
	codes, err := h.Second.NewCodes(r.Context(), permit)
	if err != nil {
		return err
	}
	return h.showCodes(w, r, v, codes)
}
