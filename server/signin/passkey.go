package signin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/internal/ratelimit"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users/factor"
	"signet/users/passkey"
	"signet/users/session"
	"signet/users/ticket"
)

// Passkeys is what the room needs of them.
type Passkeys interface {
	BeginSignIn(ctx context.Context, browser string) (json.RawMessage, error)
	BeginFor(ctx context.Context, p ticket.Purpose, browser, userID string) (json.RawMessage, error)
	Check(ctx context.Context, p ticket.Purpose, browser, userID string, response []byte) (*passkey.Proof, error)
	BeginSignUp(ctx context.Context, browser string, of passkey.Whose) (json.RawMessage, error)
	SignUp(ctx context.Context, browser string, response []byte) (*passkey.Made, error)
	Offer(ctx context.Context, userID string) (bool, error)
	Decline(ctx context.Context, userID string) error
	BeginRegistration(ctx context.Context, browser string, of passkey.Whose) (json.RawMessage, error)
	Register(ctx context.Context, browser string, u storage.User, name string, response []byte) error
}

// asked tells what a passkey is shown for in an errand: by somebody whom nobody knows yet, or by the person signed in, who is
// to prove it again.
func (h *Handler) asked(r *http.Request, in flow.Interaction) (ticket.Purpose, *browser.Visitor, error) {
	v, err := h.Browser.Visitor(r)
	if err != nil || v == nil || in.ID == "" || !h.again(r, in, v) {
		return passkey.ToSignIn, nil, err
	}
	return passkey.ToConfirm, v, nil
}

// passkeyOptions is asked by the script of the sign-in page.
func (h *Handler) passkeyOptions(w http.ResponseWriter, r *http.Request) error {
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	purpose, v, err := h.asked(r, in)
	if err != nil {
		return err
	}
	if v != nil {
		options, err := h.Passkeys.BeginFor(r.Context(), purpose, h.Browser.Mark(r), v.UserID)
		return optionsOr(w, options, err)
	}
	options, err := h.Passkeys.BeginSignIn(r.Context(), h.Browser.Mark(r))
	return optionsOr(w, options, err)
}

func optionsOr(w http.ResponseWriter, options json.RawMessage, err error) error {
	switch {
	case errors.Is(err, passkey.ErrThrottled):
		return &web.PageError{Status: http.StatusTooManyRequests, Kind: "too_many", Cause: err}
	case errors.Is(err, passkey.ErrNotFound), errors.Is(err, passkey.ErrWrong):
		return &web.PageError{Status: http.StatusForbidden, Kind: "denied", Cause: err}
	case err != nil:
		return err
	}
	return web.WriteJSON(w, http.StatusOK, options)
}

// submitPasskey is the sign-in form with a passkey's answer. An unknown passkey, a wrong signature and a person who is shut
// out look the same.
func (h *Handler) submitPasskey(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	purpose, v, err := h.asked(r, in)
	if err != nil {
		return err
	}
	form := pages.SignIn{Username: typed(r, "username", maxLogin), Remember: r.PostForm.Get("remember") != ""}
	whose := ""
	if v != nil {
		whose, form.Reauth, form.Username = v.UserID, &v.Person, nameOf(v.Person)
	}
	proof, err := h.Passkeys.Check(r.Context(), purpose, h.Browser.Mark(r), whose, []byte(r.PostForm.Get("credential")))
	if err == nil {
		err = h.admit(w, r, in, proof.User, proof.How(form.Remember))
	}
	if err != nil {
		problem, status, wait := h.countPasskey(w, err)
		if problem == "" {
			return err
		}
		form.Problem, form.RetryAfter = problem, wait
		return h.page(w, r, in, status, form)
	}
	h.CountWay(factor.KindPasskey, "success")
	return nil
}

// countPasskey notes a failure and tells its text; "" if the error is ours.
func (h *Handler) countPasskey(w http.ResponseWriter, err error) (problem string, status, wait int) {
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		h.CountWay(factor.KindPasskey, "throttled")
		wait = int(late.RetryAfter / time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(wait))
		return "signin.throttled", http.StatusTooManyRequests, wait
	}
	if errors.Is(err, passkey.ErrWrong) || errors.Is(err, passkey.ErrChanged) {
		h.CountWay(factor.KindPasskey, "failure")
		return "signin.passkey_wrong", http.StatusForbidden, 0
	}
	return "", 0, 0
}

func (h *Handler) factorPasskeyOptions(w http.ResponseWriter, r *http.Request) error {
	_, _, u, ok, err := h.asking(w, r)
	if err != nil || !ok {
		return err
	}
	options, err := h.Passkeys.BeginFor(r.Context(), passkey.ToFactor, h.Browser.Mark(r), u.ID)
	return optionsOr(w, options, err)
}

// submitFactorPasskey is the second step by a passkey. It need not verify its user: the password was the first factor.
func (h *Handler) submitFactorPasskey(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, half, u, ok, err := h.asking(w, r)
	if err != nil || !ok {
		return err
	}
	proof, err := h.Passkeys.Check(r.Context(), passkey.ToFactor, h.Browser.Mark(r), u.ID, []byte(r.PostForm.Get("credential")))
	if err == nil {
		err = h.complete(w, r, in, half, u, proof.AMR(), session.ACRResistant, proof.Hold)
	}
	if err != nil {
		return h.refuseFactorPasskey(w, r, in, u, err)
	}
	h.CountWay(factor.KindPasskey, "success")
	return nil
}

func (h *Handler) refuseFactorPasskey(w http.ResponseWriter, r *http.Request, in flow.Interaction, u storage.User, err error) error {
	if errors.Is(err, passkey.ErrChanged) { // something ended everything of the person meanwhile
		return h.Browser.Go(w, r, "/signin/factor", &in) // which looks again
	}
	problem, status, wait := h.countPasskey(w, err)
	if problem == "" {
		return h.refuseFactor(w, r, in, u, factor.KindPasskey, err)
	}
	have, err := h.Factors.Of(r.Context(), u.ID)
	if err != nil {
		return err
	}
	return h.factorPage(w, r, in, u, have, status, pages.Factor{Way: factor.KindPasskey, Problem: problem, RetryAfter: wait})
}
