package signin

import (
	"net/http"
	"strconv"

	"signet/server/login"
	"signet/server/pages"
	"signet/users/factor"
	"signet/users/passkey"
	"signet/users/ticket"
)

// asked is what a passkey is shown for: by somebody whom nobody knows yet, or by the person signed in, who is to prove it again.
func asked(r *http.Request, s *login.State) (purpose ticket.Purpose, userID string) {
	if v := s.Reauth(r); v != nil {
		return passkey.ToConfirm, v.UserID
	}
	return passkey.ToSignIn, ""
}

// passkeyOptions is asked by the script of the page.
func (h *Handler) passkeyOptions(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if purpose, userID := asked(r, s); userID != "" {
		options, err := h.Passkeys.BeginFor(r.Context(), purpose, h.Browser.Mark(r), userID)
		return login.WriteOptions(w, options, err)
	}
	options, err := h.Passkeys.BeginSignIn(h.Browser.WithKnown(r), h.Browser.Mark(r))
	return login.WriteOptions(w, options, err)
}

// submitPasskey is the form with a passkey's answer. An unknown passkey, a wrong signature and a disabled person look the same;
// only the script learns that a passkey is unknown, so that whatever keeps it forgets it.
func (h *Handler) submitPasskey(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	purpose, userID := asked(r, s)
	form := pages.SignIn{Username: login.Typed(r, "username", login.MaxLogin), Remember: r.PostForm.Get("remember") != ""}
	if v := s.Reauth(r); v != nil {
		form.Reauth, form.Username = &v.Person, v.Person.Login()
	}
	proof, err := h.Passkeys.Check(r.Context(), purpose, h.Browser.Mark(r), userID, []byte(r.PostForm.Get("credential")))
	if err == nil {
		err = h.Login.Admit(w, r, s, proof.User, proof.How(form.Remember))
	}
	if err != nil {
		return h.refusePasskey(w, r, s, form, err)
	}
	h.Count(factor.KindPasskey, "success")
	return nil
}

func (h *Handler) refusePasskey(w http.ResponseWriter, r *http.Request, s *login.State, form pages.SignIn, err error) error {
	no := login.RefusedPasskey(err)
	if no.Problem == "" {
		return err
	}
	h.Count(factor.KindPasskey, no.Outcome)
	if no.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(no.RetryAfter))
	}
	form.Problem, form.RetryAfter, form.PasskeyUnknown = no.Problem, no.RetryAfter, no.Unknown
	return h.page(w, r, s, no.Status, form)
}
