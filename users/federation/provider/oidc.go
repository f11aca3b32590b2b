package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"signet/users/identifier"
)

// openid speaks to an OpenID provider, by what its discovery document says. The other kinds of that family are this one with
// other quirks.
type openid struct {
	Settings
	client *http.Client
	quirks oidcQuirks
	meta   *openidCache[openidMetadata]
	keys   *openidCache[[]openidKey]
}

// oidcQuirks are what kinds do differently. Only base must be set.
type oidcQuirks struct {
	base   string   // the discovery document's address without the well-known path
	scopes []string // unless Settings say others
	prompt string   // the same
	// request has the last word on an authorization request.
	request func(a AuthRequest, q url.Values)
	// document reports whether the discovery document's issuer is right; nil = it is base.
	document func(issuer string) bool
	// issuer reports whether a token's or a callback's issuer is the upstream, and how an Identity names it. token are the token's
	// claims, nil = it is a callback. nil = it is the document's.
	issuer func(m openidMetadata, iss string, token map[string]any) (name string, ok bool)
	// keyIssuers: keys may be good for some issuers only (Microsoft).
	keyIssuers bool
	// secret makes the client secret; nil = it is that of the Settings.
	secret func() (string, error)
	// verified reads email_verified; nil = it is boolean true.
	verified func(claims map[string]any) bool
	// finish has the last word on who somebody is; callback is what came back beside the code.
	finish func(i *Identity, callback url.Values) error
	// domain reports whether an identity is of a domain that may use the upstream, where Settings name some; nil = that of the
	// verified address is.
	domain func(i Identity) bool
	// noAuthTime: auth_time may be missing though it is among the claims the document lists (Microsoft).
	noAuthTime bool
	// deniedCode is another error code for access_denied.
	deniedCode string
}

const (
	openidLeeway   = time.Minute      // between our clock and theirs
	openidPatience = 10 * time.Second // with a fetch that many may wait for; the guarded client has less
)

func newOIDC(s Settings, client *http.Client) (Provider, error) {
	if s.Issuer == "" {
		return nil, errors.New("an upstream of kind oidc needs its issuer")
	}
	return newOpenid(s, client, oidcQuirks{base: s.Issuer, request: func(_ AuthRequest, q url.Values) {
		if slices.Contains(strings.Fields(q.Get("scope")), oidc.ScopeOfflineAccess) { // Core section 11: ignored without a consent
			q.Set("prompt", strings.TrimSpace(openidBeside(q.Get("prompt"))+" consent"))
		}
	}})
}

// openidBeside is what stays of a prompt beside consent.
func openidBeside(prompt string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(prompt), func(p string) bool { return p == "consent" || p == "none" }), " ")
}

// newOpenid checks what all kinds need.
func newOpenid(s Settings, client *http.Client, q oidcQuirks) (*openid, error) {
	at, err := url.Parse(q.base)
	switch {
	case client == nil:
		return nil, errors.New("a provider needs a client")
	case err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http",
		at.RawQuery != "" || at.Fragment != "" || at.User != nil:
		return nil, fmt.Errorf("issuer: %q must be an https address without query", q.base)
	case s.ClientID == "":
		return nil, errors.New("a client id is missing")
	}
	if q.scopes == nil {
		q.scopes = []string{oidc.ScopeOpenID, oidc.ScopeEmail, oidc.ScopeProfile}
	}
	if len(s.Scopes) > 0 && !slices.Contains(s.Scopes, oidc.ScopeOpenID) {
		s.Scopes = append([]string{oidc.ScopeOpenID}, s.Scopes...)
	}
	p := &openid{Settings: s, client: client, quirks: q}
	p.meta = &openidCache[openidMetadata]{fetch: p.fetchMetadata}
	p.keys = &openidCache[[]openidKey]{fetch: p.fetchKeys}
	return p, nil
}

// context carries the guarded client to the libraries.
func (p *openid) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, tokenClient(p.client))
}

// scopes to ask for.
func (p *openid) scopes(m openidMetadata) []string {
	scopes := slices.Clone(p.Scopes)
	if len(scopes) == 0 {
		scopes = slices.Clone(p.quirks.scopes)
		if p.Groups != "" && slices.Contains(m.Scopes, p.Groups) {
			scopes = append(scopes, p.Groups)
		}
	}
	if p.Offline && slices.Contains(m.Scopes, oidc.ScopeOfflineAccess) && !slices.Contains(scopes, oidc.ScopeOfflineAccess) {
		scopes = append(scopes, oidc.ScopeOfflineAccess)
	}
	return scopes
}

// config is what the OAuth library needs. The way the client proves itself is fixed: trying both would send the secret twice,
// and spend the code.
func (p *openid) config(m openidMetadata, redirectURI string) (*oauth2.Config, error) {
	c := &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: redirectURI, Scopes: p.scopes(m),
		Endpoint: oauth2.Endpoint{AuthURL: m.Authorization, TokenURL: m.Token, AuthStyle: oauth2.AuthStyleInParams},
	}
	if p.quirks.secret != nil {
		secret, err := p.quirks.secret()
		if err != nil {
			return nil, err
		}
		c.ClientSecret = secret
	}
	switch {
	case c.ClientSecret == "":
	case len(m.AuthMethods) == 0 || slices.Contains(m.AuthMethods, "client_secret_basic"): // the default: Discovery section 3
		c.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	case !slices.Contains(m.AuthMethods, "client_secret_post"):
		return nil, fmt.Errorf("%w: its token endpoint takes no client secret", ErrUpstream)
	}
	return c, nil
}

