package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"signet/internal/ratelimit"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/federation"
	"signet/users/federation/provider"
)

// Upstreams is the part of *federation.Service that pages offer.
type Upstreams interface {
	List() []federation.Upstream
	Upstream(id string) (federation.Upstream, bool)
	Route(email string) (id string, ok bool)
	Linked(ctx context.Context, userID string) ([]storage.Identity, error)
	Begin(ctx context.Context, b federation.LoginRequest) (*url.URL, error)
}

// WithPath is where a sign-in at an upstream begins; the upstream's id follows.
const WithPath = "/signin/with/"

// offered lists the upstreams of a sign-in: those of its client, in the configured order; with again, those that the visitor who is to
// prove it again is known by.
func (l *Login) offered(r *http.Request, s *State, again *browser.Visitor) ([]federation.Upstream, error) {
	if l.Upstreams == nil {
		return nil, nil
	}
	list := l.Upstreams.List()
	if s.Client != nil && len(s.Client.Upstreams) > 0 {
		list = slices.DeleteFunc(list, func(u federation.Upstream) bool { return !slices.Contains(s.Client.Upstreams, u.ID) })
	}
	if again == nil || len(list) == 0 {
		return list, nil
	}
	known, err := l.Upstreams.Linked(r.Context(), again.UserID)
	return slices.DeleteFunc(list, func(u federation.Upstream) bool {
		return !slices.ContainsFunc(known, func(i storage.Identity) bool { return i.Upstream == u.ID })
	}), err
}

// Offers reports whether an upstream is one of the sign-in's.
func (l *Login) Offers(r *http.Request, s *State, id string) (bool, error) {
	list, err := l.offered(r, s, nil)
	return slices.ContainsFunc(list, func(u federation.Upstream) bool { return u.ID == id }), err
}

// Buttons are the upstreams of a sign-in as pages show them; the page's forms may lead there. again is who is to prove it again; nil =
// whoever it is.
func (l *Login) Buttons(w http.ResponseWriter, r *http.Request, s *State, again *browser.Visitor) ([]pages.Upstream, error) {
	list, err := l.offered(r, s, again)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	targets := []string{s.In.Request.RedirectURI}
	var buttons []pages.Upstream
	for _, u := range list {
		targets = append(targets, u.Issuer)
		if (!u.Hidden || again != nil) && !unproven(r, s, u.ID) {
			buttons = append(buttons, l.Button(r, s, u))
		}
	}
	web.AllowFormAction(w, targets...)
	return buttons, nil
}

// unproven reports whether an upstream did not prove in this sign-in what it was asked to: it is not offered for that again (rule V12).
func unproven(r *http.Request, s *State, id string) bool {
	p := s.In.Progress.NotProven(time.Now())
	return p != nil && slices.Contains(p.Upstreams, id) && !r.URL.Query().Has("other")
}

// Joinable are the buttons of those that make accounts.
func (l *Login) Joinable(w http.ResponseWriter, r *http.Request, s *State) ([]pages.Upstream, error) {
	list, err := l.Buttons(w, r, s, nil)
	return slices.DeleteFunc(list, func(b pages.Upstream) bool {
		u, _ := l.Upstreams.Upstream(b.ID)
		return u.NewAccounts == federation.AccountsNever
	}), err
}

// Button is an upstream as pages show it.
func (l *Login) Button(r *http.Request, s *State, u federation.Upstream) pages.Upstream {
	action := l.Browser.Path(WithPath+u.ID, &s.In)
	if r.URL.Query().Has("other") {
		action = WithQuery(action, "other=1")
	}
	return pages.Upstream{ID: u.ID, Name: u.Name, Mark: u.Mark, Action: action}
}

