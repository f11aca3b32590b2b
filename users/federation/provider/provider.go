package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"signet/users/identifier"
)

// Categories of what can go wrong with an upstream, for errors.Is. Nothing that an upstream said is in an error's text but its
// registered error codes.
var (
	// ErrDenied: the person, or the upstream on their behalf, said no (RFC 6749 section 4.1.2.1: access_denied).
	ErrDenied = errors.New("sign-in refused at the upstream")
	// ErrUpstream: the upstream answered with an error, or with what its standard does not allow.
	ErrUpstream = errors.New("upstream answered with an error")
	// ErrDown: the upstream does not answer, too slowly, or not with what can be read.
	ErrDown = errors.New("upstream does not answer")
	// ErrIdentity: what it says about who somebody is does not verify: a token with a wrong signature, issuer, audience, nonce,
	// time or domain, or one that is not for us.
	ErrIdentity = errors.New("identity not accepted")
	// ErrDomain: the identity is real but not of a domain that may use this upstream.
	ErrDomain = errors.New("domain may not use this upstream")
)

// The kinds of upstream.
const (
	KindOIDC      = "oidc"
	KindGoogle    = "google"
	KindFacebook  = "facebook"
	KindGitHub    = "github"
	KindMicrosoft = "microsoft"
	KindApple     = "apple"
)

// Settings of one upstream as its Provider needs them.
type Settings struct {
	ID   string // names it in addresses and rows, [a-z0-9-]
	Kind string // one of Kind…
	// Issuer of the OpenID provider. For the kinds whose address is known it is empty; then it names another one that behaves
	// the same: GitHub Enterprise Server's address, or a test's.
	Issuer       string
	ClientID     string
	ClientSecret string
	Scopes       []string // instead of the kind's own; empty = those
	Prompt       string   // instead of the kind's own (Google: select_account); "" = that
	Offline      bool     // ask for a refresh token
	Domains      []string // only identities of these domains, lower case; empty = all
	GraphVersion string   // Facebook: "v25.0"; "" = the newest this version of Signet was written for
	Tenant       string   // Microsoft: a tenant's id or domain, "organizations", "consumers" or "common"; "" = common
	TeamID       string   // Apple
	KeyID        string   // Apple
	PrivateKey   string   // Apple: PKCS #8 in PEM, P-256
	Groups       string   // the claim that names groups, asked for where asking is needed; "" = none
}

// AuthRequest is one authorization request to an upstream, from Begin to Complete.
type AuthRequest struct {
	State       string // 256 bits, base64url
	Nonce       string // bound to the state
	Verifier    string // PKCE code_verifier (RFC 7636 section 4.1), bound to the state
	RedirectURI string // our callback for this upstream, exact
	LoginHint   string // who is expected; "" = nobody
	Locales     string // ui_locales, space separated; "" = none
	Fresh       bool   // the person has to prove again who they are
	AnyAge      bool   // with Fresh: an answer that does not prove it is no error; the caller asks Identity.SignedInSince
	Choose      bool   // another account than the one used last is wanted
	BegunAt     time.Time
}

// Identity is who an upstream says somebody is, verified.
type Identity struct {
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
	Email   string `json:"email,omitempty"`
	// EmailVerified is what the upstream says of the address.
	EmailVerified bool `json:"email_verified,omitempty"`
	// Authoritative: the upstream runs the address's mailboxes, by the kind's own rule, so that its word for a verified address is
	// as good as our own verification (N05).
	Authoritative bool   `json:"authoritative,omitempty"`
	Username      string `json:"username,omitempty"` // preferred_username, login; "" = none
	// Claims are what it said beside, by the names of OpenID Connect Core section 5.1 where there is one.
	Claims   map[string]any `json:"claims,omitempty"`
	ACR      string         `json:"acr,omitempty"`
	AMR      []string       `json:"amr,omitempty"`
	AuthTime time.Time      `json:"auth_time,omitzero"` // zero = not said
	SID      string         `json:"sid,omitempty"`      // of its session; "" = not said
	IDToken  string         `json:"id_token,omitempty"` // as id_token_hint when signing out; "" = none
	Tokens   Tokens         `json:"tokens,omitzero"`
}

// SignedInSince reports whether the upstream said that the person signed in there at that time or later, by auth_time (OpenID Connect
// Core section 2). Clocks may differ by a minute. What it does not say is not so.
func (i Identity) SignedInSince(at time.Time) bool {
	return !i.AuthTime.IsZero() && !i.AuthTime.Before(at.Add(-openidLeeway))
}