// Begin is for Provider: an authentication request (OpenID Connect Core section 3.1.2.1), with PKCE whatever the upstream says
// of it (N01).
func (p *openid) Begin(ctx context.Context, a AuthRequest) (*url.URL, error) {
	m, err := p.meta.get(ctx, false)
	if err != nil {
		return nil, err
	}
	c := oauth2.Config{ClientID: p.ClientID, RedirectURL: a.RedirectURI, Scopes: p.scopes(m)}
	c.Endpoint.AuthURL = m.Authorization
	u, err := url.Parse(c.AuthCodeURL(a.State, oauth2.S256ChallengeOption(a.Verifier), oidc.Nonce(a.Nonce)))
	if err != nil {
		return nil, fmt.Errorf("%w: its authorization endpoint is not an address", ErrUpstream)
	}
	q := u.Query()
	put := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	put("ui_locales", a.Locales)
	if !a.Choose {
		put("login_hint", a.LoginHint)
	}
	switch {
	case a.Fresh:
		q.Set("prompt", "login")
		q.Set("max_age", "0")
	case a.Choose:
		q.Set("prompt", "select_account")
	default:
		put("prompt", cmp.Or(p.Prompt, p.quirks.prompt))
	}
	if p.quirks.request != nil {
		p.quirks.request(a, q)
	}
	u.RawQuery = q.Encode()
	return u, nil
}

// Complete is for Provider.
func (p *openid) Complete(ctx context.Context, a AuthRequest, callback url.Values) (Identity, error) {
	m, err := p.meta.get(ctx, false)
	if err != nil {
		return Identity{}, err
	}
	code, err := p.readCallback(m, callback)
	if err != nil {
		return Identity{}, err
	}
	c, err := p.config(m, a.RedirectURI)
	if err != nil {
		return Identity{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*openidPatience)
	defer cancel()
	token, err := c.Exchange(p.context(ctx), code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Identity{}, openidTokenError(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return Identity{}, fmt.Errorf("%w: its token response has no ID token", ErrUpstream)
	}
	claims, issuer, err := p.verify(ctx, m, raw, a, token.AccessToken)
	if err != nil {
		return Identity{}, err
	}
	if err := p.addUserinfo(ctx, m, token.AccessToken, claims); err != nil {
		return Identity{}, err
	}
	i := p.identity(issuer, claims)
	i.IDToken, i.Tokens = raw, openidTokens(token)
	if p.quirks.finish != nil {
		if err := p.quirks.finish(&i, callback); err != nil {
			return Identity{}, err
		}
	}
	if len(p.Domains) > 0 && !p.ofDomain(i) {
		return Identity{}, ErrDomain
	}
	return i, nil
}

// readCallback gives the code. Who answers is looked at first (RFC 9207 section 2.4), also when the answer is an error.
func (p *openid) readCallback(m openidMetadata, callback url.Values) (code string, err error) {
	for _, name := range []string{"iss", "error", "code"} {
		if len(callback[name]) > 1 {
			return "", fmt.Errorf("%w: its answer has %s more than once", ErrUpstream, name)
		}
	}
	if callback.Has("iss") || m.Iss {
		if _, ok := p.issuedBy(m, callback.Get("iss"), nil); !ok {
			return "", fmt.Errorf("%w: the answer is another issuer's, or does not say whose", ErrIdentity)
		}
	}
	switch code := callback.Get("error"); {
	case code == "":
	case code == "access_denied" || code == p.quirks.deniedCode:
		return "", ErrDenied
	default:
		return "", fmt.Errorf("%w: %s", ErrUpstream, openidErrorCode(code))
	}
	if code = callback.Get("code"); code == "" {
		return "", fmt.Errorf("%w: its answer has neither code nor error", ErrUpstream)
	}
	return code, nil
}

// issuedBy reports whether an issuer is this upstream, and its name for an Identity.
func (p *openid) issuedBy(m openidMetadata, iss string, token map[string]any) (string, bool) {
	if p.quirks.issuer != nil {
		return p.quirks.issuer(m, iss, token)
	}
	return m.Issuer, iss == m.Issuer
}

// ofDomain reports whether an identity is of one of the domains that may come.
func (p *openid) ofDomain(i Identity) bool {
	if p.quirks.domain != nil {
		return p.quirks.domain(i)
	}
	return i.EmailVerified && slices.Contains(p.Domains, identifier.EmailDomain(i.Email))
}

// openidTokens are those of a token response.
func openidTokens(t *oauth2.Token) Tokens {
	scope, _ := t.Extra("scope").(string)
	if t.AccessToken == noAccessToken {
		return Tokens{}
	}
	return Tokens{Access: t.AccessToken, Refresh: t.RefreshToken, Scope: scope, ExpiresAt: t.Expiry}
}

// Refresh is for Refresher.
func (p *openid) Refresh(ctx context.Context, refreshToken string) (Tokens, error) {
	if refreshToken == "" {
		return Tokens{}, fmt.Errorf("%w: there is no refresh token", ErrUpstream)
	}
	m, err := p.meta.get(ctx, false)
	if err != nil {
		return Tokens{}, err
	}
	c, err := p.config(m, "")
	if err != nil {
		return Tokens{}, err
	}
	ctx, cancel := context.WithTimeout(p.context(ctx), openidPatience)
	defer cancel()
	token, err := c.TokenSource(ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
	if err != nil {
		return Tokens{}, openidTokenError(err)
	}
	return openidTokens(token), nil
}
