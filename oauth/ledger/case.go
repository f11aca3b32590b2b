package ledger

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"signet/clients"
	"signet/oauth/claims"
	"signet/oauth/details"
	"signet/oauth/dpop"
	"signet/oauth/mtls"
	"signet/oauth/tokens"
	"signet/storage"
)

// Case is one request to the protocol core: what was presented, what was read, what is decided. It belongs to one request
// and one goroutine. It travels in the context because fosite's calls to storage and strategies carry nothing else.
type Case struct {
	Client    *clients.Client // authenticated, or at the authorization endpoint known
	GrantType string          // "" at the authorization endpoint
	// ResponseType is that of an authorization request, one of clients.ResponseTypes; "" at the token endpoint.
	ResponseType string
	Form         url.Values
	Proof        *dpop.Proof       // of possession, judged and not yet spent; nil = none was sent
	Certificate  *mtls.Certificate // that the client proved to have the key of; nil = none
	Now          time.Time         // of this attempt: all times that are written or signed come from it
	Lifetimes    Lifetimes         // that hold for this client now

	// What the one joined read gave; nil before it and without a grant. It is shared: read only.
	State *storage.GrantState
	Facts Facts

	// Allowed are the scopes of this request: a part of the grant's, when the request narrowed it. Whether there is an ID token, and
	// which groups and roles are told, goes by them.
	Allowed []string

	// Scopes and Audience of the access token: those of the allowed scopes that belong to the audience.
	Scopes, Audience []string

	// Details of the access token: those of the grant, or what the request asked for of them, that its audience takes.
	Details details.List

	// Presented is the claims of the refresh token, Verdict what it amounts to.
	Presented tokens.Refresh
	Verdict   Verdict

	// Source is the assertion that the grant comes of, once it is verified.
	Source Source

	// Memberships are the person's groups and roles as far as the client gets them; read once, see Belongs.
	Memberships claims.Memberships
	belongs     bool

	// Access is the access token issued and its claims.
	Access      tokens.Access
	AccessToken string

	// Code is the authorization code issued, for c_hash of an ID token beside it.
	Code string

	form       url.Values // the facts as fosite looks them up
	verified   string     // the refresh token that Presented was read from
	wasCurrent bool       // an earlier attempt saw the presented token as the current one
	act        act
}

type caseKey struct{}

// With puts the case into a context.
func With(ctx context.Context, c *Case) context.Context { return context.WithValue(ctx, caseKey{}, c) }

// errNoCase is a programmer's mistake: the protocol core was called without a Case.
var errNoCase = errors.New("ledger: no case in the context")

// Of finds the case of a context.
func Of(ctx context.Context) (*Case, error) {
	if c, ok := ctx.Value(caseKey{}).(*Case); ok {
		return c, nil
	}
	return nil, errNoCase
}

// Begin starts an attempt: everything that an earlier one read, decided and signed is forgotten, except that it saw the
// presented refresh token as the current one.
func (c *Case) Begin(now time.Time) {
	*c = Case{
		Client: c.Client, GrantType: c.GrantType, Form: c.Form, Proof: c.Proof, Certificate: c.Certificate,
		Lifetimes: c.Lifetimes, Now: now,
		Presented: c.Presented, verified: c.verified, wasCurrent: c.wasCurrent,
	}
}

// Present notes the claims of the refresh token, once it is verified.
func (c *Case) Present(token string, claims tokens.Refresh) { c.verified, c.Presented = token, claims }

// HasVerified reports whether Presented was read from this very token, so that it is verified once and not three times.
func (c *Case) HasVerified(token string) bool { return c.verified != "" && c.verified == token }

// Subject is whom the tokens of the case are about: the person, else the client itself.
func (c *Case) Subject() string {
	if c.State != nil {
		return c.State.UserID
	}
	return c.Client.ClientID
}

