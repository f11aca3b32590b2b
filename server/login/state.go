package login

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"signet/clients"
	"signet/internal/telemetry"
	"signet/oauth/consent"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
)

// State is all that bears on what comes next in a sign-in.
type State struct {
	In flow.Interaction
	// Late tells that the address names a sign-in that is not known (any more): what is made of it is a plain one.
	Late bool
	// Other tells that somebody else is to sign in, beside whoever is signed in.
	Other bool
	// Second tells that this sign-in ends with two factors, whatever the rule for the person: who has no second one sets it up.
	Second bool
	// Visitor is who is signed in; nil = nobody. Leaving is who is, but has asked for their account to be deleted.
	Visitor, Leaving *browser.Visitor
	// Pending is a sign-in that waits for its second factor, with its person; nil = none.
	Pending *Pending
	// Confirming is who is to confirm that it is them, and has no factor here to do it with; nil = nobody.
	Confirming *Confirming
	// Client and Question are those of an app's request; the question is asked for where nothing else is in the way.
	Client *clients.Client
	Prompt consent.Prompt

	resources *clients.Resources // as they were when the state was loaded

	seen    flow.Seen
	step    flow.Step
	refused error
}

// Pending is a sign-in that waits for its second factor.
type Pending struct {
	flow.PendingFactor
	User storage.User
}

// Load finds out everything about the sign-in of a request. Without ?i=, or with one that is not known here, it is a plain sign-in. An
// app's request that is over, and one whose app has gone, is an error: the page says so. After a POST without the browser's cookie
// the error is that of browser.NoCookies.
func (l *Login) Load(r *http.Request) (*State, error) {
	s := &State{In: flow.Interaction{Purpose: flow.PurposeAccount}}
	if r.Method == http.MethodPost && !l.Browser.Bound(r) {
		return s, browser.NoCookies()
	}
	if r.URL.Query().Has("i") {
		in, err := l.Browser.Interaction(r)
		switch {
		case browser.IsExpired(err):
			s.Late = true
		case err != nil:
			return s, err
		default:
			s.In = in
		}
	}
	return s, l.load(r, s)
}

// LoadRequest is Load for pages that are nothing without an app's request: where there is none, the error is the page of kind "expired".
func (l *Login) LoadRequest(r *http.Request) (*State, error) {
	in, err := l.Browser.Interaction(r)
	if err == nil && in.Purpose != flow.PurposeAuthorize {
		err = &web.PageError{Status: http.StatusBadRequest, Kind: "expired"}
	}
	s := &State{In: in}
	if err != nil {
		return s, err
	}
	return s, l.load(r, s)
}

// Plain is the state of a visit that comes from no sign-in: of the person's own pages.
func (l *Login) Plain(r *http.Request) (*State, error) {
	s := &State{In: flow.Interaction{Purpose: flow.PurposeAccount}}
	return s, l.load(r, s)
}

// Resume is Load of the sign-in with the given id, which the browser brings along in another way than by its address.
func (l *Login) Resume(r *http.Request, id string) (*State, error) {
	s := &State{In: flow.Interaction{Purpose: flow.PurposeAccount}}
	if id != "" {
		in, err := l.Browser.Resume(r, id)
		switch {
		case browser.IsExpired(err):
			s.Late = true
		case err != nil:
			return s, err
		default:
			s.In = in
		}
	}
	return s, l.load(r, s)
}

// Begun is the state of a request that has just come in and has no row yet. The visitor is who it is about.
func (l *Login) Begun(r *http.Request, in flow.Interaction, v *browser.Visitor) (*State, error) {
	s := &State{In: in, Visitor: v}
	if err := l.client(r.Context(), s); err != nil {
		return s, err
	}
	return s, l.assess(r, s)
}

func (l *Login) load(r *http.Request, s *State) error {
	s.Other = r.URL.Query().Has("other")
	if s.In.Over && s.In.Progress.Answers > 0 { // by Back, long after: the app has its answer
		return l.Over(r.Context(), s)
	}
	if s.In.Over {
		return l.over(r.Context(), s.In, "request_over", http.StatusBadRequest)
	}
	if err := l.client(r.Context(), s); err != nil {
		return err
	}
	var err error
	if s.Visitor, s.Leaving, err = l.Browser.Present(r); err != nil {
		return err
	}
	return l.assess(r, s)
}

// client finds the app of a request, which may have changed since (rule H22): it has to be there still, and enabled, and have the
// address that the answer goes to.
func (l *Login) client(ctx context.Context, s *State) (err error) {
	if s.In.Purpose != flow.PurposeAuthorize {
		return nil
	}
	s.Client, err = l.app(ctx, s.In.Request)
	return err
}

func (l *Login) app(ctx context.Context, req flow.Request) (*clients.Client, error) {
	telemetry.Add(ctx, slog.String("client_id", req.ClientID))
	c, err := l.Client(ctx, req.ClientID)
	switch {
	case errors.Is(err, clients.ErrUnknown):
		return nil, &web.PageError{Status: http.StatusBadRequest, Kind: "unknown_client", Cause: err}
	case err != nil:
		return nil, err
	case !c.Enabled():
		return nil, about(c, "client_disabled")
	}
	if _, ok := c.MatchRedirect(req.RedirectURI); !ok {
		telemetry.Add(ctx, telemetry.URI("redirect_uri", req.RedirectURI), telemetry.URIs("registered_uris", c.RedirectURIs))
		return nil, about(c, "redirect_mismatch")
	}
	return c, nil
}

// about is the error page that says what is wrong with a client.
func about(c *clients.Client, kind string) *web.PageError {
	page := &web.PageError{Status: http.StatusBadRequest, Kind: kind, Args: map[string]string{}}
	pages.App{Name: c.ClientName, Localized: c.Localized}.Call(page.Args, "Client")
	return page
}

