package recovery

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
	"signet/users/password"
	"signet/users/session"
)

func (h *Handler) forgot(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	h.Browser.Bind(w, r)
	return h.forgotPage(w, r, s, http.StatusOK, pages.Forgot{Username: login.Cut(s.In.Request.LoginHint)})
}

func (h *Handler) forgotPage(w http.ResponseWriter, r *http.Request, s *login.State, status int, p pages.Forgot) error {
	r, p.App = h.Login.Prepare(w, r, s)
	p.Contact, p.SignInURL = h.Contact, h.Login.Path(flow.SignIn, s.In)
	if h.Rules.MailOn() {
		p.Action = h.Browser.Path(forgotPath, &s.In)
	}
	return h.Pages.Render(w, r, status, p)
}

// askReset has a link mailed, if what was typed is somebody; the answer is the same for all.
func (h *Handler) askReset(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	name := login.Typed(r, "username", login.MaxLogin)
	if name == "" {
		return h.forgotPage(w, r, s, http.StatusBadRequest,
			pages.Forgot{Problems: []pages.Problem{{Field: "username", Message: "email.missing"}}})
	}
	if err := h.Passwords.AskReset(h.Login.Told(r), name, h.Browser.Mark(r), s.In.ID, h.Browser.Known(r)); err != nil {
		return login.NoMail(err)
	}
	at := h.Browser.Path(forgotPath, &s.In)
	return h.Login.Mailbox(w, r, s, pages.Mailbox{
		What: "reset", Address: name, AgainURL: at,
		Resend: &pages.Resend{Action: at, Fields: [][2]string{{"username", name}}, Done: login.Again(r)},
	})
}

func (h *Handler) showReset(w http.ResponseWriter, r *http.Request) error {
	h.Browser.Bind(w, r)
	return h.resetPage(w, r, http.StatusOK, login.Secret(r.URL.Query().Get("t")))
}

func (h *Handler) resetPage(w http.ResponseWriter, r *http.Request, status int, secret string, problems ...pages.Problem) error {
	u, _, err := h.Passwords.LookReset(r.Context(), secret, "")
	if err != nil {
		return h.again(w, r, secret, err, forgotPath)
	}
	return h.Pages.Render(w, r, status, pages.NewPassword{
		What: "reset", Action: h.Browser.Path(resetPath, nil), Token: secret, Username: u.Email, MinLength: h.Rules.MinPassword(),
		Problems: problems,
	})
}

// again answers a link that is used up: in the browser that used it, it leads to where it led.
func (h *Handler) again(w http.ResponseWriter, r *http.Request, secret string, err error, back string) error {
	if errors.Is(err, users.ErrGone) {
		if ok, followErr := h.Login.FollowLink(w, r, secret); ok || followErr != nil {
			return followErr
		}
	}
	return login.LinkExpired(err, h.Browser.Path(back, nil))
}

// reset takes the new password. Its person is signed in, unless a second factor is asked for first (rule E12).
func (h *Handler) reset(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	secret := login.Secret(r.PostForm.Get("t"))
	_, interaction, err := h.Passwords.LookReset(r.Context(), secret, h.Browser.Mark(r))
	if err != nil {
		return h.again(w, r, secret, err, forgotPath)
	}
	u, err := h.Passwords.Reset(h.Login.Told(r), secret, r.PostForm.Get("password"))
	if problems, ok := browser.Problems(err, h.Rules.MinPassword()); ok {
		return h.resetPage(w, r, http.StatusBadRequest, secret, problems...)
	}
	if errors.Is(err, password.ErrBusy) {
		w.Header().Set("Retry-After", strconv.Itoa(int(password.RetryAfter/time.Second)))
		return h.resetPage(w, r, http.StatusServiceUnavailable, secret, pages.Problem{Field: "password", Message: "form.busy"})
	}
	if err != nil {
		return h.again(w, r, secret, err, forgotPath)
	}
	s, err := h.resume(r, interaction)
	if err != nil {
		return err
	}
	if err := h.Login.LinkUsed(r, secret, u.ID, s.In.ID, s.In.EndsAt); err != nil {
		return err
	}
	return h.Login.Admit(w, r, s, u, session.Password(false, h.Passwords.LockEpoch(u.ID, u.Epoch)))
}

// resume is the app's request that somebody was at who forgot their password. One that cannot go on is none: then the account page says
// that it is changed.
func (h *Handler) resume(r *http.Request, interaction string) (*login.State, error) {
	if interaction != "" {
		s, err := h.Login.Resume(r, interaction)
		_, over := errors.AsType[*web.PageError](err)
		if err != nil && !over {
			return nil, err
		}
		if err == nil && !s.Late && s.In.Purpose == flow.PurposeAuthorize {
			return s, nil
		}
	}
	s := plain()
	s.In.EndsAt = "/account?done=password"
	return s, nil
}
