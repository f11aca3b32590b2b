package ledger

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"signet/clients"
	"signet/clients/claimmap"
	"signet/oauth/claims"
	"signet/oauth/details"
	"signet/oauth/dpop"
	"signet/oauth/mtls"
	"signet/oauth/tokens"
	"signet/storage"
)

// Request is one request to the protocol core: what was presented, what was read, what is decided. It belongs to one request
// and one goroutine. It travels in the context because fosite's calls to storage and strategies carry nothing else.
type Request struct {
	Client    *clients.Client // authenticated, or at the authorization endpoint known
	GrantType string          // "" at the authorization endpoint
	// ResponseType is that of an authorization request, one of clients.ResponseTypes; "" at the token endpoint.
	ResponseType string
	Form         url.Values
	Proof        *dpop.Proof       // of possession, judged and not yet spent; nil = none was sent
	Pushed       bool              // the answer is sent to the client, which did not ask for it (CIBA Core section 10.3)
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

	// SubjectClient is whose token is exchanged (RFC 8693), once it may be; "" = none is.
	SubjectClient string

	// Source is the assertion that the grant comes of, once it is verified.
	Source Source

	// Memberships are the person's groups and roles as far as the client gets them; read once, see Belongs.
	Memberships claims.Memberships
	belongs     bool

	// sources of the client's map of claims, once they are read.
	sources *claims.Sources

	// Access is the access token issued and its claims.
	Access      tokens.Access
	AccessToken string

	// RefreshToken is the one issued, for the hash of it in an ID token that is pushed.
	RefreshToken string

	// Code is the authorization code issued, for c_hash of an ID token beside it.
	Code string

	form       url.Values // the facts as fosite looks them up
	verified   string     // the refresh token that Presented was read from
	wasCurrent bool       // an earlier attempt saw the presented token as the current one
	write      pendingWrite
}

type requestKey struct{}

// With puts the request into a context.
func With(ctx context.Context, req *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, req)
}

// errNoRequest is a programmer's mistake: the protocol core was called without a Request.
var errNoRequest = errors.New("ledger: no request in the context")

// Of finds the request of a context.
func Of(ctx context.Context) (*Request, error) {
	if req, ok := ctx.Value(requestKey{}).(*Request); ok {
		return req, nil
	}
	return nil, errNoRequest
}

// Begin starts an attempt: everything that an earlier one read, decided and signed is forgotten, except that it saw the
// presented refresh token as the current one.
func (req *Request) Begin(now time.Time) {
	*req = Request{
		Client: req.Client, GrantType: req.GrantType, Form: req.Form, Proof: req.Proof, Certificate: req.Certificate,
		Pushed: req.Pushed, Lifetimes: req.Lifetimes, Now: now,
		Presented: req.Presented, verified: req.verified, wasCurrent: req.wasCurrent,
	}
}

// Present notes the claims of the refresh token, once it is verified.
func (req *Request) Present(token string, claims tokens.Refresh) {
	req.verified, req.Presented = token, claims
}

// HasVerified reports whether Presented was read from this very token, so that it is verified once and not three times.
func (req *Request) HasVerified(token string) bool {
	return req.verified != "" && req.verified == token
}

// Subject is whom the tokens of the request are about: the person, else the client itself.
func (req *Request) Subject() string {
	if req.State != nil {
		return req.State.UserID
	}
	return req.Client.ClientID
}

// AnsweredScope is the scope of the answer (RFC 6749 section 5.1): the access token's. One for a resource without scopes has none: then
// it is Signet's own of the request, which the rest of the answer goes by. "" only where none was allowed.
func (req *Request) AnsweredScope() string {
	if len(req.Scopes) > 0 {
		return strings.Join(req.Scopes, " ")
	}
	return strings.Join(
		slices.DeleteFunc(slices.Clone(req.Allowed), func(s string) bool { return !slices.Contains(clients.BuiltinScopes, s) }), " ")
}

// Claims are those that the person granted by the claims parameter.
func (req *Request) Claims() (claims.Param, error) {
	if req.State == nil {
		return claims.Param{}, nil
	}
	return req.Facts.GrantedClaims(req.State.Scopes, req.Client)
}

