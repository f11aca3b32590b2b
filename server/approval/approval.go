// Package approval is what the pages have in common on which a person decides about an app that waits elsewhere: what it asks for, whether
// the person signed in strongly enough for it, and the grant that comes of it. Begin with Approvals.Asked.
package approval

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/consent"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/pages/acting"
	"signet/server/web"
	"signet/storage"
)

// Consents remembers what people agreed to; *consent.Consents.
type Consents interface {
	Read(ctx context.Context, userID, clientID string) (storage.Consent, error)
	Allow(ctx context.Context, d consent.Decision) (consent.Allowed, error)
}

// Provider makes the grant; *oauth.Provider.
type Provider interface {
	Approve(ctx context.Context, a oauth.Approval) error
}

// Options of New. All are required.
type Options struct {
	Consents  Consents
	Provider  Provider
	Login     *login.Login
	Browser   *browser.Browser
	Resources func() *clients.Resources
	Scope     func(scope string, resources []string) pages.ScopeLine // in words, of the resources that are named
}

// Approvals are made by it.
type Approvals struct{ Options }

// New checks the options.
func New(o Options) (*Approvals, error) {
	if o.Consents == nil || o.Provider == nil || o.Login == nil || o.Browser == nil || o.Resources == nil || o.Scope == nil {
		return nil, errors.New("server/approval: all options are required")
	}
	return &Approvals{o}, nil
}

// What stands against an approval.
var (
	// ErrGone: the client is another one than asked, though it has its id: the one that asked was deleted.
	ErrGone = errors.New("the client that asked is gone")
	// ErrWeak: the person has to sign in again, with a second factor, or because it is too long ago.
	ErrWeak = errors.New("signed in too weakly, or too long ago")
	// ErrUnseen: the page said other authorization details or scopes than are asked for now, or none, or not how long an agent may act.
	ErrUnseen = errors.New("authorization details that were not shown")
)

// Waits is what waits for the person.
type Waits struct {
	Request flow.Request
	Kind    string // of package ledger: how its client fetches the grant
	Grant   string // the grant type with which it does
	AskedAt time.Time
	// CodeHash is what the grant is found by, Until when it has to be fetched.
	CodeHash string
	Until    time.Time
}

// Decision is what the person decides about.
type Decision struct {
	consent.Asked
	consent.Prompt
	waits Waits
}

// Asked is what an app asks of the person. ErrGone, or the page that says why nothing can be asked.
func (a *Approvals) Asked(ctx context.Context, v *browser.Visitor, w Waits) (Decision, error) {
	d := Decision{Asked: consent.Asked{Request: w.Request, Resources: a.Resources()}, waits: w}
	c, err := a.Login.Client(ctx, w.Request.ClientID)
	if errors.Is(err, clients.ErrUnknown) || err == nil && (!c.Enabled() || !c.HasGrant(w.Grant)) {
		return d, &web.PageError{
			Status: http.StatusBadRequest, Kind: "client_disabled", Args: map[string]string{"Client": w.Request.ClientID}, Cause: err,
		}
	} else if err != nil {
		return d, err
	}
	if c.CreatedAt.After(w.AskedAt) {
		return d, ErrGone
	}
	d.Client = c
	row, err := a.Consents.Read(ctx, v.UserID, c.ClientID)
	if err != nil {
		return d, err
	}
	d.Prompt = consent.Ask(d.Asked, row)
	if d.Nothing() {
		return d, &web.PageError{Status: http.StatusBadRequest, Kind: "expired"}
	}
	return d, nil
}

// Weak: the app, or a resource of its tokens, demands a stronger sign-in than the person's.
func (d Decision) Weak(v *browser.Visitor) bool {
	demanded := d.Demanded()
	return demanded != "" && !flow.Reaches(v.ACR, demanded)
}

// Old: the app, or a resource of its tokens, demands a younger sign-in. A minute is for reading the page.
func (d Decision) Old(v *browser.Visitor) bool {
	age := d.waits.Request.MaxAge
	return age != nil && time.Since(v.AuthTime) > time.Duration(*age)*time.Second+time.Minute
}

// Lines are the scopes and resources in words, with the boxes as given; nil = as the question has them.
func (a *Approvals) Lines(d Decision, ticked []string) (fixed, choices []pages.ScopeLine, resources []string) {
	if ticked == nil {
		ticked = d.Ticked
	}
	fixed, choices = login.Scopes(d.Prompt, ticked, a.Scope)
	return fixed, choices, login.UsedAt(d.Client, d.Prompt, d.Asked.Resources)
}

// Before is what the person allowed the app before, where the question is what is new.
func (a *Approvals) Before(d Decision, v *browser.Visitor) ([]pages.ScopeLine, *acting.Line) {
	return login.Before(d.Prompt, v.Person, a.Scope)
}

