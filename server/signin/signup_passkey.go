package signin

import (
	"errors"
	"net/http"

	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/passkey"
)

// signUpWithPasskey tells whether the sign-up form offers a passkey instead of a password. With mail an account is made only
// when its address is proven, and nothing may hang on it before (security notes D04).
func (h *Handler) signUpWithPasskey() bool { return h.Passkeys != nil && !h.Mailed.MailOn() }

// newPerson is what the form says of the person, but the password.
func (h *Handler) newPerson(r *http.Request) users.NewPerson {
	return users.NewPerson{Name: r.PostForm.Get("name"), Email: r.PostForm.Get("username"), Username: r.PostForm.Get("handle"), Terms: h.terms(r)}
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
	n := h.newPerson(r)
	if err := h.People.CheckNew(r.Context(), n); err != nil {
		return &web.PageError{Status: http.StatusForbidden, Kind: "denied", Cause: err}
	}
	options, err := h.Passkeys.BeginSignUp(r.Context(), h.Browser.Mark(r), passkey.Whose{Name: cut(n.Email), DisplayName: cut(n.Name)})
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
	n := h.newPerson(r)
	answer := r.PostForm.Get("credential")
	if answer == "" {
		if err := h.People.CheckNew(r.Context(), n); err != nil {
			return h.refuseSignUp(w, r, in, err)
		}
	}
	made, err := h.Passkeys.SignUp(r.Context(), h.Browser.Mark(r), []byte(answer))
	var u storage.User
	if err == nil {
		u, err = h.People.RegisterWith(r.Context(), n, made.UserID, made.Insert)
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