// Belongs reads the person's groups and roles if this request's tokens name them: once, and not at all in most requests.
func (req *Request) Belongs(ctx context.Context, store claims.MembershipStore) (claims.Memberships, error) {
	if req.belongs || req.State == nil {
		return req.Memberships, nil
	}
	granted, err := req.Claims()
	if err != nil {
		return nil, err
	}
	wanted := claims.Want(req.Allowed, granted.InIDToken(), req.Client.GroupsClaim, req.Client.RolesClaim, req.Client.GroupsFilter)
	req.Memberships, err = wanted.Read(ctx, store, req.State.UserID)
	req.belongs = err == nil
	return req.Memberships, err
}

// Mapped are the claims of the client's map for a place, of the scopes of this request. Its sources are read once, and not at all for a
// client without one, or without a person.
func (req *Request) Mapped(ctx context.Context, store claims.MembershipStore, place string) (map[string]any, error) {
	rules := req.Client.ClaimsMap
	if len(rules) == 0 || req.State == nil || req.State.UserID == "" || !claimmap.Goes(rules, place) {
		return nil, nil
	}
	if req.sources == nil {
		s, err := claims.ReadSources(ctx, store, rules, req.Client.GroupsFilter, req.State.UserID)
		if err != nil {
			return nil, err
		}
		req.sources = &s
	}
	return req.sources.Mapped(rules, place, req.Allowed, req.State.User), nil
}

// EndsAt is when the grant ends whatever happens; a shorter limit the client got since counts. Zero: no grant.
func (req *Request) EndsAt() time.Time {
	if req.State == nil {
		return time.Time{}
	}
	ends := req.State.EndsAt
	if now := req.State.CreatedAt.Add(req.Lifetimes.Absolute); req.Lifetimes.Absolute > 0 && (ends.IsZero() || now.Before(ends)) {
		ends = now
	}
	if until := req.Client.AgentEnds(req.State.AgentUntil, req.State.AgreedAt); !until.IsZero() && (ends.IsZero() || until.Before(ends)) {
		ends = until
	}
	return ends
}

// OfAgent reports whether the tokens of the request are those of an agent, which acts for its person.
func (req *Request) OfAgent() bool { return req.State != nil && (req.Client.Agent || req.Facts.Agent) }

// AccessLife is how long the access token of this request lives: what the grant was made with, shorter if the client's has
// become shorter, and never beyond the grant's end.
func (req *Request) AccessLife() time.Duration {
	life := req.Lifetimes.Access
	if req.Facts.Access > 0 {
		life = min(life, time.Duration(req.Facts.Access)*time.Second)
	}
	if ends := req.EndsAt(); !ends.IsZero() {
		life = min(life, ends.Sub(req.Now))
	}
	return life
}

// idleUntil is the row's next idle limit: without refresh tokens it is the end of the access token.
func (req *Request) idleUntil() time.Time {
	if !req.Refreshes() {
		return req.Now.Add(req.AccessLife())
	}
	idle := req.Lifetimes.Idle
	if req.Facts.Idle > 0 {
		idle = min(idle, time.Duration(req.Facts.Idle)*time.Second)
	}
	until := req.Now.Add(idle)
	if ends := req.EndsAt(); !ends.IsZero() && ends.Before(until) {
		until = ends
	}
	return until
}

// touchAfter is how old the note of a grant's last use may be: a small part of what it may be idle for, so that one in use does not end.
func (req *Request) touchAfter() time.Duration {
	return min(touchEvery, req.idleUntil().Sub(req.Now)/8)
}

// Refreshes reports whether the client gets refresh tokens: never for an assertion, which its issuer may not make again.
func (req *Request) Refreshes() bool {
	return req.Client.HasGrant(clients.RefreshToken) && req.GrantType != clients.JWTBearer
}

// NextRefresh is the claims of the refresh token this request answers with. They come from the row, as it is or as Settle will
// leave it, so that every replica signs the same token.
func (req *Request) NextRefresh() tokens.Refresh {
	r := tokens.Refresh{
		ClientID: req.Client.ClientID, GrantID: req.State.ID, Generation: 1,
		IssuedAt: req.Now.Unix(), ExpiresAt: req.State.EndsAt.Unix(),
	}
	if req.GrantType != "refresh_token" {
		return r
	}
	r.Generation = req.Presented.Generation + 1
	if req.Verdict == Replayed || req.Verdict == Keep {
		r.Generation, r.IssuedAt = req.State.Generation, req.State.RotatedAt.Unix()
	}
	return r
}
