// Package consent is the page where a person is asked what an app may do.
//
// The form's answer is believed only as far as the stored request goes: what was not offered cannot be ticked. It goes on like every
// step, to where the dispatcher leads. Begin with Handler.show.
package consent

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"signet/clients"
	"signet/oauth/consent"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
)

// Options of New.
type Options struct {
	Resources func() *clients.Resources
	Scope     func(scope string, resources []string) pages.ScopeLine // in words, of the resources that are named
	// First reports whether no app of the domain was known before today, of one that registered itself.
	First    func(ctx context.Context, clientID string) (bool, error)
	Consents *consent.Consents
	Login    *login.Login
	Browser  *browser.Browser
	Pages    *pages.Pages
}

// Handler answers the page.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Resources == nil || o.Scope == nil || o.First == nil || o.Consents == nil || o.Login == nil || o.Browser == nil || o.Pages == nil {
		return nil, errors.New("consent needs resources, scopes, consents, login, browser and pages")
	}
	return &Handler{o}, nil
}

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /consent", h.show)
	m.Page("POST /consent", h.decide, web.Nothing)
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.LoadRequest(r)
	if err != nil {
		return err
	}
	if !s.Is(flow.Consent) {
		return h.Login.GoOn(w, r, s)
	}
	if !s.In.Progress.Answerable(s.Visitor.UserID) { // nothing would come of it
		return h.Login.Over(r.Context(), s)
	}
	return h.page(w, r, s, http.StatusOK, s.Prompt.Ticked)
}

// page shows the question with the boxes as given; after an answer that allowed nothing it says so (status 400).
func (h *Handler) page(w http.ResponseWriter, r *http.Request, s *login.State, status int, ticked []string) error {
	r, app := h.Login.Prepare(w, r, s)
	notYou := h.Login.Another(s.In)
	if s.Visitor.Person.Several {
		notYou = h.Login.Path(flow.ChooseAccount, s.In)
	}
	q := s.Prompt
	page := pages.Consent{App: *app, Action: h.Login.Path(flow.Consent, s.In), Person: s.Visitor.Person,
		Loopback: posable(s.Client), NotYouURL: notYou, AccountURL: h.Browser.Path("/account/apps", nil), Nothing: status != http.StatusOK,
		Details: login.Details(q.Details, h.Resources()), DetailsDigest: q.Details.Digest(), Question: q.Question(),
		Acts: login.Agent(q.Agent, s.Visitor.Person)}
	if s.Client.FromDocument() {
		at, err := url.Parse(s.Client.ClientID)
		if err != nil {
			return err
		}
		page.ClientHost, page.Loopback = at.Host, s.Client.Public() && s.Client.LoopbackOnly()
		first, err := h.First(r.Context(), s.Client.ClientID)
		if err != nil {
			return err
		}
		if first {
			page.FirstOf = at.Hostname()
		}
	}
	page.Fixed, page.Choices = login.Scopes(q, ticked, h.Scope)
	page.Before, page.Kept = login.Before(q, s.Visitor.Person, h.Scope)
	page.Resources = login.UsedAt(s.Client, q, h.Resources())
	return h.Pages.Render(w, r, status, page)
}

// posable reports whether any program on the person's computer could pose as the app (RFC 8252 section 8.6): it has no secret to
// prove itself with. The operator's own web app, the demo of a local trial, is as safe as the computer it runs on.
func posable(c *clients.Client) bool {
	return c.Public() && c.LoopbackOnly() && (c.Native() || !c.FirstParty)
}

// decide is the form's answer. A second click changes nothing: by then it is not the question's turn any more, and it leads to where
// the first one led.
func (h *Handler) decide(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.LoadRequest(r)
	if err != nil {
		return err
	}
	if s.Is(flow.Finish) && r.PostForm.Get("decision") == "deny" { // a no after the yes gets the app nothing more
		return h.Login.Over(r.Context(), s)
	}
	if !s.Is(flow.Consent) {
		return h.Login.GoOn(w, r, s)
	}
	if !s.In.Progress.Answerable(s.Visitor.UserID) {
		return h.Login.Over(r.Context(), s)
	}
	if !browser.ForVisitor(r, s.Visitor) { // another tab has switched accounts: ask the one in view
		return h.Login.ToStep(w, r, s, flow.Consent)
	}
	var allowed consent.Allowed
	if r.PostForm.Get("decision") == "allow" {
		ticked := r.PostForm["scope"]
		if r.PostForm.Get("details") != s.Prompt.Details.Digest() || s.Prompt.Other(r.PostForm) { // the page said something else
			return h.page(w, r, s, http.StatusOK, ticked)
		}
		allowed, err = h.Consents.Allow(r.Context(), consent.Decision{Asked: s.Asked(), UserID: s.Visitor.UserID, Ticked: ticked,
			Before: r.PostForm["before"], Days: r.PostForm.Get("agent_days"), Calls: r.PostForm.Get("agent_calls")})
		if errors.Is(err, consent.ErrUnseen) {
			return h.page(w, r, s, http.StatusOK, ticked)
		}
		if errors.Is(err, consent.ErrNothing) { // neither yes nor no: the app hears nothing
			return h.page(w, r, s, http.StatusBadRequest, ticked)
		}
	} else {
		err = h.Consents.Deny(r.Context(), s.Visitor.UserID, s.Client.ClientID)
	}
	if err != nil {
		return err
	}
	err = h.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) {
		if p.UserID != s.Visitor.UserID { // what another person did in this tab does not count for this one
			*p = p.BrowserOnly()
			p.UserID = s.Visitor.UserID
		}
		p.DecidedAt, p.ConsentEpoch = time.Now(), allowed.Epoch
		p.Granted, p.Denied = allowed.All, r.PostForm.Get("decision") != "allow"
		p.Details = s.Prompt.Details.Digest()
	})
	if err != nil {
		return err
	}
	return h.Login.Continue(w, r, s, s.Visitor)
}