// Tokens are what an upstream issued for use at its own APIs.
type Tokens struct {
	Access    string    `json:"access_token"`
	Refresh   string    `json:"refresh_token,omitempty"`
	Scope     string    `json:"scope,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero = not said
}

// Provider speaks to one upstream. It is safe for concurrent use.
type Provider interface {
	// Begin is the address at the upstream that the browser is sent to. ErrDown, ErrUpstream.
	Begin(ctx context.Context, a AuthRequest) (*url.URL, error)
	// Complete verifies what came back to the callback: the parameters of the query, or of the form that was posted. The state
	// was checked already. ErrDenied, ErrUpstream, ErrDown, ErrIdentity, ErrDomain.
	Complete(ctx context.Context, a AuthRequest, callback url.Values) (Identity, error)
	// Check looks whether the upstream is there and set up as it must be, for `signet doctor`. Each finding is a sentence.
	Check(ctx context.Context, redirectURI string) []Finding
}

// Finding is one result of Provider.Check.
type Finding struct {
	OK   bool
	Text string // what was looked at and found; and what to do about it, where it is not OK
}

// Refresher is a Provider that can renew tokens.
type Refresher interface {
	// Refresh gives new tokens for a refresh token (RFC 6749 section 6). ErrUpstream: it is no longer valid.
	Refresh(ctx context.Context, refreshToken string) (Tokens, error)
}

// LogoutURLer is a Provider that can end the session at the upstream (OpenID Connect RP-Initiated Logout 1.0).
type LogoutURLer interface {
	// LogoutURL is the address that ends it and leads back to returnTo with state; nil = the upstream offers none.
	LogoutURL(ctx context.Context, idToken, returnTo, state string) (*url.URL, error)
}

// LogoutToken is what a back-channel logout says, verified (OpenID Connect Back-Channel Logout 1.0 section 2.6). At least one
// of Subject and SID is set.
type LogoutToken struct {
	Issuer, Subject, SID, JTI string
	IssuedAt, ExpiresAt       time.Time
}

// BackChannelLogout is a Provider whose upstream may send logout tokens when a session ends.
type BackChannelLogout interface {
	// ReadLogout verifies a logout token. Whether it came before is not checked. ErrIdentity, ErrDown.
	ReadLogout(ctx context.Context, raw string) (LogoutToken, error)
}

// SignedRequest is what Facebook sends server to server, verified.
type SignedRequest struct {
	Subject  string
	IssuedAt time.Time
}

// SignedRequestReader is a Provider whose upstream reports by a signed_request that a person removed the app from their account,
// or wants their data deleted.
type SignedRequestReader interface {
	// ReadSignedRequest verifies one. ErrIdentity.
	ReadSignedRequest(raw string) (SignedRequest, error)
	// Issuer is that of the upstream's identities.
	Issuer() string
}

// makers are the kinds, each in its file.
var makers = map[string]func(s Settings, client *http.Client) (Provider, error){
	KindOIDC: newOIDC, KindGoogle: newGoogle, KindMicrosoft: newMicrosoft, KindApple: newApple,
	KindFacebook: newFacebook, KindGitHub: newGitHub,
}

// Kinds are the kinds of upstream there are, sorted.
func Kinds() []string {
	kinds := make([]string, 0, len(makers))
	for k := range makers {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}

// New makes the Provider of a kind. It asks nothing of the upstream yet. client must be guarded: bounded in time and size, and
// following no redirects.
func New(s Settings, client *http.Client) (Provider, error) {
	newKind, ok := makers[s.Kind]
	if !ok {
		return nil, fmt.Errorf("kind %q is not one of %v", s.Kind, Kinds())
	}
	return newKind(s, client)
}

// Limits of an Identity.
const (
	maxSubject = 255 // bytes; OpenID Connect Core section 2
	maxIssuer  = 512
	maxClaims  = 16 << 10
)

// Clean refuses an identity that cannot be stored, and drops what need not be. ErrIdentity.
func (i *Identity) Clean() error {
	if !storable(i.Issuer, maxIssuer) || !storable(i.Subject, maxSubject) {
		return fmt.Errorf("%w: issuer or subject missing, too long or not text", ErrIdentity)
	}
	if !storable(i.SID, maxSubject) {
		i.SID = ""
	}
	if len(i.Email) > identifier.MaxEmail {
		i.Email, i.EmailVerified, i.Authoritative = "", false, false
	}
	if raw, err := json.Marshal(i.Claims); err != nil || len(raw) > maxClaims {
		i.Claims = nil
	}
	return nil
}

// storable reports whether a name of something at an upstream can be stored and compared: not empty, not too long, and without
// characters that cannot be seen or were lost on the way.
func storable(name string, most int) bool {
	return name != "" && len(name) <= most && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || r == unicode.ReplacementChar
	})
}

// Text reads a claim that is a string; "" if it is not there or something else.
func (i Identity) Text(claim string) string {
	s, _ := i.Claims[claim].(string)
	return s
}
