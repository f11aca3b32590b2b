package account

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/users"
	"signet/users/factor"
	"signet/users/password"
	"signet/users/session"
)

const passwordPath = "/account/password"

// orFirst reports whether the person has no password; then the answer is the form for their first one, or the way to it.
func (h *Handler) orFirst(w http.ResponseWriter, r *http.Request, v *browser.Visitor) (answered bool, err error) {
	changed, err := h.Profile.PasswordChanged(r.Context(), v.UserID)
	if err != nil || !changed.IsZero() {
		return false, err
	}
	return true, h.allowed(factor.SetPassword, passwordPath, h.firstPassword)(w, r)
}

// showPassword is the form for another password. Whoever has a second factor changes the password with it (rule V01); for everybody
// else the present password, which the form asks for, is the proof.
func (h *Handler) showPassword(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if answered, err := h.orFirst(w, r, v); answered || err != nil {
		return err
	}
	_, err := h.Login.MayWithPassword(r.Context(), v, factor.ChangePassword)
	if errors.Is(err, factor.ErrConfirm) {
		return h.Login.Confirm(w, r, passwordPath)
	}
	if err != nil {
		return mayNot(err)
	}
	return h.passwordPage(w, r, v, http.StatusOK)
}

func (h *Handler) passwordPage(w http.ResponseWriter, r *http.Request, v *browser.Visitor, status int, problems ...pages.Problem) error {
	return h.Pages.Render(w, r, status, pages.ChangePassword{
		Person: v.Person, MinLength: h.Credentials.MinPassword(), Problems: problems,
	})
}

// submitPassword takes the present and a new one. All other sessions and all that the person let in end; this browser stays
// signed in, under a new secret.
func (h *Handler) submitPassword(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	if answered, err := h.orFirst(w, r, v); answered || err != nil {
		return err
	}
	current := r.PostForm.Get("current")
	if current == "" {
		return h.passwordPage(w, r, v, http.StatusBadRequest, pages.Problem{Field: "current", Message: "password.missing"})
	}
	change, err := h.Credentials.PrepareChange(r.Context(), users.Attempt{
		UserID: v.UserID, Password: current,
		Device: func(userID string) string { return h.Browser.Device(r, userID) },
	}, r.PostForm.Get("password"))
	if err != nil {
		return h.refusePassword(w, r, v, err)
	}
	permit, err := h.Login.MayWithPassword(r.Context(), v, factor.ChangePassword)
	if errors.Is(err, factor.ErrConfirm) {
		return h.Login.Confirm(w, r, passwordPath)
	}
	if err != nil {
		return mayNot(err)
	}
	how := session.Password(v.Remember, change.Within(permit, v.SessionID))
	if v.ACR != session.ACRSingle { // the second factor was shown when the person signed in, not now
		how.ACR, how.AMR, how.AuthTime = v.ACR, v.AMR, v.AuthTime
	}
	if _, err := h.Browser.SignedIn(w, r, v.UserID, how); err != nil {
		return h.refusePassword(w, r, v, err)
	}
	return h.back(w, r, "/account", "password")
}

func (h *Handler) refusePassword(w http.ResponseWriter, r *http.Request, v *browser.Visitor, err error) error {
	if problems, ok := browser.Problems(err, h.Credentials.MinPassword()); ok {
		return h.passwordPage(w, r, v, http.StatusBadRequest, problems...)
	}
	late, throttled := errors.AsType[*users.Throttled](err)
	problem := func(message string) pages.Problem { return pages.Problem{Field: "current", Message: message} }
	switch {
	case throttled:
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		return h.passwordPage(w, r, v, http.StatusTooManyRequests, problem("form.throttled"))
	case errors.Is(err, password.ErrBusy):
		w.Header().Set("Retry-After", strconv.Itoa(int(password.RetryAfter/time.Second)))
		return h.passwordPage(w, r, v, http.StatusServiceUnavailable, problem("form.busy"))
	case errors.Is(err, users.ErrWrong), errors.Is(err, users.ErrChanged), errors.Is(err, factor.ErrChanged):
		return h.passwordPage(w, r, v, http.StatusForbidden, problem("password.wrong"))
	}
	return err
}
