// Package confirm is the page where somebody confirms that it is them who has no password, passkey or authenticator app here, and whose
// upstream does not say when they signed in there (rule V12): by a code that is mailed to their verified address or, where there is none,
// by signing in there once more. For acts on the account that is a fact of ten minutes and changes nothing about the session; for an
// app that wants a new sign-in, the code is one, of a single factor. Begin with Handler.show.
package confirm

import (
	"context"
	"errors"
	"net/http"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/session"
)

// Codes is the part of *users.Service that mails and judges codes.
type Codes interface {
	AskConfirmation(ctx context.Context, u storage.User, browser string) error
	CheckConfirmation(ctx context.Context, u storage.User, browser, code string, signIn bool) (*users.CodeProof, error)
}

// Options of New.
type Options struct {
	Login   *login.Login
	Browser *browser.Browser
	Pages   *pages.Pages
	Codes   Codes
	// Count notes the outcome of a try by the way "confirm". Nil counts nothing.
	Count func(way, outcome string)
}

// Handler answers the page.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Login == nil || o.Browser == nil || o.Pages == nil || o.Codes == nil {
		return nil, errors.New("confirm needs login, browser, pages and codes")
	}
	if o.Count == nil {
		o.Count = func(string, string) {}
	}
	return &Handler{o}, nil
}

const path = "/signin/confirm"

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET "+path, h.show)
	m.Page("POST "+path, h.submit, web.Nothing)
}

// codeLife is how long the page asks for a code that was mailed: as long as it is good.
const codeLife = 10 * time.Minute

func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if !s.Is(flow.Confirm) {
		return h.Login.GoOn(w, r, s)
	}
	page := pages.Confirm{}
	if told := s.In.Progress.Told(time.Now()); told != nil {
		page.Problem, page.ProblemArgs = told.Message, told.Args
	}
	return h.page(w, r, s, http.StatusOK, page)
}

func (h *Handler) page(w http.ResponseWriter, r *http.Request, s *login.State, status int, p pages.Confirm) (err error) {
	r, p.App = h.Login.Prepare(w, r, s)
	u := s.Confirming.User
	p.Person, p.Action, p.OtherURL = browser.PersonOf(u), h.Login.Path(flow.Confirm, s.In), h.Login.Another(s.In)
	if s.Confirming.Mailable {
		p.Address = u.Email
		p.Sent = time.Since(s.In.Progress.ConfirmAsked) < codeLife
	}
	if s.In.Purpose == flow.PurposeAuthorize {
		p.CancelURL = login.WithQuery(h.Login.Path(flow.SignIn, s.In), "cancel=1")
	} else if p.Upstreams, err = h.Login.Buttons(w, r, s, s.Visitor); err != nil {
		return err
	}
	return h.Pages.Render(w, r, status, p)
}

// submit is the form's answer: a code, or none, which asks for one to be mailed.
func (h *Handler) submit(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if !s.Is(flow.Confirm) {
		return h.Login.GoOn(w, r, s)
	}
	if s.In.Purpose == flow.PurposeConfirm && !browser.ForVisitor(r, s.Visitor) {
		return &web.PageError{Status: http.StatusConflict, Kind: "other_account", Back: h.Login.Path(flow.Confirm, s.In)}
	}
	if !r.PostForm.Has("code") {
		return h.ask(w, r, s)
	}
	err = h.check(w, r, s, r.PostForm.Get("code"))
	if errors.Is(err, users.ErrWrong) || errors.Is(err, users.ErrChanged) {
		return h.refuse(w, r)
	}
	if err == nil {
		h.Count("confirm", "success")
	}
	return err
}

// refuse says that the code is not right. Where it was, and another tab was quicker, this one goes on as well.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if !s.Is(flow.Confirm) {
		return h.Login.GoOn(w, r, s)
	}
	h.Count("confirm", "failure")
	return h.page(w, r, s, http.StatusForbidden, pages.Confirm{Problem: "confirm.wrong"})
}

// ask has a code mailed.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, s *login.State) error {
	owner, err := h.owner(r, s)
	if err != nil {
		return err
	}
	if err := h.Codes.AskConfirmation(h.Login.Told(r), s.Confirming.User, owner); err != nil {
		return login.NoMail(err)
	}
	err = h.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) { p.ConfirmAsked, p.Problem = time.Now(), nil })
	if err != nil {
		return err
	}
	return h.Login.ToStep(w, r, s, flow.Confirm)
}

// owner is the browser and the sign-in that a code is good in.
func (h *Handler) owner(r *http.Request, s *login.State) (string, error) {
	mark, err := h.Browser.Owner(r)
	return mark + "|" + s.In.ID, err
}

// check takes the code. For an app it is a first factor.
func (h *Handler) check(w http.ResponseWriter, r *http.Request, s *login.State, code string) error {
	u := s.Confirming.User
	signIn := s.In.Purpose == flow.PurposeAuthorize
	owner, err := h.owner(r, s)
	if err != nil {
		return err
	}
	right, err := h.Codes.CheckConfirmation(r.Context(), u, owner, code, signIn)
	if err != nil {
		return err
	}
	if signIn {
		how := session.How{AMR: []string{session.AMROTP}, ACR: session.ACRSingle, Within: right.Commit}
		if p := s.In.Progress.NotProven(time.Now()); p != nil {
			how.Remember = p.Remember
		}
		return h.Login.Admit(w, r, s, u, how)
	}
	if err := h.Login.Confirmed(r, s, "code", right.Commit); err != nil {
		return err
	}
	return h.Login.Continue(w, r, s, s.Visitor)
}
