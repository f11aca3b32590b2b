package signup

import (
	"errors"
	"net/http"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/users"
	"signet/users/session"
)

// showJoin is the form of an invitation.
func (h *Handler) showJoin(w http.ResponseWriter, r *http.Request) error {
	h.Browser.Bind(w, r)
	return h.joinPage(w, r, http.StatusOK, login.Secret(r.URL.Query().Get("t")), pages.SignUp{})
}

func (h *Handler) joinPage(w http.ResponseWriter, r *http.Request, status int, secret string, p pages.SignUp) error {
	i, err := h.Accounts.LookInvitation(r.Context(), secret)
	if err != nil {
		return h.uninvited(err)
	}
	s := plain()
	p.Action, p.SignInURL = h.Browser.Path(joinPath, nil), h.Login.Path(flow.SignIn, s.In)
	p.MinLength, p.AskUsername, p.Terms, p.Token = h.Rules.MinPassword(), true, h.Rules.Terms() != "", secret
	if i.Email != "" {
		p.Email, p.Fixed = i.Email, true
	}
	if p.Upstreams, err = h.Login.Joinable(w, r, s); err != nil {
		return err
	}
	return h.Pages.Render(w, r, status, p)
}

func (h *Handler) uninvited(err error) error {
	if errors.Is(err, users.ErrClosed) {
		return h.closed(plain())
	}
	return login.LinkExpired(err, h.Browser.Path("/signin", nil))
}

// join makes the account of an invitation and signs its person in.
func (h *Handler) join(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	if !h.Browser.Bound(r) {
		return browser.NoCookies()
	}
	secret := login.Secret(r.PostForm.Get("t"))
	reg := h.registration(r)
	reg.Method, reg.Voucher = users.WithPassword(r.PostForm.Get("password")), users.VouchedByInvitation(secret)
	u, err := h.Accounts.CreateAccount(h.Login.Told(r), reg)
	if err == nil {
		return h.Login.AdmitNew(w, r, plain(), u, session.Password(false, nil))
	}
	form := typed(r)
	var status int
	if form.Problems, status = h.mistaken(w, err); status != 0 {
		return h.joinPage(w, r, status, secret, form)
	}
	return h.uninvited(err)
}
