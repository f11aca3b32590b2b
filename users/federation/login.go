package federation

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"signet/audit"
	"signet/internal/ratelimit"
	"signet/users/factor"
	"signet/users/federation/provider"
	"signet/users/ticket"
)

// Why a browser is sent to an upstream.
const (
	ToSignIn = "signin" // whoever it is
	ToLink   = "link"   // the person signed in links the identity to their account
)

const (
	purposeState ticket.Purpose = "federation state"
	purposeSpent ticket.Purpose = "federation state spent"
	stateLife                   = factor.AtUpstream // people look for their phone there
	// answerLife is how long an upstream may take to answer all that completing a sign-in needs.
	answerLife = 15 * time.Second
)

// Categories of a callback that does not belong to what was begun.
var (
	// ErrExpired: the state is not one of this browser's, was used, or is too old. Which, is not told to people.
	ErrExpired = errors.New("state is gone")
	// ErrMixUp: the state was made for another upstream (RFC 9700 section 4.4).
	ErrMixUp = errors.New("answer came to another upstream's callback")
)

// LoginRequest is what a browser is sent to an upstream for.
type LoginRequest struct {
	Upstream    string `json:"upstream"`
	Purpose     string `json:"purpose"`
	Interaction string `json:"errand,omitempty"` // id of the interaction; "" = a plain sign-in
	UserID      string `json:"user,omitempty"`   // who links, or who proves again who they are; "" = whoever it is
	Remember    bool   `json:"remember,omitempty"`
	Browser     string `json:"-"` // mark of the browser
	LoginHint   string `json:"-"`
	Locales     string `json:"-"`
	Choose      bool   `json:"-"` // another account than the one used last is wanted
	Fresh       bool   `json:"fresh,omitempty"`
	// Proof is what allowed a person to link a login, when they left for the upstream (factor.LinkLogin, with AskedAt); the zero value
	// allows nothing.
	Proof factor.Proof `json:"proof,omitzero"`
	// Invitation is the secret of an invitation's link, by which somebody new may make an account; "" = none.
	Invitation string `json:"-"`
}

// state is what is stored of a LoginRequest. What is secret of the AuthRequest is made from the state itself, under a key.
type state struct {
	LoginRequest
	Key      string    `json:"key"`
	BegunAt  time.Time `json:"begun_at"`
	Invited  []byte    `json:"invited,omitempty"`  // LoginRequest.Invitation, sealed
	Provider string    `json:"provider,omitempty"` // where it was begun; "": by an earlier release
}

// Callback is who came back from an upstream, and the LoginRequest that it answers.
type Callback struct {
	LoginRequest
	Identity provider.Identity
	// Proven: the upstream said that the person signed in there for this very request. One click there is no proof (rule V12).
	Proven bool
}

// pace counts what a network begins: each is a row. A browser known to an account has some of its own (rule V06).
func (s *Service) pace(ctx context.Context) error {
	const window = 10 * time.Minute
	o := audit.OriginOf(ctx)
	own := ratelimit.Limit{Free: 30, Window: window, OnSuccess: ratelimit.Never}
	if o.KnownBrowser != "" {
		own.Key = "upstream begun in " + o.KnownBrowser
	}
	_, err := s.limits.ChargeOr(ctx, own, ratelimit.Limit{
		Key: "upstream begun " + o.Network, Free: 1000, Window: window, First: time.Second, Max: 10 * time.Second, OnSuccess: ratelimit.Never,
	})
	return err
}

// Begin stores what the browser goes to the upstream for, and returns where it has to go. ErrUnknown; provider.ErrDown,
// provider.ErrUpstream; *ratelimit.Throttled.
func (s *Service) Begin(ctx context.Context, b LoginRequest) (*url.URL, error) {
	u, err := s.find(b.Upstream)
	if err != nil {
		return nil, err
	}
	if b.Browser == "" {
		return nil, ErrExpired
	}
	if err := s.pace(ctx); err != nil {
		return nil, err
	}
	st := state{LoginRequest: b, Key: s.key, BegunAt: time.Now(), Provider: u.where()}
	if st.Invited, err = s.sealInvitation(b.Invitation, b.Browser); err != nil {
		return nil, err
	}
	_, secret, err := s.Tickets.Issue(ctx, ticket.Order{Purpose: purposeState, Owner: b.Browser, Data: st, Lifetime: stateLife})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerLife)
	defer cancel()
	a := s.authRequest(u, secret, st)
	a.LoginHint, a.Locales, a.Choose = b.LoginHint, b.Locales, b.Choose
	to, err := u.provider.Begin(ctx, a)
	if err != nil {
		return nil, s.failed(ctx, u, err)
	}
	return to, nil
}

