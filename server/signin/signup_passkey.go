package signin

import (
	"errors"
	"net/http"

	"signet/oauth/flow"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/passkey"
)

// verifyPasskeyPath is where a passkey is made for an address that was just proven.
const verifyPasskeyPath = "/verify/passkey"

// registration is what the form says of the person, but the password.
func (h *Handler) registration(r *http.Request) users.Registration {
	return users.Registration{Name: r.PostForm.Get("name"), Email: r.PostForm.Get("username"), Username: r.PostForm.Get("handle"), Terms: h.terms(r)}
}

// signUpOptions is asked by the script of the sign-up page. What is wrong with the form is told by the form's own answer: the
// script then sends it without a passkey, and none is made in vain.
func (h *Handler) signUpOptions(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	if _, _, err := h.errand(r); err != nil {
		return err
	}
	reg := h.registration(r)
	if err := h.People.CheckRegistration(r.Context(), reg); err != nil {
		return &web.PageError{Status: http.StatusForbidden, Kind: "denied", Cause: err}
	}
	options, err := h.Passkeys.BeginSignUp(r.Context(), h.Browser.Mark(r), passkey.Whose{Name: cut(reg.Email), DisplayName: cut(reg.Name)})
	return optionsOr(w, options, err)
}

// signUpPasskey makes the account with the passkey as its only way in.
func (h *Handler) signUpPasskey(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	reg := h.registration(r)
	if h.Mailed.MailOn() { // the passkey is made once the address is proven: nothing may hang on it before (security notes D04)
		if err := h.Mailed.RequestAccount(h.told(r), reg, h.Browser.Mark(r), in.ID); err != nil {
			return h.refuseSignUp(w, r, in, err)
		}
		return h.mailbox(w, r, in, "signup", typed(r, "username", maxField))
	}
	answer := r.PostForm.Get("credential")
	if answer == "" {
		if err := h.People.CheckRegistration(r.Context(), reg); err != nil {
			return h.refuseSignUp(w, r, in, err)
		}
	}
	made, err := h.Passkeys.SignUp(r.Context(), h.Browser.Mark(r), []byte(answer))
	var u storage.User
	if err == nil {
		reg.Method = users.WithCredential(made.UserID, made.Insert)
		u, err = h.People.CreateAccount(r.Context(), reg)
	}
	if errors.Is(err, passkey.ErrWrong) || errors.Is(err, passkey.ErrTaken) {
		h.CountWay(factor.KindPasskey, "failure")
		form := pages.SignUp{Name: typed(r, "name", maxField), Email: typed(r, "username", maxField), Username: typed(r, "handle", maxField)}
		form.Problems = []pages.Problem{{Field: "signup-passkey", Message: "signup.passkey_failed"}}
		return h.signUpPage(w, r, in, http.StatusBadRequest, form)
	}
	if err != nil {
		return h.refuseSignUp(w, r, in, err)
	}
	return h.first(w, r, in, u, made.How())
}

// verifyOptions is asked by the script of the page that a sign-up's link opens.
func (h *Handler) verifyOptions(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	p, err := h.Mailed.LookSignup(r.Context(), secretOf(r.PostForm.Get("t")))
	if err != nil {
		return gone(err, h.Browser.Path("/signup", nil))
	}
	options, err := h.Passkeys.BeginSignUp(r.Context(), h.Browser.Mark(r), passkey.Whose{Name: p.Email, DisplayName: p.Name})
	return optionsOr(w, options, err)
}

// verifyWithPasskey makes the account of a sign-up's link with a passkey, whichever browser opened it: whoever reads the
// mailbox makes it (security notes D03).
func (h *Handler) verifyWithPasskey(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	secret := secretOf(r.PostForm.Get("t"))
	p, err := h.Mailed.LookSignup(r.Context(), secret)
	if err != nil {
		return gone(err, h.Browser.Path("/signup", nil))
	}
	made, err := h.Passkeys.SignUp(r.Context(), h.Browser.Mark(r), []byte(r.PostForm.Get("credential")))
	var u storage.User
	if err == nil {
		u, err = h.People.CreateAccount(h.told(r), users.Registration{
			Verification: users.VerifiedByLink(secret, h.Browser.Mark(r)), Method: users.WithCredential(made.UserID, made.Insert),
		})
	}
	switch {
	case errors.Is(err, passkey.ErrWrong), errors.Is(err, passkey.ErrTaken):
		h.CountWay(factor.KindPasskey, "failure")
		return h.verifyPage(w, r, http.StatusBadRequest, secret, pages.Problem{Field: "verify-passkey", Message: "signup.passkey_failed"})
	case errors.Is(err, users.ErrClosed):
		return h.closed(&flow.Interaction{})
	case err != nil:
		return gone(err, h.Browser.Path("/signup", nil))
	}
	return h.proven(w, r, p, u, made.How())
}
