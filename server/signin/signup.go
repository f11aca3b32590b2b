package signin

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/password"
	"signet/users/session"
)

// maxField is how much of a typed field is shown again, in bytes.
const maxField = 1024

// showSignUp is the form for a new account.
func (h *Handler) showSignUp(w http.ResponseWriter, r *http.Request) error {
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	if h.People.SignupClosed() {
		return h.closed(&in)
	}
	h.Browser.Bind(w, r)
	return h.signUpPage(w, r, in, http.StatusOK, pages.SignUp{Email: cut(in.Request.LoginHint)})
}

func (h *Handler) closed(in *flow.Interaction) error {
	return &web.PageError{Status: http.StatusForbidden, Kind: "signup_closed", Back: h.Browser.Path("/signin", in)}
}

func (h *Handler) signUpPage(w http.ResponseWriter, r *http.Request, in flow.Interaction, status int, p pages.SignUp) error {
	r, p.App = h.dress(w, r, in)
	p.Action, p.SignInURL = h.Browser.Path("/signup", &in), h.Browser.Path("/signin", &in)
	p.MinLength, p.AskUsername, p.Terms = h.People.MinPassword(), true, h.People.Terms() != ""
	if h.Passkeys != nil {
		p.PasskeyURL = h.Browser.Path("/signup/passkey", &in)
		if !h.Mailed.MailOn() {
			p.PasskeyOptions = h.Browser.Path("/signup/passkey/options", &in)
		}
	}
	var err error
	if p.Upstreams, err = h.joinable(w, r, in); err != nil {
		return err
	}
	return h.Pages.Render(w, r, status, p)
}

// signUp is the form's answer: the account exists at once, its address unproven, and its person is signed in.
func (h *Handler) signUp(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	reg := h.registration(r)
	reg.Method = users.WithPassword(r.PostForm.Get("password"))
	if h.Mailed.MailOn() {
		if err := h.Mailed.RequestAccount(h.told(r), reg, h.Browser.Mark(r), in.ID); err != nil {
			return h.refuseSignUp(w, r, in, err)
		}
		return h.mailbox(w, r, in, "signup", typed(r, "username", maxField))
	}
	u, err := h.People.CreateAccount(r.Context(), reg)
	if err != nil {
		return h.refuseSignUp(w, r, in, err)
	}
	return h.first(w, r, in, u, session.Password(false, nil))
}

// terms is the version that the form's box accepts.
func (h *Handler) terms(r *http.Request) string {
	if r.PostForm.Get("terms") == "" {
		return ""
	}
	return h.People.Terms()
}

// first signs a person in who has just got an account, or leads them to the second step where there must be one.
func (h *Handler) first(w http.ResponseWriter, r *http.Request, in flow.Interaction, u storage.User, how session.How) error {
	step, err := h.secondStep(r, in, u, how)
	if err != nil {
		return err
	}
	if step != factor.None {
		return h.half(w, r, in, u, how, step)
	}
	v, err := h.Browser.SignedIn(w, r, u.ID, how)
	if err != nil {
		return err
	}
	if in.Errand != browser.ErrandAuthorize {
		return web.Redirect(w, r, h.Browser.Path("/account?done=signup", nil))
	}
	return h.done(w, r, in, v)
}

// refuseSignUp shows the form again, with all that is wrong and all that was typed but the password.
func (h *Handler) refuseSignUp(w http.ResponseWriter, r *http.Request, in flow.Interaction, err error) error {
	form := pages.SignUp{Name: typed(r, "name", maxField), Email: typed(r, "username", maxField), Username: typed(r, "handle", maxField)}
	if problems, ok := browser.Problems(err, h.People.MinPassword()); ok {
		form.Problems = problems
		return h.signUpPage(w, r, in, http.StatusBadRequest, form)
	}
	late, throttled := errors.AsType[*users.Throttled](err)
	switch {
	case errors.Is(err, users.ErrClosed):
		return h.closed(&in)
	case throttled:
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		form.Problems = []pages.Problem{{Field: "username", Message: "form.throttled"}}
		return h.signUpPage(w, r, in, http.StatusTooManyRequests, form)
	case errors.Is(err, password.ErrBusy):
		w.Header().Set("Retry-After", strconv.Itoa(int(password.RetryAfter/time.Second)))
		form.Problems = []pages.Problem{{Field: "password", Message: "form.busy"}}
		return h.signUpPage(w, r, in, http.StatusServiceUnavailable, form)
	}
	return err
}
