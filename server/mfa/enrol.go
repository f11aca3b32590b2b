package mfa

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/internal/ratelimit"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
	"signet/users/factor"
	"signet/users/passkey"
	"signet/users/session"
)

// showSetup leads somebody who must have a second factor to setting one up, inside the sign-in.
func (h *Handler) showSetup(w http.ResponseWriter, r *http.Request, s *login.State) error {
	return h.setupPage(w, r, s, http.StatusOK, pages.FactorSetup{})
}

func (h *Handler) setupPage(w http.ResponseWriter, r *http.Request, s *login.State, status int, p pages.FactorSetup) error {
	if _, err := h.Login.MayPending(r.Context(), s, factor.AddAuthenticator); err != nil { // there is a second factor by now
		return h.mayNot(w, r, s, err)
	}
	e, err := h.Enrolments.Begin(r.Context(), s.In.ID, s.Pending.User)
	if err != nil {
		return h.mayNot(w, r, s, err)
	}
	r, p.App = h.Login.Prepare(w, r, s)
	p.Person, p.NotYouURL, p.CancelURL = browser.PersonOf(s.Pending.User), h.Login.Another(s.In), h.Login.CancelURL(s)
	p.Action, p.QR, p.Secret, p.URL = h.Login.Path(flow.Enrol, s.In), h.Browser.Path(qrPath, &s.In), e.Secret, e.URL
	if h.Passkeys != nil {
		p.PasskeyURL, p.PasskeyOptions = h.Browser.Path(enrolPasskeyPath, &s.In), h.Browser.Path(enrolOptionsPath, &s.In)
	}
	return h.Pages.Render(w, r, status, p)
}

// mayNot begins the sign-in again where what was decided does not fit any more: the factor that came in meanwhile has to be passed.
func (h *Handler) mayNot(w http.ResponseWriter, r *http.Request, s *login.State, err error) error {
	for _, changed := range []error{factor.ErrThere, factor.ErrNotAllowed, factor.ErrConfirm, factor.ErrChanged, passkey.ErrChanged,
		users.ErrChanged} {
		if errors.Is(err, changed) {
			return h.Login.Restart(w, r, s)
		}
	}
	return err
}

// qr is the picture of the secret.
func (h *Handler) qr(w http.ResponseWriter, r *http.Request, s *login.State) error {
	picture, err := h.Enrolments.QR(r.Context(), s.In.ID, s.Pending.User)
	if errors.Is(err, factor.ErrGone) {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: err}
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(picture) // the browser went away: nobody to tell
	return nil
}

// setUp confirms the first code: the person is signed in with both factors and sees the recovery codes once.
func (h *Handler) setUp(w http.ResponseWriter, r *http.Request, s *login.State) error {
	guesses, err := h.countGuess(r.Context(), s)
	switch {
	case err != nil:
		return err
	case guesses == 0: // another tab was quicker
		return h.Login.ToStep(w, r, s, flow.Enrol) // which goes on
	case guesses > maxGuesses:
		return h.outOfGuesses(w, r, s)
	}
	permit, err := h.Login.MayPending(r.Context(), s, factor.AddAuthenticator)
	if err != nil {
		return h.mayNot(w, r, s, err)
	}
	codes, err := h.Enrolments.Confirm(r.Context(), permit, s.In.ID, s.Pending.User, r.PostForm.Get("code"))
	late, throttled := errors.AsType[*factor.Throttled](err)
	switch {
	case throttled:
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		return h.setupPage(w, r, s, http.StatusTooManyRequests, pages.FactorSetup{Problem: "factor.throttled"})
	case errors.Is(err, factor.ErrWrong):
		return h.setupPage(w, r, s, http.StatusForbidden, pages.FactorSetup{Problem: "factor.wrong.totp"})
	case errors.Is(err, factor.ErrGone):
		return h.Login.ToStep(w, r, s, flow.Enrol)
	case err != nil:
		return h.mayNot(w, r, s, err)
	}
	v, err := h.Login.Complete(w, r, s, login.Second{AMR: []string{session.AMROTP}, ACR: flow.ACRMulti})
	if err != nil {
		return h.mayNot(w, r, s, err)
	}
	return h.Pages.Render(w, r, http.StatusOK, pages.RecoveryCodes{Person: v.Person, Codes: codes, NextURL: h.Login.Onward(s), InSignIn: true})
}

// enrolOptions is asked by the script of the page.
func (h *Handler) enrolOptions(w http.ResponseWriter, r *http.Request, s *login.State) error {
	if _, err := h.Login.MayPending(r.Context(), s, factor.AddPasskey); err != nil { // the form is told why
		return &web.PageError{Status: http.StatusForbidden, Kind: "denied", Cause: err}
	}
	p := browser.PersonOf(s.Pending.User)
	options, err := h.Passkeys.BeginRegistration(r.Context(), h.Browser.Mark(r),
		passkey.Whose{ID: s.Pending.UserID, Name: p.Login(), DisplayName: p.Shown()})
	return login.WriteOptions(w, options, err)
}

// enrolPasskey adds a passkey as the second factor that was asked for: the person is signed in with both.
func (h *Handler) enrolPasskey(w http.ResponseWriter, r *http.Request, s *login.State) error {
	permit, err := h.Login.MayPending(r.Context(), s, factor.AddPasskey)
	if err != nil {
		return h.mayNot(w, r, s, err)
	}
	amr, err := h.Passkeys.Register(r.Context(), permit, h.Browser.Mark(r), s.Pending.User, "", []byte(r.PostForm.Get("credential")))
	late, throttled := errors.AsType[*ratelimit.Throttled](err)
	switch {
	case throttled:
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		return h.setupPage(w, r, s, http.StatusTooManyRequests, pages.FactorSetup{PasskeyProblem: "passkeys.throttled"})
	case errors.Is(err, passkey.ErrTaken):
		return h.setupPage(w, r, s, http.StatusConflict, pages.FactorSetup{PasskeyProblem: "passkeys.taken"})
	case errors.Is(err, passkey.ErrWrong):
		return h.setupPage(w, r, s, http.StatusBadRequest, pages.FactorSetup{PasskeyProblem: "passkeys.failed"})
	case err != nil:
		return h.mayNot(w, r, s, err)
	}
	if err := h.complete(w, r, s, login.Second{AMR: amr, ACR: flow.ACRMulti}); err != nil {
		return h.mayNot(w, r, s, err)
	}
	return nil
}
