package signin

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/internal/mail"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/password"
	"signet/users/session"
)

// Mailed is what the room needs of the people's wing for ways that go by mail.
type Mailed interface {
	MailOn() bool
	AskReset(ctx context.Context, typed string) error
	LookReset(ctx context.Context, secret string) (storage.User, error)
	Reset(ctx context.Context, secret, password string) (storage.User, error)
	AskRegister(ctx context.Context, n users.NewPerson, browser, errand string) error
	LookSignup(ctx context.Context, secret string) (users.Pending, error)
	Prove(ctx context.Context, secret, browser, password string) (storage.User, error)
	ProveWith(ctx context.Context, secret, id string, with func(ctx context.Context) error) (storage.User, error)
	AskCode(ctx context.Context, typed, browser string) error
	Guarded(ctx context.Context, typed string) (bool, error)
	CheckCode(ctx context.Context, browser, code string) (*users.CodeProof, error)
	LookNotMe(ctx context.Context, secret string) error
	Freeze(ctx context.Context, secret string) error
	LookAddress(ctx context.Context, secret, userID string) (email string, err error)
	ProveAddress(ctx context.Context, secret, userID string) error
	LookUndo(ctx context.Context, secret, _ string) (email string, err error)
	UndoAddress(ctx context.Context, secret, _ string) error
	LookInvitation(ctx context.Context, secret string) (users.Invitation, error)
	Join(ctx context.Context, secret string, n users.NewPerson) (storage.User, error)
}

// mountMailed states the routes of mailed links. Opening one shows a page with a button and uses nothing up, because mail
// scanners open links too (security notes C03); they work on any device.
func (h *Handler) mountMailed(m *web.Mux) {
	m.Page("POST /forgot", h.askReset, web.Nothing)
	m.Page("GET /reset", h.showReset)
	attached := []web.Touch{web.Passkey, web.Authenticator, web.RecoveryCodes, web.LinkedLogin, web.TrustedBrowser}
	m.Page("POST /reset", h.reset, append(attached, web.Password, web.EmailAddress)...)
	m.Page("GET /join", h.showJoin)
	m.Page("POST /join", h.join, web.Password, web.EmailAddress)
	m.Page("GET /verify", h.showVerify)
	m.Page("POST /verify", h.verify, web.Password, web.LinkedLogin, web.EmailAddress)
	h.mountLinked(m, "/not-me", linked{"notme",
		func(ctx context.Context, t, _ string) (string, error) { return "", h.Mailed.LookNotMe(ctx, t) },
		func(ctx context.Context, t, _ string) error { return h.Mailed.Freeze(ctx, t) },
	}, append(attached, web.EmailAddress)...)
	h.mountLinked(m, "/verify-address", linked{"address", h.Mailed.LookAddress, h.Mailed.ProveAddress}, web.EmailAddress)
	h.mountLinked(m, "/undo-address", linked{"undo", h.Mailed.LookUndo, h.Mailed.UndoAddress}, append(attached, web.EmailAddress)...)
	if h.MailedCode {
		m.Page("GET /signin/code", h.showCode)
	}
	if h.Mailed.MailOn() { // also for those to whom a password alone does not suffice
		m.Page("POST /signin/code", h.askCode, web.Nothing)
		m.Page("POST /signin/code/check", h.checkCode, web.Nothing)
	}
}

// mountLinked states the two routes of a link that acts at the press of a button.
func (h *Handler) mountLinked(m *web.Mux, path string, act linked, touches ...web.Touch) {
	m.Page("GET "+path, h.showLinked(path, act))
	m.Page("POST "+path, h.actLinked(act), touches...)
}

// told is a request whose letters speak the language of its pages.
func (h *Handler) told(r *http.Request) context.Context {
	return mail.WithLanguage(r.Context(), h.Pages.Language(r))
}

// gone is the page of a link that is good no more.
func gone(err error, back string) error {
	if errors.Is(err, users.ErrGone) {
		return &web.PageError{Status: http.StatusGone, Kind: "link_gone", Cause: err, Back: back}
	}
	return err
}

// maxSecret is more than any link's secret has, bytes.
const maxSecret = 128

func secretOf(s string) string { return s[:min(len(s), maxSecret)] }

