// Package terms is the page where somebody signed in accepts the terms of service of today. Begin with Handler.show.
package terms

import (
	"context"
	"errors"
	"net/http"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
)

// People is the part of *users.Service that the page uses.
type People interface {
	AcceptTerms(ctx context.Context, userID string) error
}

// Options of New.
type Options struct {
	Login   *login.Login
	Browser *browser.Browser
	Pages   *pages.Pages
	People  People
}

// Handler answers the page.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Login == nil || o.Browser == nil || o.Pages == nil || o.People == nil {
		return nil, errors.New("terms needs login, browser, pages and people")
	}
	return &Handler{o}, nil
}

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /terms", h.show)
	m.Page("POST /terms", h.answer, web.Nothing)
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if !s.Is(flow.Terms) {
		return h.Login.GoOn(w, r, s)
	}
	r, app := h.Login.Prepare(w, r, s)
	v := s.Visitor
	return h.Pages.Render(w, r, http.StatusOK,
		pages.Terms{App: app, Person: v.Person, Action: h.Login.Path(flow.Terms, s.In), Known: v.User.Terms != ""})
}

// answer goes on with whoever accepts, and signs out who does not: nothing else of the server is open to them.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if !s.Is(flow.Terms) {
		return h.Login.GoOn(w, r, s)
	}
	v := s.Visitor
	if !browser.ForVisitor(r, v) {
		return &web.PageError{Status: http.StatusConflict, Kind: "other_account", Back: h.Login.Path(flow.Terms, s.In)}
	}
	if r.PostForm.Get("decision") == "accept" {
		if err := h.People.AcceptTerms(r.Context(), v.UserID); err != nil {
			return err
		}
		return h.Login.Accepted(w, r, s)
	}
	if err := h.Browser.SignOut(w, r, v); err != nil {
		return err
	}
	if s.In.Purpose == flow.PurposeAuthorize {
		return h.Login.Cancel(w, r, s)
	}
	return h.Browser.Go(w, r, "/signin", nil)
}
