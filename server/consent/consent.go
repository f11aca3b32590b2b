// Package consent is the room where a person is asked what an app may do.
//
// The form's answer is believed only as far as the stored request goes: what was not offered cannot be ticked. It ends like every
// step, back at the dispatcher. Begin with Handler.show.
package consent

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
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
	m.Page("POST /consent", h.decide, web.Nothing)
}

// question is who asks whom for what.
type question struct {
	consent.Question
	in      flow.Interaction
	client  *clients.Client
	visitor *browser.Visitor
	next    bool // it is this question's turn; else the dispatcher knows better
}

// ask finds the question. Nobody signed in, an earlier step not done, an answer given already: not its turn.
func (h *Handler) ask(r *http.Request) (q question, err error) {
	if q.in, err = h.Browser.Interaction(r); err != nil {
		return q, err
	}
	if q.visitor, err = h.Browser.Visitor(r); err != nil || q.visitor == nil {
		return q, err
	}
	q.client, err = h.Clients.Client(r.Context(), q.in.Request.ClientID)
	if errors.Is(err, clients.ErrUnknown) || err == nil && !q.client.Enabled() {
		return q, nil // the dispatcher has the page for it
	}
	if err != nil {
		return q, err
	}
	row, err := h.Book.Read(r.Context(), q.visitor.UserID, q.client.ClientID)
	if err != nil {
		return q, err
	}
	q.Question = consent.Ask(q.client, q.in.Request, row)
	seen := flow.Seen{UserID: q.visitor.UserID, AuthTime: q.visitor.AuthTime, ConsentNeeded: q.Needed}
	step, refused := flow.Next(q.in, seen, time.Now())
	q.next = refused == nil && step == flow.Consent
	return q, nil
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	q, err := h.ask(r)
	if err != nil {
		return err
	}
	if !q.next {
		return h.Browser.Continue(w, r, q.in)
	}
	in, c := q.in, q.client
	web.AllowFormAction(w, in.Request.RedirectURI)
	r = r.WithContext(pages.WithLocales(r.Context(), in.Request.UILocales))
	notYou := h.Browser.Another(&in)
	if q.visitor.Person.Several {
		notYou = h.Browser.Path("/choose", &in)
	}
	page := pages.Consent{App: *h.App(r.Context(), c.ClientID, in.Request.RedirectURI), Action: h.Browser.Path("/consent", &in), Person: q.visitor.Person,
		Loopback: posable(c), NotYouURL: notYou, AccountURL: h.Browser.Path("/account/apps", nil)}
	for _, s := range q.Fixed {
		if s != "openid" || len(q.Fixed) == 1 {
			page.Fixed = append(page.Fixed, h.line(s, true, true))
		}
	}
	for _, s := range q.Choices {
		page.Choices = append(page.Choices, h.line(s, false, slices.Contains(q.Before, s)))
	}
	for _, id := range q.Resources {
		if api, ok := h.Clients.Resources().Find(id); ok { // the issuer's own is who the person is, which the scopes say
			page.Resources = append(page.Resources, cmp.Or(api.Name, api.Identifier))
		}
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// posable tells whether any program on the person's computer could pose as the app (RFC 8252 section 8.6): it has no secret to
// prove itself with. The operator's own web app, the demo of a local trial, is as safe as the computer it runs on.
func posable(c *clients.Client) bool {
	return c.Public() && c.LoopbackOnly() && (c.Native() || !c.FirstParty)
}

// line is a scope in words: Signet's own come from the catalogue, an API's scope is shown with the API's name.
func (h *Handler) line(scope string, required, checked bool) pages.ScopeLine {
	l := pages.ScopeLine{Scope: scope, Required: required, Checked: checked}
	if slices.Contains(clients.BuiltinScopes, scope) {
		return l
	}
	l.Title = scope
	var owners []string
	for _, owner := range h.Clients.Resources().Owners(scope) {
		owners = append(owners, cmp.Or(owner.Name, owner.Identifier))
	}
	l.More = strings.Join(owners, ", ")
	return l
}

// decide is the form's answer. A second click changes nothing: by then it is not the question's turn any more.
func (h *Handler) decide(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	q, err := h.ask(r)
	if err != nil {
		return err
	}
	if !q.next {
		return h.Browser.Continue(w, r, q.in)
	}
	if !browser.Meant(r, q.visitor) { // another tab has switched accounts: ask the one in view
		return h.Browser.Go(w, r, "/consent", &q.in)
	}
	var granted []string
	if r.PostForm.Get("decision") == "allow" {
		granted, err = h.Book.Allow(r.Context(), consent.Decision{Client: q.client, UserID: q.visitor.UserID, Asked: q.in.Request, Ticked: r.PostForm["scope"]})
	} else {
		err = h.Book.Deny(r.Context(), q.visitor.UserID, q.client.ClientID)
	}
	if err != nil {
		return err
	}
	err = h.Browser.Record(r.Context(), &q.in, func(f *flow.Facts) {
		if f.UserID != q.visitor.UserID { // what another person did in this tab does not count for this one
			*f = flow.Facts{UserID: q.visitor.UserID}
		}
		f.DecidedAt, f.Granted, f.Denied = time.Now(), granted, len(granted) == 0
	})
	if err != nil {
		return err
	}
	return h.Browser.Continue(w, r, q.in)
}
