package account

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
	"signet/users/password"
	"signet/users/session"
)

const passwordPath = "/account/password"

func (h *Handler) showPassword(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	return h.passwordPage(w, r, v, http.StatusOK)
}

func (h *Handler) passwordPage(w http.ResponseWriter, r *http.Request, v *browser.Visitor, status int, problems ...pages.Problem) error {
	return h.Pages.Render(w, r, status, pages.ChangePassword{
		Person: v.Person, MinLength: h.People.MinPassword(), Problems: problems,
	})
}

// changePassword takes the present and a new one. All other sessions and all that the person let in end; this browser stays
// signed in, under a new secret.
func (h *Handler) changePassword(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if err := r.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	current := r.PostForm.Get("current")
	if current == "" {
		return h.passwordPage(w, r, v, http.StatusBadRequest, pages.Problem{Field: "current", Message: "password.missing"})
	}
	change, err := h.People.PrepareChange(r.Context(), users.Attempt{
		UserID: v.UserID, Password: current,
		Device: func(userID string) string { return h.Browser.Device(r, userID) },
	}, r.PostForm.Get("password"))
	if err != nil {
		return h.refusePassword(w, r, v, err)
	}
	how := session.Password(v.Remember, change.Within(v.SessionID))
	if v.ACR != session.ACRSingle { // the second factor was shown when the person signed in, not now
		how.ACR, how.AMR, how.AuthTime = v.ACR, v.AMR, v.AuthTime
	}
	if _, err := h.Browser.SignedIn(w, r, v.UserID, how); err != nil {
		return h.refusePassword(w, r, v, err)
	}
	return h.back(w, r, "/account", "password")
}

func (h *Handler) refusePassword(w http.ResponseWriter, r *http.Request, v *browser.Visitor, err error) error {
	if problems, ok := browser.Problems(err, h.People.MinPassword()); ok {
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
	case errors.Is(err, users.ErrWrong), errors.Is(err, users.ErrChanged):
		return h.passwordPage(w, r, v, http.StatusForbidden, problem("password.wrong"))
	}
	return err
}
