package signup

import (
	"errors"
	"net/http"

	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation"
	"signet/users/passkey"
	"signet/users/session"
)

// sameBrowser reports whether the browser is the one that asked.
func (h *Handler) sameBrowser(r *http.Request, p users.Pending) bool {
	mark := h.Browser.Mark(r)
	return mark != "" && mark == p.Browser
}

// carried reports whether a sign-up came from an upstream: then nothing else is asked for in the browser that began it.
func (h *Handler) carried(p users.Pending) bool { return h.Upstreams != nil && len(p.Carried) > 0 }

func (h *Handler) expired(err error) error {
	return login.LinkExpired(err, h.Browser.Path(formPath, nil))
}

func (h *Handler) showVerify(w http.ResponseWriter, r *http.Request) error {
	h.Browser.Bind(w, r)
	return h.verifyPage(w, r, http.StatusOK, login.Secret(r.URL.Query().Get("t")))
}

// verifyPage asks the browser that signed up for a click or, if it chose no password, for the passkey; every other for a
// password or a passkey (rule D03).
func (h *Handler) verifyPage(w http.ResponseWriter, r *http.Request, status int, secret string, problems ...pages.Problem) error {
	p, err := h.Accounts.LookSignup(r.Context(), secret)
	if err != nil {
		return h.again(w, r, secret, err)
	}
	action := h.Browser.Path(verifyPath, nil)
	same := h.sameBrowser(r, p)
	if same && (!p.Passkey || h.carried(p)) {
		return h.Pages.Render(w, r, status, pages.Linked{What: "verify", Action: action, Token: secret, Address: p.Email})
	}
	page := pages.NewPassword{
		What: "verify", Action: action, Token: secret, Username: p.Email, MinLength: h.Rules.MinPassword(), Problems: problems, SameBrowser: same,
	}
	if h.Passkeys != nil {
		page.PasskeyURL, page.PasskeyOptions = h.Browser.Path(verifyPasskeyPath, nil), h.Browser.Path(verifyOptionsPath, nil)
	}
	return h.Pages.Render(w, r, status, page)
}

// verify makes the account.
func (h *Handler) verify(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	secret := login.Secret(r.PostForm.Get("t"))
	p, err := h.Accounts.LookSignup(r.Context(), secret)
	if err != nil {
		return h.again(w, r, secret, err)
	}
	if h.sameBrowser(r, p) && h.carried(p) {
		return h.verifyUpstream(w, r, secret, p)
	}
	u, err := h.Accounts.CreateAccount(h.Login.Told(r), users.Registration{
		Verification: users.VerifiedByLink(secret, h.Browser.Mark(r)), Method: users.WithPassword(r.PostForm.Get("password")),
	})
	if err != nil {
		return h.refuseVerify(w, r, secret, err)
	}
	return h.verified(w, r, p, u, session.Password(false, nil), secret)
}

func (h *Handler) refuseVerify(w http.ResponseWriter, r *http.Request, secret string, err error) error {
	if errors.Is(err, users.ErrClosed) {
		return h.closed(plain())
	}
	if problems, status := h.mistaken(w, err); status != 0 {
		return h.verifyPage(w, r, status, secret, problems...)
	}
	return h.again(w, r, secret, err)
}

// verified signs in the person of an address that was verified just now. In the browser that signed up, what it came for goes on, and
// the link opened once more leads there too.
func (h *Handler) verified(w http.ResponseWriter, r *http.Request, p users.Pending, u storage.User, how session.How, secret string) error {
	s := plain()
	if h.sameBrowser(r, p) {
		var err error
		if s, err = h.resume(r, p.Interaction); err != nil {
			return err
		}
	}
	if err := h.Login.LinkUsed(r, secret, u.ID, s.In.ID, ""); err != nil {
		return err
	}
	return h.Login.AdmitNew(w, r, s, u, how)
}

// resume is the sign-in that somebody signed up for. An app's request that cannot go on is none, which they are told: they are signed in
// all the same, for the account is made.
func (h *Handler) resume(r *http.Request, id string) (*login.State, error) {
	s, err := h.Login.Resume(r, id)
	if _, ok := errors.AsType[*web.PageError](err); ok {
		s, err = h.Login.Plain(r)
		s.Late = true
		return s, err
	}
	s.Late = false // the person came for an account, and has it
	return s, err
}

// again answers a link that is used up: in the browser in which its account was made, whose person is signed in, it leads on.
func (h *Handler) again(w http.ResponseWriter, r *http.Request, secret string, err error) error {
	if !errors.Is(err, users.ErrGone) {
		return err
	}
	if ok, followErr := h.Login.FollowLink(w, r, secret); ok || followErr != nil {
		return followErr
	}
	return h.expired(err)
}

// verifyUpstream makes the account of somebody who came from an upstream, in the browser that asked for it.
func (h *Handler) verifyUpstream(w http.ResponseWriter, r *http.Request, secret string, p users.Pending) error {
	u, a, err := h.Upstreams.Prove(h.Login.Told(r), secret, p, h.Browser.Mark(r))
	switch {
	case errors.Is(err, federation.ErrExpired), errors.Is(err, federation.ErrTaken):
		return h.Login.RefuseUpstream(w, r, plain(), a.Upstream, err)
	case err != nil:
		return h.refuseVerify(w, r, secret, err)
	}
	how, err := h.Upstreams.How(a, u)
	if err != nil {
		return err
	}
	h.Count("upstream "+a.Upstream, "joined")
	return h.verified(w, r, p, u, how, secret)
}

// verifyOptions is asked by the script of the page that a sign-up's link opens.
func (h *Handler) verifyOptions(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	p, err := h.Accounts.LookSignup(r.Context(), login.Secret(r.PostForm.Get("t")))
	if err != nil {
		return h.expired(err)
	}
	options, err := h.Passkeys.BeginSignUp(h.Browser.WithKnown(r), h.Browser.Mark(r), passkey.Whose{Name: p.Email, DisplayName: p.Name})
	return login.WriteOptions(w, options, err)
}

// verifyWithPasskey makes the account of a sign-up's link with a passkey, whichever browser opened it: whoever reads the
// mailbox makes it (rule D03).
func (h *Handler) verifyWithPasskey(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	secret := login.Secret(r.PostForm.Get("t"))
	p, err := h.Accounts.LookSignup(r.Context(), secret)
	if err != nil {
		return h.again(w, r, secret, err)
	}
	made, err := h.Passkeys.SignUp(r.Context(), h.Browser.Mark(r), []byte(r.PostForm.Get("credential")))
	var u storage.User
	if err == nil {
		u, err = h.Accounts.CreateAccount(h.Login.Told(r), users.Registration{
			Verification: users.VerifiedByLink(secret, h.Browser.Mark(r)), Method: users.WithCredential(made.UserID, made.Insert),
		})
	}
	if errors.Is(err, passkey.ErrWrong) || errors.Is(err, passkey.ErrTaken) {
		h.Count(factor.KindPasskey, "failure")
		return h.verifyPage(w, r, http.StatusBadRequest, secret, pages.Problem{Field: "verify-passkey", Message: passkeyProblem(err)})
	}
	if err != nil {
		return h.refuseVerify(w, r, secret, err)
	}
	return h.verified(w, r, p, u, made.How(), secret)
}