// assess gathers what was seen and asks the dispatcher. What costs a read is read only where it matters; the consent, where nothing
// else is in the way.
func (l *Login) assess(r *http.Request, s *State) (err error) {
	ctx, now := r.Context(), time.Now()
	s.seen = flow.Seen{Leaving: s.Leaving != nil}
	if err := l.pending(r, s, now); err != nil {
		return err
	}
	if err := l.confirming(ctx, s, now); err != nil {
		return err
	}
	if v := s.Visitor; v != nil {
		if err := l.assessVisitor(r, s, v); err != nil {
			return err
		}
	} else if s.Leaving == nil {
		if s.seen.Behind, err = l.Browser.Behind(r); err != nil {
			return err
		}
	}
	s.seen.Subject = l.SubjectOf(ctx, s.In.Request, s.seen.UserID)
	s.step, s.refused = flow.Next(s.In, s.seen, now)
	silent := s.Visitor != nil && s.In.Request.Prompted("none") // what it is told depends on whether it is known
	if s.step < flow.Consent && !silent || s.Client == nil {
		return nil
	}
	s.resources = l.Resources()
	row, err := l.Consents.Read(ctx, s.Visitor.UserID, s.Client.ClientID)
	if err != nil {
		return err
	}
	s.Prompt = consent.Ask(s.Asked(), row)
	s.seen.ConsentNeeded, s.seen.ConsentEpoch, s.seen.ScopesGone = s.Prompt.Needed, s.Prompt.Epoch, s.Prompt.Nothing()
	s.step, s.refused = flow.Next(s.In, s.seen, now)
	return nil
}

// pending finds the person of a sign-in that waits for its second factor, in the browser where the first step was done. What ended
// everything of theirs since ended it.
func (l *Login) pending(r *http.Request, s *State, now time.Time) error {
	p := s.In.Progress.Pending(now)
	if p == nil || !l.Browser.DidFirstStep(r, p.Browser) {
		return nil
	}
	u, err := l.People.Show(r.Context(), p.UserID)
	if errors.Is(err, users.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if u.Epoch == p.Epoch && u.DisabledAt.IsZero() && u.FrozenAt.IsZero() {
		s.Pending, s.seen.Pending = &Pending{*p, u}, true
	}
	return nil
}

func (l *Login) assessVisitor(r *http.Request, s *State, v *browser.Visitor) (err error) {
	ctx := r.Context()
	s.seen.UserID, s.seen.AuthTime, s.seen.ACR = v.UserID, v.AuthTime, v.ACR
	s.seen.TermsDue = l.People.TermsDue(v.User)
	s.seen.Required = s.Demanded()
	if s.In.Wanting(s.seen) {
		level, err := l.Factors.Reachable(ctx, v.UserID)
		if err != nil {
			return err
		}
		s.seen.Reachable = acrOf[level]
	}
	if id := s.In.Progress.PendingIdentity; id != "" && l.IdentityOf != nil {
		owner, err := l.IdentityOf(ctx, id, l.Browser.Mark(r))
		if err != nil {
			return err
		}
		s.seen.Linkable = owner == v.UserID
	}
	if s.In.Progress.OfferedTo == v.UserID && l.Passkeys != nil {
		if s.seen.Offerable, err = l.offerable(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// acrOf are the levels by their OpenID Connect names.
var acrOf = map[factor.Level]string{factor.Single: flow.ACRSingle, factor.Multi: flow.ACRMulti, factor.Resistant: flow.ACRResistant}

// Asked is what the app's request asks of the person.
func (s *State) Asked() consent.Asked {
	return consent.Asked{Client: s.Client, Resources: s.resources, Request: s.In.Request}
}

// Demanded is the class of sign-in that the client's registration demands, or a resource that the token is for; "" = none.
func (s *State) Demanded() string { return s.Asked().Demanded() }

// Is reports whether it is the step's turn. A page whose turn it is not goes on (GoOn).
func (s *State) Is(step flow.Step) bool { return s.refused == nil && s.step == step }

// Step is what comes next; an error that is a refusal goes to the app.
func (s *State) Step() (flow.Step, error) { return s.step, s.refused }

// Reauth is the visitor who is to prove again who they are, rather than somebody else; nil = whoever it is may sign in. other tells
// that somebody else is asked for in the address.
func (s *State) Reauth(r *http.Request) *browser.Visitor {
	v := s.Visitor
	if v == nil || s.In.ID == "" || r.URL.Query().Has("other") || s.In.Request.Prompted("select_account") ||
		s.In.Request.Prompted("create") || !s.In.Request.IsAbout(cmp.Or(s.seen.Subject, v.UserID)) {
		return nil
	}
	return v
}

// SubjectOf is what the client of a request that names people calls the person; of any other request the person's id.
func (l *Login) SubjectOf(ctx context.Context, req flow.Request, userID string) string {
	if l.Subject == nil || !req.NamesPerson() {
		return userID
	}
	c, err := l.Client(ctx, req.ClientID)
	if err != nil {
		return userID // whoever goes on with the request meets the error
	}
	return l.Subject(c, userID)
}

// Prepare readies a page of the sign-in: the language that the app asked for, leave for the form's answer to lead to the app, and how
// the app is shown; nil = there is none.
func (l *Login) Prepare(w http.ResponseWriter, r *http.Request, s *State) (*http.Request, *pages.App) {
	if s.In.Purpose != flow.PurposeAuthorize {
		return r, nil
	}
	web.AllowFormAction(w, s.In.Request.RedirectURI)
	r = r.WithContext(pages.WithLocales(r.Context(), s.In.Request.UILocales))
	return r, l.App(r.Context(), s.In.Request.ClientID, s.In.Request.RedirectURI)
}