func (h *Handler) forgot(w http.ResponseWriter, r *http.Request) error {
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	h.Browser.Bind(w, r)
	return h.forgotPage(w, r, in, http.StatusOK, pages.Forgot{Username: cut(in.Request.LoginHint)})
}

func (h *Handler) forgotPage(w http.ResponseWriter, r *http.Request, in flow.Interaction, status int, p pages.Forgot) error {
	r, p.App = h.dress(w, r, in)
	p.Contact, p.SignInURL = h.Contact, h.Browser.Path("/signin", &in)
	if h.Mailed.MailOn() {
		p.Action = h.Browser.Path("/forgot", &in)
	}
	return h.Pages.Render(w, r, status, p)
}

// askReset has a link mailed, if what was typed is somebody; the answer is the same for all.
func (h *Handler) askReset(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	name := typed(r, "username", maxLogin)
	if name == "" {
		return h.forgotPage(w, r, in, http.StatusBadRequest, pages.Forgot{Problems: []pages.Problem{{Field: "username", Message: "email.missing"}}})
	}
	if err := h.Mailed.AskReset(h.told(r), name); err != nil {
		return noMail(err)
	}
	return h.mailbox(w, r, in, "reset", name)
}

func noMail(err error) error {
	if errors.Is(err, users.ErrNoMail) {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: err}
	}
	return err
}

// mailbox says to look into the mailbox.
func (h *Handler) mailbox(w http.ResponseWriter, r *http.Request, in flow.Interaction, what, name string) error {
	r, app := h.dress(w, r, in)
	return h.Pages.Render(w, r, http.StatusOK, pages.Mailbox{App: app, What: what, Address: name, BackURL: h.Browser.Path("/signin", &in)})
}

func (h *Handler) showReset(w http.ResponseWriter, r *http.Request) error {
	h.Browser.Bind(w, r)
	return h.resetPage(w, r, http.StatusOK, secretOf(r.URL.Query().Get("t")))
}

func (h *Handler) resetPage(w http.ResponseWriter, r *http.Request, status int, secret string, problems ...pages.Problem) error {
	u, err := h.Mailed.LookReset(r.Context(), secret)
	if err != nil {
		return gone(err, h.Browser.Path("/forgot", nil))
	}
	return h.Pages.Render(w, r, status, pages.NewPassword{
		What: "reset", Action: h.Browser.Path("/reset", nil), Token: secret, Username: u.Email, MinLength: h.People.MinPassword(), Problems: problems,
	})
}

// reset takes the new password. Its person is signed in, unless a second step is asked for first (security notes E12).
func (h *Handler) reset(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	secret := secretOf(r.PostForm.Get("t"))
	u, err := h.Mailed.Reset(h.told(r), secret, r.PostForm.Get("password"))
	if err != nil {
		return h.refusePassword(w, err, h.Browser.Path("/forgot", nil), func(status int, problems ...pages.Problem) error {
			return h.resetPage(w, r, status, secret, problems...)
		})
	}
	return h.admit(w, r, flow.Interaction{Errand: browser.ErrandAccount}, u, session.Password(false, h.People.Hold(u.ID, u.Epoch)))
}

// refusePassword answers what is wrong with a new password that came with a link.
func (h *Handler) refusePassword(w http.ResponseWriter, err error, back string, page func(status int, problems ...pages.Problem) error) error {
	if problems, ok := browser.Problems(err, h.People.MinPassword()); ok {
		return page(http.StatusBadRequest, problems...)
	}
	if errors.Is(err, password.ErrBusy) {
		w.Header().Set("Retry-After", strconv.Itoa(int(password.RetryAfter/time.Second)))
		return page(http.StatusServiceUnavailable, pages.Problem{Field: "password", Message: "form.busy"})
	}
	return gone(err, back)
}

// same tells whether the browser is the one that asked.
func (h *Handler) same(r *http.Request, p users.Pending) bool {
	mark := h.Browser.Mark(r)
	return mark != "" && mark == p.Browser
}

func (h *Handler) showVerify(w http.ResponseWriter, r *http.Request) error {
	h.Browser.Bind(w, r)
	return h.verifyPage(w, r, http.StatusOK, secretOf(r.URL.Query().Get("t")))
}