// AnsweredScope is the scope of the answer (RFC 6749 section 5.1): the access token's. One for a resource without scopes has none: then
// it is Signet's own of the request, which the rest of the answer goes by. "" only where none was allowed.
func (c *Case) AnsweredScope() string {
	if len(c.Scopes) > 0 {
		return strings.Join(c.Scopes, " ")
	}
	return strings.Join(
		slices.DeleteFunc(slices.Clone(c.Allowed), func(s string) bool { return !slices.Contains(clients.BuiltinScopes, s) }), " ")
}

// Claims are those that the person granted by the claims parameter.
func (c *Case) Claims() (claims.Param, error) {
	if c.State == nil {
		return claims.Param{}, nil
	}
	return c.Facts.GrantedClaims(c.State.Scopes, c.Client)
}

// Belongs reads the person's groups and roles if this request's tokens name them: once, and not at all in most requests.
func (c *Case) Belongs(ctx context.Context, store claims.MembershipStore) (claims.Memberships, error) {
	if c.belongs || c.State == nil {
		return c.Memberships, nil
	}
	granted, err := c.Claims()
	if err != nil {
		return nil, err
	}
	wanted := claims.Want(c.Allowed, granted.InIDToken(), c.Client.GroupsClaim, c.Client.RolesClaim, c.Client.GroupsFilter)
	c.Memberships, err = wanted.Read(ctx, store, c.State.UserID)
	c.belongs = err == nil
	return c.Memberships, err
}

// EndsAt is when the grant ends whatever happens; a shorter limit the client got since counts. Zero: no grant.
func (c *Case) EndsAt() time.Time {
	if c.State == nil {
		return time.Time{}
	}
	ends := c.State.EndsAt
	if now := c.State.CreatedAt.Add(c.Lifetimes.Absolute); c.Lifetimes.Absolute > 0 && (ends.IsZero() || now.Before(ends)) {
		ends = now
	}
	return ends
}

// AccessLife is how long the access token of this case lives: what the grant was made with, shorter if the client's has
// become shorter, and never beyond the grant's end.
func (c *Case) AccessLife() time.Duration {
	life := c.Lifetimes.Access
	if c.Facts.Access > 0 {
		life = min(life, time.Duration(c.Facts.Access)*time.Second)
	}
	if ends := c.EndsAt(); !ends.IsZero() {
		life = min(life, ends.Sub(c.Now))
	}
	return life
}

// idleUntil is the row's next idle limit: without refresh tokens it is the end of the access token.
func (c *Case) idleUntil() time.Time {
	if !c.Refreshes() {
		return c.Now.Add(c.AccessLife())
	}
	idle := c.Lifetimes.Idle
	if c.Facts.Idle > 0 {
		idle = min(idle, time.Duration(c.Facts.Idle)*time.Second)
	}
	until := c.Now.Add(idle)
	if ends := c.EndsAt(); !ends.IsZero() && ends.Before(until) {
		until = ends
	}
	return until
}

// touchAfter is how old the note of a grant's last use may be: a small part of what it may be idle for, so that one in use does not end.
func (c *Case) touchAfter() time.Duration { return min(touchEvery, c.idleUntil().Sub(c.Now)/8) }

// Refreshes reports whether the client gets refresh tokens: never for an assertion, which its issuer may not make again.
func (c *Case) Refreshes() bool {
	return c.Client.HasGrant(clients.RefreshToken) && c.GrantType != clients.JWTBearer
}

// NextRefresh is the claims of the refresh token this case answers with. They come from the row, as it is or as Settle will
// leave it, so that every replica signs the same token.
func (c *Case) NextRefresh() tokens.Refresh {
	r := tokens.Refresh{
		ClientID: c.Client.ClientID, GrantID: c.State.ID, Generation: 1,
		IssuedAt: c.Now.Unix(), ExpiresAt: c.State.EndsAt.Unix(),
	}
	if c.GrantType != "refresh_token" {
		return r
	}
	r.Generation = c.Presented.Generation + 1
	if c.Verdict == Repeat || c.Verdict == Keep {
		r.Generation, r.IssuedAt = c.State.Generation, c.State.RotatedAt.Unix()
	}
	return r
}