// May reports whether the person may allow what the form says, by ErrWeak and ErrUnseen.
func (d Decision) May(v *browser.Visitor, form url.Values) error {
	switch {
	case d.Weak(v) || d.Old(v):
		return ErrWeak
	case form.Get("details") != d.Details.Digest() || d.Other(form):
		return ErrUnseen
	}
	return nil
}

// Allow remembers the consent and makes the grant, in the transaction of ctx. consent.ErrNothing where the form allows nothing.
func (a *Approvals) Allow(ctx context.Context, v *browser.Visitor, d Decision, form url.Values) error {
	allowed, err := a.Consents.Allow(ctx, consent.Decision{Asked: d.Asked, UserID: v.UserID, Ticked: form["scope"], Before: form["before"],
		Days: form.Get("agent_days"), Calls: form.Get("agent_calls")})
	if errors.Is(err, consent.ErrUnseen) {
		return ErrUnseen
	}
	if err != nil {
		return err
	}
	return a.Provider.Approve(ctx, oauth.Approval{
		Authorization: oauth.Authorization{
			Request: d.waits.Request, Client: d.Client, UserID: v.UserID, User: v.User, UserEpoch: v.UserEpoch, ConsentEpoch: allowed.Epoch,
			AuthTime: v.AuthTime, ACR: flow.Answer(d.waits.Request, v.ACR, d.Demanded()), AMR: v.AMR, Scopes: allowed.Granted, Details: d.Details,
		},
		Kind: d.waits.Kind, CodeHash: d.waits.CodeHash, Until: d.waits.Until,
	})
}

// Stronger has the person sign in with the second factor that the app demands, and leads back. false: they have none.
func (a *Approvals) Stronger(w http.ResponseWriter, r *http.Request, v *browser.Visitor, back string) (bool, error) {
	return a.reach(w, r, v, []string{flow.ACRMulti}, back)
}

// Wanted has the person sign in as strongly as the app would like, and leads back. It is voluntary (OpenID Connect Core section 5.5.1.1):
// false, once they signed in since the app asked, and where they cannot.
func (a *Approvals) Wanted(w http.ResponseWriter, r *http.Request, v *browser.Visitor, d Decision, back string) (bool, error) {
	asked := d.waits.Request.ACRValues
	reached := func(acr string) bool { return flow.Reaches(v.ACR, acr) }
	if len(asked) == 0 || slices.ContainsFunc(asked, reached) || v.AuthTime.After(d.waits.AskedAt) {
		return false, nil
	}
	return a.reach(w, r, v, asked, back)
}

func (a *Approvals) reach(w http.ResponseWriter, r *http.Request, v *browser.Visitor, classes []string, back string) (bool, error) {
	can, err := a.Login.Stronger(r.Context(), v, classes...)
	if err != nil || !can {
		return false, err
	}
	return true, a.Again(w, r, flow.Request{ACRValues: classes}, back)
}

// Again has the person sign in as the request says, and leads back.
func (a *Approvals) Again(w http.ResponseWriter, r *http.Request, how flow.Request, back string) error {
	in, err := a.Browser.BeginAt(w, r, flow.PurposeAccount, how, back)
	if err != nil {
		return err
	}
	return a.Browser.Go(w, r, "/signin", &in)
}

// Another lets somebody else sign in, who comes back.
func (a *Approvals) Another(w http.ResponseWriter, r *http.Request, back string) error {
	in, err := a.Browser.BeginAt(w, r, flow.PurposeAccount, flow.Request{}, back)
	if err != nil {
		return err
	}
	return web.Redirect(w, r, a.Login.Another(in))
}

// SignedIn leads everybody else to where the dispatcher says, and back. nil: that was answered.
func (a *Approvals) SignedIn(w http.ResponseWriter, r *http.Request, back string) (*browser.Visitor, error) {
	s, err := a.Login.Plain(r)
	if err != nil {
		return nil, err
	}
	if s.Is(flow.Finish) {
		return s.Visitor, nil
	}
	s.In.EndsAt = back
	switch err := a.Login.Ensure(w, r, s); {
	case errors.Is(err, browser.ErrCookieFirst) && r.Method == http.MethodGet && !r.URL.Query().Has(browser.CookieShown):
		round := r.URL.Query() // its network began much: a browser that keeps cookies shows the one it got (rule V06)
		round.Set(browser.CookieShown, "1")
		return nil, web.Redirect(w, r, r.URL.Path+"?"+round.Encode())
	case err != nil:
		return nil, err
	}
	return nil, a.Login.GoOn(w, r, s)
}
