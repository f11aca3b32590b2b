package signin

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/users"
	"signet/users/password"
	"signet/users/session"
)

// showJoin is the form of an invitation.
func (h *Handler) showJoin(w http.ResponseWriter, r *http.Request) error {
	h.Browser.Bind(w, r)
	return h.joinPage(w, r, http.StatusOK, secretOf(r.URL.Query().Get("t")), pages.SignUp{})
}

func (h *Handler) joinPage(w http.ResponseWriter, r *http.Request, status int, secret string, p pages.SignUp) error {
	i, err := h.Mailed.LookInvitation(r.Context(), secret)
	if errors.Is(err, users.ErrClosed) {
		return h.closed(&flow.Interaction{})
	}
	if err != nil {
		return gone(err, h.Browser.Path("/signin", nil))
	}
	p.Action, p.SignInURL = h.Browser.Path("/join", nil), h.Browser.Path("/signin", nil)
	p.MinLength, p.AskUsername, p.Terms, p.Token = h.People.MinPassword(), true, h.People.Terms() != "", secret
	if i.Email != "" {
		p.Email, p.Fixed = i.Email, true
	}
	if p.Upstreams, err = h.joinable(w, r, flow.Interaction{Errand: browser.ErrandAccount}); err != nil {
		return err
	}
	return h.Pages.Render(w, r, status, p)
}

// join makes the account of an invitation and signs its person in.
func (h *Handler) join(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	if !h.Browser.Bound(r) {
		return browser.NoCookies()
	}
	secret := secretOf(r.PostForm.Get("t"))
	reg := h.registration(r)
	reg.Method, reg.Voucher = users.WithPassword(r.PostForm.Get("password")), users.VouchedByInvitation(secret)
	u, err := h.People.CreateAccount(h.told(r), reg)
	form := pages.SignUp{Name: typed(r, "name", maxField), Email: typed(r, "username", maxField), Username: typed(r, "handle", maxField)}
	if problems, ok := browser.Problems(err, h.People.MinPassword()); ok {
		form.Problems = problems
		return h.joinPage(w, r, http.StatusBadRequest, secret, form)
	}
	switch {
	case errors.Is(err, users.ErrClosed):
		return h.closed(&flow.Interaction{})
	case errors.Is(err, password.ErrBusy):
		w.Header().Set("Retry-After", strconv.Itoa(int(password.RetryAfter/time.Second)))
		form.Problems = []pages.Problem{{Field: "password", Message: "form.busy"}}
		return h.joinPage(w, r, http.StatusServiceUnavailable, secret, form)
	case err != nil:
		return gone(err, h.Browser.Path("/signin", nil))
	}
	return h.first(w, r, flow.Interaction{Errand: browser.ErrandAccount}, u, session.Password(false, nil))
}
