package signup

import (
	"errors"
	"net/http"

	"signet/oauth/flow"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/passkey"
	"signet/users/session"
)

// show is the form for a new account.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if h.Rules.SignupClosed() {
		return h.closed(s)
	}
	h.Browser.Bind(w, r)
	return h.page(w, r, s, http.StatusOK, pages.SignUp{Email: login.Cut(s.In.Request.LoginHint)})
}

func (h *Handler) page(w http.ResponseWriter, r *http.Request, s *login.State, status int, p pages.SignUp) error {
	r, p.App = h.Login.Prepare(w, r, s)
	p.Action, p.SignInURL = h.Login.Path(flow.SignUp, s.In), h.Login.Path(flow.SignIn, s.In)
	p.MinLength, p.AskUsername, p.Terms = h.Rules.MinPassword(), true, h.Rules.Terms() != ""
	if h.Passkeys != nil {
		p.PasskeyURL = h.Browser.Path(passkeyPath, &s.In)
		if !h.Rules.MailOn() {
			p.PasskeyOptions = h.Browser.Path(optionsPath, &s.In)
		}
	}
	var err error
	if p.Upstreams, err = h.Login.Joinable(w, r, s); err != nil {
		return err
	}
	return h.Pages.Render(w, r, status, p)
}

// signUp is the form's answer: the account exists at once, its address not verified, and its person is signed in; or, with mail, once
// the address is verified.
func (h *Handler) signUp(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	reg := h.registration(r)
	if login.Again(r) && h.Rules.MailOn() { // the page that asks for the email once more has no password: the link asks for one
		return h.request(w, r, s, reg)
	}
	reg.Method = users.WithPassword(r.PostForm.Get("password"))
	if h.Rules.MailOn() {
		return h.request(w, r, s, reg)
	}
	u, err := h.Accounts.CreateAccount(r.Context(), reg)
	if err != nil {
		return h.refuse(w, r, s, err)
	}
	return h.Login.AdmitNew(w, r, s, u, session.Password(false, nil))
}

// request has the address verified first.
func (h *Handler) request(w http.ResponseWriter, r *http.Request, s *login.State, reg users.Registration) error {
	if err := h.Accounts.RequestAccount(h.Login.Told(r), reg, h.Browser.Mark(r), s.In.ID); err != nil {
		return h.refuse(w, r, s, err)
	}
	form, at := typed(r), h.Login.Path(flow.SignUp, s.In)
	again := &pages.Resend{Action: at, Done: login.Again(r)}
	again.Fields = [][2]string{{"name", form.Name}, {"username", form.Email}, {"handle", form.Username}}
	if form.Agreed {
		again.Fields = append(again.Fields, [2]string{"terms", "1"})
	}
	return h.Login.Mailbox(w, r, s, pages.Mailbox{What: "signup", Address: form.Email, AgainURL: at, Resend: again})
}

// refuse shows the form again, with all that is wrong and all that was typed but the password.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, s *login.State, err error) error {
	if errors.Is(err, users.ErrClosed) {
		return h.closed(s)
	}
	form := typed(r)
	var status int
	if form.Problems, status = h.mistaken(w, err); status == 0 {
		return err
	}
	return h.page(w, r, s, status, form)
}

// passkeyOptions is asked by the script of the page. What is wrong with the form is told by the form's own answer: the script then
// sends it without a passkey, and none is made in vain.
func (h *Handler) passkeyOptions(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	if _, err := h.Login.Load(r); err != nil {
		return err
	}
	reg := h.registration(r)
	if err := h.Accounts.CheckRegistration(r.Context(), reg); err != nil {
		return &web.PageError{Status: http.StatusForbidden, Kind: "denied", Cause: err}
	}
	options, err := h.Passkeys.BeginSignUp(h.Browser.WithKnown(r), h.Browser.Mark(r),
		passkey.Whose{Name: login.Cut(reg.Email), DisplayName: login.Cut(reg.Name)})
	return login.WriteOptions(w, options, err)
}

// signUpPasskey makes the account with the passkey as its only way to sign in.
func (h *Handler) signUpPasskey(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	reg := h.registration(r)
	if h.Rules.MailOn() { // the passkey is made once the address is verified: nothing may hang on it before (rule D04)
		return h.request(w, r, s, reg)
	}
	answer := r.PostForm.Get("credential")
	if answer == "" {
		if err := h.Accounts.CheckRegistration(r.Context(), reg); err != nil {
			return h.refuse(w, r, s, err)
		}
	}
	made, err := h.Passkeys.SignUp(r.Context(), h.Browser.Mark(r), []byte(answer))
	var u storage.User
	if err == nil {
		reg.Method = users.WithCredential(made.UserID, made.Insert)
		u, err = h.Accounts.CreateAccount(r.Context(), reg)
	}
	if errors.Is(err, passkey.ErrWrong) || errors.Is(err, passkey.ErrTaken) {
		h.Count(factor.KindPasskey, "failure")
		form := typed(r)
		form.Problems = []pages.Problem{{Field: "signup-passkey", Message: passkeyProblem(err)}}
		return h.page(w, r, s, http.StatusBadRequest, form)
	}
	if err != nil {
		return h.refuse(w, r, s, err)
	}
	return h.Login.AdmitNew(w, r, s, u, made.How())
}

// passkeyProblem is what is said of a passkey that was not taken.
func passkeyProblem(err error) string {
	if errors.Is(err, passkey.ErrTaken) {
		return "passkeys.taken"
	}
	return "signup.passkey_failed"
}