// verifyPage asks the browser that signed up for a click, every other for a password (security notes D03).
func (h *Handler) verifyPage(w http.ResponseWriter, r *http.Request, status int, secret string, problems ...pages.Problem) error {
	p, err := h.Mailed.LookSignup(r.Context(), secret)
	if err != nil {
		return gone(err, h.Browser.Path("/signup", nil))
	}
	action := h.Browser.Path("/verify", nil)
	if h.same(r, p) && (!p.Passkey || h.carries(p)) {
		return h.Pages.Render(w, r, status, pages.Linked{What: "verify", Action: action, Token: secret, Address: p.Email})
	}
	page := pages.NewPassword{
		What: "verify", Action: action, Token: secret, Username: p.Email, MinLength: h.People.MinPassword(), Problems: problems,
	}
	if h.Passkeys != nil {
		page.PasskeyURL, page.PasskeyOptions = h.Browser.Path(verifyPasskeyPath, nil), h.Browser.Path(verifyPasskeyPath+"/options", nil)
	}
	return h.Pages.Render(w, r, status, page)
}

// verify makes the account.
func (h *Handler) verify(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	secret := secretOf(r.PostForm.Get("t"))
	p, err := h.Mailed.LookSignup(r.Context(), secret)
	if err != nil {
		return gone(err, h.Browser.Path("/signup", nil))
	}
	if h.same(r, p) && h.carries(p) {
		return h.verifyNewcomer(w, r, secret, p)
	}
	u, err := h.Mailed.Prove(h.told(r), secret, h.Browser.Mark(r), r.PostForm.Get("password"))
	if errors.Is(err, users.ErrClosed) {
		return h.closed(&flow.Interaction{})
	}
	if err != nil {
		return h.refusePassword(w, err, h.Browser.Path("/signup", nil), func(status int, problems ...pages.Problem) error {
			return h.verifyPage(w, r, status, secret, problems...)
		})
	}
	return h.proven(w, r, p, u, session.Password(false, nil))
}

// proven signs the person of a proven address in. In the browser that signed up, the errand it came for goes on.
func (h *Handler) proven(w http.ResponseWriter, r *http.Request, p users.Pending, u storage.User, how session.How) error {
	errand := ""
	if h.same(r, p) {
		errand = p.Errand
	}
	in, err := h.resume(r, errand)
	if err != nil {
		return err
	}
	return h.first(w, r, in, u, how)
}

// linked is an act that a mailed link asks for and a button does.
type linked struct {
	what string
	look func(ctx context.Context, secret, userID string) (address string, err error)
	act  func(ctx context.Context, secret, userID string) error
}

func (h *Handler) showLinked(path string, l linked) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		secret := secretOf(r.URL.Query().Get("t"))
		here, err := h.here(r)
		if err != nil {
			return err
		}
		address, err := l.look(r.Context(), secret, here)
		if err != nil {
			return h.notHere(err)
		}
		return h.Pages.Render(w, r, http.StatusOK, pages.Linked{What: l.what, Action: h.Browser.Path(path, nil), Token: secret, Address: address})
	}
}

func (h *Handler) actLinked(l linked) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := parse(r); err != nil {
			return err
		}
		here, err := h.here(r)
		if err != nil {
			return err
		}
		if err := l.act(h.told(r), secretOf(r.PostForm.Get("t")), here); err != nil {
			return h.notHere(err)
		}
		return h.Pages.Render(w, r, http.StatusOK, pages.LinkDone{What: l.what, NextURL: h.Browser.Path("/account", nil)})
	}
}

// here is who is signed in; "" = nobody.
func (h *Handler) here(r *http.Request) (userID string, err error) {
	v, err := h.Browser.Visitor(r)
	if err != nil || v == nil {
		return "", err
	}
	return v.UserID, nil
}

// notHere asks to sign in first where a link is only for its own person.
func (h *Handler) notHere(err error) error {
	if errors.Is(err, users.ErrNotYours) {
		return &web.PageError{Status: http.StatusForbidden, Kind: "link_signin", Cause: err, Back: h.Browser.Path("/signin", nil)}
	}
	return gone(err, h.Browser.Path("/signin", nil))
}
