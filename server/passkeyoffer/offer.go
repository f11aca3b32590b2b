// Package passkeyoffer is the page where a passkey is offered, once, to somebody who has signed in with a password. Whether to offer
// one is decided with the sign-in (server/login) and noted in its row. Begin with Handler.show.
package passkeyoffer

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users/factor"
	"signet/users/passkey"
)

// Passkeys is the part of *passkey.Service that the page uses.
type Passkeys interface {
	Decline(ctx context.Context, userID string) error
	BeginRegistration(ctx context.Context, browser string, of passkey.Whose) (json.RawMessage, error)
	Register(ctx context.Context, permit factor.Permit, browser string, u storage.User, name string, response []byte) (amr []string, err error)
}

// Options of New.
type Options struct {
	Login    *login.Login
	Browser  *browser.Browser
	Pages    *pages.Pages
	Passkeys Passkeys
}

// Handler answers the page.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Login == nil || o.Browser == nil || o.Pages == nil || o.Passkeys == nil {
		return nil, errors.New("passkeyoffer needs login, browser, pages and passkeys")
	}
	return &Handler{o}, nil
}

const optionsPath = "/signin/offer/options"

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /signin/offer", h.show)
	m.Page("POST /signin/offer", h.answer, web.Passkey)
	m.Page("POST "+optionsPath, h.options, web.Nothing)
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if !s.Is(flow.OfferPasskey) {
		return h.Login.GoOn(w, r, s)
	}
	return h.page(w, r, s, http.StatusOK, "")
}

func (h *Handler) page(w http.ResponseWriter, r *http.Request, s *login.State, status int, problem string) error {
	r, app := h.Login.Prepare(w, r, s)
	return h.Pages.Render(w, r, status, pages.PasskeyOffer{
		App: app, Person: s.Visitor.Person, Action: h.Login.Path(flow.OfferPasskey, s.In), Options: h.Browser.Path(optionsPath, &s.In),
		Problem: problem,
	})
}

// options is asked by the script of the page.
func (h *Handler) options(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if !s.Is(flow.OfferPasskey) {
		return &web.PageError{Status: http.StatusForbidden, Kind: "denied"}
	}
	v := s.Visitor
	options, err := h.Passkeys.BeginRegistration(r.Context(), h.Browser.Mark(r),
		passkey.Whose{ID: v.UserID, Name: v.Person.Login(), DisplayName: v.Person.Shown()})
	return login.WriteOptions(w, options, err)
}

// answer adds the passkey or notes that none is wanted, and goes on either way.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if !s.Is(flow.OfferPasskey) || !browser.ForVisitor(r, s.Visitor) { // or another account came into view in another tab
		return h.Login.GoOn(w, r, s)
	}
	if r.PostForm.Get("decision") == "no" {
		err = h.Passkeys.Decline(r.Context(), s.Visitor.UserID)
	} else {
		err = h.add(r, s)
	}
	if errors.Is(err, passkey.ErrTaken) {
		return h.page(w, r, s, http.StatusConflict, "passkeys.taken")
	}
	if errors.Is(err, passkey.ErrWrong) || errors.Is(err, passkey.ErrChanged) || errors.Is(err, factor.ErrChanged) {
		return h.page(w, r, s, http.StatusBadRequest, "passkeys.failed")
	}
	if err != nil {
		return err
	}
	if err := h.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) { p.OfferedTo = "" }); err != nil {
		return err
	}
	return h.Login.Continue(w, r, s, s.Visitor)
}

func (h *Handler) add(r *http.Request, s *login.State) error {
	permit, err := h.Login.May(r.Context(), s.Visitor, factor.AddPasskey)
	if err != nil {
		return err
	}
	_, err = h.Passkeys.Register(r.Context(), permit, h.Browser.Mark(r), s.Visitor.User, "", []byte(r.PostForm.Get("credential")))
	return err
}
