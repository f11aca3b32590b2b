// Package consent is the room where a person is asked what an app may do.
//
// The form's answer is believed only as far as the stored request goes: what was not offered cannot be ticked. It ends like every
// step, back at the dispatcher. Begin with Handler.show.
package consent

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"signet/clients"
	"signet/oauth/consent"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
)

// Registry finds clients and resources.
type Registry interface {
	Client(ctx context.Context, id string) (*clients.Client, error)
	Resources() *clients.Resources
}

// Options of New.
type Options struct {
	Clients Registry
	Book    *consent.Book
	Browser *browser.Browser
	Pages   *pages.Pages
	App     func(ctx context.Context, clientID, redirectURI string) *pages.App
}

// Handler is the room.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Clients == nil || o.Book == nil || o.Browser == nil || o.Pages == nil || o.App == nil {
		return nil, errors.New("consent needs clients, book, browser, pages and app")
	}
	return &Handler{o}, nil
}

// Mount states the room's routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /consent", h.show)
	m.Page("POST /consent", h.decide)
}

// asked is who asks whom for what.
func (h *Handler) asked(r *http.Request) (in flow.Interaction, c *clients.Client, v *browser.Visitor, err error) {
	if in, err = h.Browser.Interaction(r); err != nil {
		return
	}
	if v, err = h.Browser.Visitor(r); err != nil || v == nil {
		return
	}
	c, err = h.Clients.Client(r.Context(), in.Request.ClientID)
	if errors.Is(err, clients.ErrUnknown) {
		err = &web.PageError{Status: http.StatusBadRequest, Kind: "unknown_client", Cause: err}
	}
	return
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	in, c, v, err := h.asked(r)
	if err != nil {
		return err
	}
	if v == nil {
		return h.Browser.Continue(w, r, in)
	}
	row, err := h.Book.Read(r.Context(), v.UserID, c.ClientID)
	if err != nil {
		return err
	}
	q := consent.Ask(c, in.Request, row)
	if !q.Needed && !in.Request.Prompted("consent") {
		return h.Browser.Continue(w, r, in)
	}
	web.AllowFormAction(w, in.Request.RedirectURI)
	r = r.WithContext(pages.WithLocales(r.Context(), in.Request.UILocales))
	page := pages.Consent{App: *h.App(r.Context(), c.ClientID, in.Request.RedirectURI), Action: h.Browser.Path("/consent", &in), Person: v.Person,
		Loopback: c.LoopbackOnly() && !c.FirstParty, NotYouURL: h.Browser.Path("/signin", &in) + "&other=1", AccountURL: h.Browser.Path("/account", nil)}
	for _, s := range q.Fixed {
		if s != "openid" || len(q.Fixed) == 1 {
			page.Fixed = append(page.Fixed, h.line(s, true, true))
		}
	}
	for _, s := range q.Choices {
		page.Choices = append(page.Choices, h.line(s, false, slices.Contains(q.Before, s)))
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// line is a scope in words: Signet's own come from the catalogue, an API's scope is shown with the API's name.
func (h *Handler) line(scope string, required, checked bool) pages.ScopeLine {
	l := pages.ScopeLine{Scope: scope, Required: required, Checked: checked}
	if slices.Contains(clients.BuiltinScopes, scope) {
		return l
	}
	l.Title = scope
	for _, owner := range h.Clients.Resources().Owners(scope) {
		l.More = owner.Name
	}
	return l
}

func (h *Handler) decide(w http.ResponseWriter, r *http.Request) error {
	in, c, v, err := h.asked(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	if v == nil {
		return h.Browser.Continue(w, r, in)
	}
	var change func(*flow.Facts)
	if r.PostForm.Get("decision") == "allow" {
		granted, err := h.Book.Allow(r.Context(), consent.Decision{Client: c, UserID: v.UserID, Asked: in.Request, Ticked: r.PostForm["scope"]})
		if err != nil {
			return err
		}
		change = func(f *flow.Facts) { f.DecidedAt, f.Granted, f.Denied = time.Now(), granted, false }
	} else {
		if err := h.Book.Deny(r.Context(), v.UserID, c.ClientID); err != nil {
			return err
		}
		change = func(f *flow.Facts) { f.DecidedAt, f.Granted, f.Denied = time.Now(), nil, true }
	}
	err = h.Browser.Record(r.Context(), &in, func(f *flow.Facts) {
		if f.UserID != v.UserID { // what another person did in this tab does not count for this one
			*f = flow.Facts{UserID: v.UserID}
		}
		change(f)
	})
	if err != nil {
		return err
	}
	return h.Browser.Continue(w, r, in)
}