// ToUpstream sends the browser to an upstream, as req says, if it is offered. Whoever is signed in and is to prove it again has to do so
// there too. What goes wrong is told on the sign-in page.
func (l *Login) ToUpstream(w http.ResponseWriter, r *http.Request, s *State, req federation.LoginRequest) error {
	offered, err := l.Offers(r, s, req.Upstream)
	if err != nil {
		return err
	}
	if !offered {
		return l.RefuseUpstream(w, r, s, req.Upstream, ErrNotOffered)
	}
	asked := s.In.Request
	req.Purpose, req.Interaction, req.Browser, req.Locales = federation.ToSignIn, s.In.ID, l.Browser.Mark(r), strings.Join(
		asked.UILocales, " ")
	req.Choose = r.URL.Query().Has("other") || asked.Prompted("select_account")
	req.Fresh = asked.Prompted("login") || asked.MaxAge != nil || s.In.Purpose == flow.PurposeConfirm
	if req.LoginHint == "" {
		req.LoginHint = Cut(asked.LoginHint)
	}
	if again := s.Reauth(r); again != nil {
		req.UserID, req.Remember, req.Fresh = again.UserID, again.Remember, true
	}
	to, err := l.Upstreams.Begin(l.Browser.WithKnown(r), req)
	if err != nil {
		return l.RefuseUpstream(w, r, s, req.Upstream, err)
	}
	return web.Redirect(w, r, to.String())
}

// Why a callback of an upstream leads nowhere, beside the categories of users/federation.
var (
	ErrNotOffered  = errors.New("upstream is not offered here")
	ErrOtherPerson = errors.New("signed in at the upstream as somebody else")
	ErrDisabled    = errors.New("account is disabled")
	ErrUnproven    = errors.New("upstream did not prove who somebody is")
)

// upstreamProblems say on the sign-in page why nobody is signed in.
var upstreamProblems = []struct {
	is      error
	message string
	status  int
	outcome string
}{
	{provider.ErrDenied, "upstream.denied", http.StatusForbidden, "denied"},
	{provider.ErrDown, "upstream.down", http.StatusBadGateway, "down"},
	{federation.ErrExpired, "upstream.expired", http.StatusBadRequest, "failure"},
	{federation.ErrMixUp, "upstream.identity", http.StatusBadRequest, "failure"},
	{provider.ErrIdentity, "upstream.identity", http.StatusForbidden, "failure"},
	{provider.ErrDomain, "upstream.domain", http.StatusForbidden, "failure"},
	{users.ErrDomain, "upstream.domain", http.StatusForbidden, "failure"},
	{provider.ErrUpstream, "upstream.error", http.StatusBadGateway, "failure"},
	{federation.ErrNoAccount, "upstream.no_account", http.StatusForbidden, "failure"},
	{users.ErrClosed, "upstream.closed", http.StatusForbidden, "failure"},
	{federation.ErrTaken, "upstream.taken", http.StatusConflict, "failure"},
	{federation.ErrHave, "upstream.taken", http.StatusConflict, "failure"},
	{federation.ErrGone, "upstream.error", http.StatusConflict, "failure"},
	{users.ErrChanged, "upstream.error", http.StatusConflict, "failure"},
	{users.ErrFrozen, "signin.frozen", http.StatusForbidden, "failure"},
	{ErrNotOffered, "upstream.not_offered", http.StatusForbidden, "failure"},
	{ErrOtherPerson, "upstream.other_person", http.StatusForbidden, "failure"},
	{ErrDisabled, "signin.disabled", http.StatusForbidden, "failure"},
	{ErrUnproven, "upstream.unproven", http.StatusForbidden, "unproven"},
}

// RefuseUpstream tells on the sign-in page what went wrong at an upstream; the sign-in goes on (rule N03). What is ours comes back.
func (l *Login) RefuseUpstream(w http.ResponseWriter, r *http.Request, s *State, id string, err error) error {
	name := Cut(s.In.Request.LoginHint)
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		return l.Fail(w, r, s, flow.SignIn, flow.Problem{
			Message: "signin.throttled", Name: name, Status: http.StatusTooManyRequests, RetryAfter: int(late.RetryAfter / time.Second),
			At: time.Now(),
		})
	}
	for _, p := range upstreamProblems {
		if !errors.Is(err, p.is) {
			continue
		}
		u, known := l.Upstreams.Upstream(id)
		if known { // what strangers type is not a label of a metric
			l.Count("upstream "+id, p.outcome)
		}
		return l.Fail(w, r, s, flow.SignIn, flow.Problem{
			Message: p.message, Args: map[string]string{"Name": u.Name}, Name: name, Status: p.status, At: time.Now(),
		})
	}
	return err
}