func (s *Service) authRequest(u *upstream, secret string, st state) provider.AuthRequest {
	bound := func(use string) string {
		h := hmac.New(sha256.New, s.keys[st.Key])
		h.Write([]byte(use + "\x00" + u.ID + "\x00" + secret))
		return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
	}
	return provider.AuthRequest{
		State: secret, Nonce: bound("nonce"), Verifier: bound("verifier"), RedirectURI: s.Callback(u.ID), Fresh: st.Fresh, BegunAt: st.BegunAt,
		AnyAge: st.Purpose == ToSignIn, // who did not prove it is asked for something else
	}
}

// sealInvitation hides the secret of an invitation from whoever reads the database; nil = there is none.
func (s *Service) sealInvitation(secret, browser string) ([]byte, error) {
	if secret == "" {
		return nil, nil
	}
	return s.Sealer.Seal([]byte(secret), s.Place("tickets", browser, "invitation"))
}

func (s *Service) openInvitation(sealed []byte, browser string) (secret string, err error) {
	if len(sealed) == 0 {
		return "", nil
	}
	raw, err := s.Sealer.Open(sealed, s.Place("tickets", browser, "invitation"))
	if err != nil {
		return "", fmt.Errorf("read invitation: %w", err)
	}
	return string(raw), nil
}

// Complete takes what came to an upstream's callback. The state is used up, whatever else is wrong; the Callback tells what was
// begun also with an error: with ErrExpired only where this browser has used the state before. ErrUnknown, ErrExpired, ErrMixUp, and those
// of provider.Provider.Complete.
func (s *Service) Complete(ctx context.Context, upstreamID, browser string, callback url.Values) (Callback, error) {
	u, err := s.find(upstreamID)
	if err != nil {
		return Callback{}, err
	}
	var st state
	secret := callback.Get("state")
	row, err := s.Tickets.Look(ctx, purposeState, secret, &st)
	if err == nil && (browser == "" || row.Owner != browser) {
		return Callback{}, ErrExpired // and stays good for the browser that it is of
	}
	if err == nil {
		err = s.Tickets.Retire(ctx, purposeState, purposeSpent, secret)
	}
	if errors.Is(err, ticket.ErrGone) {
		return s.repeated(ctx, browser, secret)
	}
	if err != nil {
		return Callback{}, err
	}
	st.Browser = browser
	a := Callback{LoginRequest: st.LoginRequest}
	if st.Upstream != upstreamID || st.Provider != "" && st.Provider != u.where() {
		a.Upstream = upstreamID
		return a, s.failed(ctx, u, ErrMixUp)
	}
	if s.keys[st.Key] == nil {
		return a, ErrExpired
	}
	if a.Invitation, err = s.openInvitation(st.Invited, browser); err != nil {
		return a, err
	}
	for _, values := range callback {
		if len(values) > 1 { // RFC 6749 section 3.1
			return a, s.failed(ctx, u, fmt.Errorf("%w: a parameter came twice", provider.ErrUpstream))
		}
	}
	asking, cancel := context.WithTimeout(ctx, answerLife)
	defer cancel()
	a.Identity, err = u.provider.Complete(asking, s.authRequest(u, secret, st), callback)
	if err == nil {
		err = a.Identity.Clean()
	}
	if err != nil {
		return a, s.failed(ctx, u, err)
	}
	a.Proven = a.Identity.SignedInSince(st.BegunAt)
	s.used(u, "")
	return a, nil
}

// repeated tells what was begun with a state that this browser has used.
func (s *Service) repeated(ctx context.Context, browser, secret string) (Callback, error) {
	var st state
	row, err := s.Tickets.Look(ctx, purposeSpent, secret, &st)
	switch {
	case errors.Is(err, ticket.ErrGone), err == nil && (browser == "" || row.Owner != browser):
		return Callback{}, ErrExpired
	case err != nil:
		return Callback{}, err
	}
	return Callback{LoginRequest: st.LoginRequest}, ErrExpired
}

// failed writes down that an upstream could not say who somebody is.
func (s *Service) failed(ctx context.Context, u *upstream, err error) error {
	if errors.Is(err, provider.ErrDown) {
		s.used(u, "down")
		s.Log.WarnContext(ctx, "upstream does not answer", slog.String("upstream", u.ID), slog.Any("error", err))
		return err
	}
	why := ""
	for name, is := range map[string]error{
		"identity": provider.ErrIdentity, "mix-up": ErrMixUp, "domain": provider.ErrDomain, "error": provider.ErrUpstream,
	} {
		if errors.Is(err, is) {
			why = name
		}
	}
	if why == "" { // refused by the person, or of our own making
		return err
	}
	s.used(u, why)
	s.Log.WarnContext(ctx, "upstream sign-in refused", slog.String("upstream", u.ID), slog.Any("error", err))
	return errors.Join(err, s.Audit.Record(context.WithoutCancel(ctx), audit.Event{
		Name: audit.SignInFailed, Detail: map[string]string{"by": "upstream", "upstream": u.ID, "why": why},
	}))
}

func newID() string { return rand.Text() }
