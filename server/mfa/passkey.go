package mfa

import (
	"errors"
	"net/http"
	"strconv"

	"signet/oauth/flow"
	"signet/server/login"
	"signet/server/pages"
	"signet/users/factor"
	"signet/users/passkey"
	"signet/users/session"
)

func (h *Handler) passkeyOptions(w http.ResponseWriter, r *http.Request, s *login.State) error {
	options, err := h.Passkeys.BeginFor(r.Context(), passkey.ToFactor, h.Browser.Mark(r), s.Pending.UserID)
	return login.WriteOptions(w, options, err)
}

// submitPasskey is the second factor by a passkey. It need not verify its user: the password was the first factor.
func (h *Handler) submitPasskey(w http.ResponseWriter, r *http.Request, s *login.State) error {
	proof, err := h.Passkeys.Check(r.Context(), passkey.ToFactor, h.Browser.Mark(r), s.Pending.UserID, []byte(r.PostForm.Get("credential")))
	if err == nil {
		err = h.complete(w, r, s, login.Second{AMR: proof.AMR(), ACR: session.ACRResistant, Commit: proof.Commit})
	}
	if err != nil {
		return h.refusePasskey(w, r, s, err)
	}
	h.Count(factor.KindPasskey, "success")
	return nil
}

func (h *Handler) refusePasskey(w http.ResponseWriter, r *http.Request, s *login.State, err error) error {
	if errors.Is(err, passkey.ErrChanged) { // something ended everything of the person meanwhile
		return h.Login.ToStep(w, r, s, flow.Factor) // which looks again
	}
	no := login.RefusedPasskey(err)
	if no.Problem == "" {
		return h.refuse(w, r, s, factor.KindPasskey, err)
	}
	if done, err := h.passed(w, r); done {
		return err
	}
	h.Count(factor.KindPasskey, no.Outcome)
	if no.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(no.RetryAfter))
	}
	return h.again(w, r, s, no.Status,
		pages.Factor{Way: factor.KindPasskey, Problem: no.Problem, RetryAfter: no.RetryAfter, PasskeyUnknown: no.Unknown})
}
