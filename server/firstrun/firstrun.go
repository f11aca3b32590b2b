// Package firstrun is the page that makes the first administrator, at the address that whoever starts the server is shown. Without a live
// link there is no such page. Begin with Handler.show.
package firstrun

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/internal/ratelimit"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/firstrun"
	"signet/users/passkey"
	"signet/users/password"
	"signet/users/session"
)

// Links is the part of *firstrun.Service that the page uses.
type Links interface {
	Look(ctx context.Context, secret string) error
	Check(ctx context.Context, secret string, r users.Registration) error
	Make(ctx context.Context, secret string, r users.Registration) (storage.User, error)
}

// Passkeys is the part of *passkey.Service that makes one for an account that is still to be made.
type Passkeys interface {
	BeginSignUp(ctx context.Context, browser string, of passkey.Whose) (json.RawMessage, error)
	SignUp(ctx context.Context, browser string, response []byte) (*passkey.Made, error)
}

// Options of New; all but Passkeys are required.
type Options struct {
	Login       *login.Login
	Browser     *browser.Browser
	Pages       *pages.Pages
	Links       Links
	Passkeys    Passkeys // nil = browsers offer none at this address
	MinPassword int
	Next        string // the page that the administrator sees then
}

// Handler answers the page.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Login == nil || o.Browser == nil || o.Pages == nil || o.Links == nil || o.Next == "" {
		return nil, errors.New("server/firstrun: login, browser, pages, links and the next page are required")
	}
	return &Handler{o}, nil
}

// Path is where the page is; ?t= has the link's secret.
const Path = "/setup"

const (
	passkeyPath = Path + "/passkey"
	optionsPath = Path + "/passkey/options"
)

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET "+Path, h.show)
	m.Page("POST "+Path, h.make, web.Password, web.EmailAddress)
	if h.Passkeys != nil {
		m.Page("POST "+passkeyPath, h.makeWithPasskey, web.Passkey, web.EmailAddress)
		m.Page("POST "+optionsPath, h.options, web.Nothing)
	}
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	secret := login.Secret(r.URL.Query().Get("t"))
	if err := h.Links.Look(r.Context(), secret); err != nil {
		return gone(err)
	}
	h.Browser.Bind(w, r)
	return h.page(w, r, http.StatusOK, pages.SignUp{Token: secret})
}

// gone: whoever has no live link finds nothing.
func gone(err error) error {
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		return &web.PageError{Status: http.StatusTooManyRequests, Kind: "too_many", RetryAfter: late.RetryAfter, Cause: err}
	}
	if errors.Is(err, firstrun.ErrGone) {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: err}
	}
	return err
}

func (h *Handler) page(w http.ResponseWriter, r *http.Request, status int, p pages.SignUp) error {
	p.First, p.Action, p.MinLength, p.AskUsername = true, h.Browser.Path(Path, nil), h.MinPassword, true
	if h.Passkeys != nil {
		p.PasskeyURL, p.PasskeyOptions = h.Browser.Path(passkeyPath, nil), h.Browser.Path(optionsPath, nil)
	}
	return h.Pages.Render(w, r, status, p)
}

// maxField is how much of a typed field is shown again, in bytes.
const maxField = 1024

// typed reads the form: what is said of the person, and the secret of the link.
func (h *Handler) typed(r *http.Request) (reg users.Registration, secret string, err error) {
	if err := login.ParseForm(r); err != nil {
		return reg, "", err
	}
	reg = users.Registration{Name: r.PostForm.Get("name"), Email: r.PostForm.Get("username"), Username: r.PostForm.Get("handle")}
	secret = login.Secret(r.PostForm.Get("t"))
	if !h.Browser.Bound(r) {
		if err := h.Links.Look(r.Context(), secret); err != nil { // which come first: strangers learn nothing
			return reg, secret, gone(err)
		}
		return reg, secret, browser.NoCookies()
	}
	return reg, secret, nil
}

// make makes the administrator by a password. The second factor is set up in the same sign-in.
func (h *Handler) make(w http.ResponseWriter, r *http.Request) error {
	reg, secret, err := h.typed(r)
	if err != nil {
		return err
	}
	reg.Method = users.WithPassword(r.PostForm.Get("password"))
	u, err := h.Links.Make(r.Context(), secret, reg)
	if err != nil {
		return h.refuse(w, r, secret, err)
	}
	return h.admit(w, r, u, session.Password(false, nil))
}

// admit signs the administrator in, who has two factors after it.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, u storage.User, how session.How) error {
	s := &login.State{In: flow.Interaction{Purpose: flow.PurposeAccount, EndsAt: h.Next}, Second: true}
	return h.Login.AdmitNew(w, r, s, u, how)
}

// refuse shows the form again, with all that is wrong and all that was typed but the password.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, secret string, err error) error {
	p := pages.SignUp{
		Token: secret, Name: login.Typed(r, "name", maxField), Email: login.Typed(r, "username", maxField),
		Username: login.Typed(r, "handle", maxField),
	}
	if problems, ok := browser.Problems(err, h.MinPassword); ok {
		p.Problems = problems
		return h.page(w, r, http.StatusBadRequest, p)
	}
	switch {
	case errors.Is(err, password.ErrBusy):
		w.Header().Set("Retry-After", strconv.Itoa(int(password.RetryAfter/time.Second)))
		p.Problems = []pages.Problem{{Field: "password", Message: "form.busy"}}
		return h.page(w, r, http.StatusServiceUnavailable, p)
	case errors.Is(err, passkey.ErrTaken):
		p.Problems = []pages.Problem{{Field: "signup-passkey", Message: "passkeys.taken"}}
		return h.page(w, r, http.StatusBadRequest, p)
	case errors.Is(err, passkey.ErrWrong):
		p.Problems = []pages.Problem{{Field: "signup-passkey", Message: "signup.passkey_failed"}}
		return h.page(w, r, http.StatusBadRequest, p)
	}
	return gone(err)
}

// options is asked by the script of the page. What is wrong with the form is told by the form's own answer.
func (h *Handler) options(w http.ResponseWriter, r *http.Request) error {
	reg, secret, err := h.typed(r)
	if err != nil {
		return err
	}
	if err := h.Links.Check(r.Context(), secret, reg); err != nil {
		if errors.Is(err, firstrun.ErrGone) {
			return gone(err)
		}
		return &web.PageError{Status: http.StatusForbidden, Kind: "denied", Cause: err}
	}
	options, err := h.Passkeys.BeginSignUp(h.Browser.WithKnown(r), h.Browser.Mark(r),
		passkey.Whose{Name: login.Cut(reg.Email), DisplayName: login.Cut(reg.Name)})
	return login.WriteOptions(w, options, err)
}

// makeWithPasskey makes the administrator with the passkey as the only way to sign in: it is as good as two factors.
func (h *Handler) makeWithPasskey(w http.ResponseWriter, r *http.Request) error {
	reg, secret, err := h.typed(r)
	if err != nil {
		return err
	}
	answer := r.PostForm.Get("credential")
	if err = h.Links.Check(r.Context(), secret, reg); err != nil {
		return h.refuse(w, r, secret, err)
	}
	made, err := h.Passkeys.SignUp(r.Context(), h.Browser.Mark(r), []byte(answer))
	var u storage.User
	if err == nil {
		reg.Method = users.WithCredential(made.UserID, made.Insert)
		u, err = h.Links.Make(r.Context(), secret, reg)
	}
	if err != nil {
		return h.refuse(w, r, secret, err)
	}
	return h.admit(w, r, u, made.How())
}
