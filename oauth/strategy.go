package oauth

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"signet/clients/claimmap"
	"signet/oauth/claims"
	"signet/oauth/clientjwt"
	"signet/oauth/keys"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/oauth/subject"
	"signet/oauth/tokens"
)

// strategy makes and recognises codes and tokens for fosite: oauth2.CoreStrategy and openid.OpenIDConnectTokenStrategy.
// Everything a token says comes from the request, and its time is the request's; nothing is taken from fosite's session, where a
// refreshed token would carry the first one's iat (decision 0002).
type strategy struct {
	keys   clientjwt.Keys
	names  *subject.Names
	issuer *tokens.Issuer
	store  claims.MembershipStore
	status Status // nil = tokens name no status list
}

// What is too long to be read is not signed, in bytes.
const (
	maxAccess = 14 << 10 // a request's header may have 16 KiB (server/web): the rest is for its other fields
	maxID     = 16 << 10 // of an id_token_hint (oauth/request, oauth/logout, oauth/keys)
)

// tooLong answers an app whose token nobody would read. What makes tokens long is what the person belongs to.
func tooLong(what string, groups, roles, mapped int) error {
	if mapped > 0 {
		return refusal.InvalidScope(fmt.Sprintf("The %s would be too long to be accepted: the person has %d groups and %d roles, and the "+
			"claims_map of this app adds %d claims. Ask for fewer scopes, or have claims_map name less.", what, groups, roles, mapped))
	}
	return refusal.InvalidScope(fmt.Sprintf("The %s would be too long to be accepted: the person has %d groups and %d roles. "+
		"Ask without the scopes groups and roles.", what, groups, roles))
}

// subject is whom the tokens of the request are about, as the client calls them (OpenID Connect Core section 8); without a person the
// client itself.
func (s *strategy) subject(req *ledger.Request) string {
	if req.State == nil {
		return req.Client.ClientID
	}
	return s.names.Subject(req.Client, req.State.UserID)
}

// GenerateAccessToken signs the access token of the request (RFC 9068).
func (s *strategy) GenerateAccessToken(ctx context.Context, r fosite.Requester) (token, signature string, err error) {
	req, err := ledger.Of(ctx)
	if err != nil {
		return "", "", err
	}
	a := tokens.Access{
		Subject: s.subject(req), Audience: req.Audience, ClientID: req.Client.ClientID, Scope: strings.Join(req.Scopes, " "),
		IssuedAt: req.Now.Unix(), ExpiresAt: req.Now.Add(req.AccessLife()).Unix(), JTI: rand.Text(),
	}
	a.Cnf = req.Confirmation()
	if len(req.Details) > 0 {
		a.Details = json.RawMessage(req.Details.String())
	}
	if g := req.State; g != nil {
		a.GrantID, a.ACR, a.AMR = g.ID, g.ACR, g.AMR
		if !g.AuthTime.IsZero() {
			a.AuthTime = g.AuthTime.Unix()
		}
		if req.OfAgent() {
			a.CallLimit = tokens.CallsADay(req.Client.AgentLimit(g.AgentCalls))
			if a.Act, err = json.Marshal(actor{Subject: req.Client.ClientID}); err != nil {
				return "", "", err
			}
		}
		if err := s.memberships(ctx, req, &a); err != nil {
			return "", "", err
		}
		if a.Extra, err = req.Mapped(ctx, s.store, claimmap.AccessToken); err != nil {
			return "", "", err
		}
	}
	if a.Status, err = s.place(ctx, req); err != nil {
		return "", "", err
	}
	token, err = s.issuer.SignAccess(req.Client.AccessTokenSignedResponseAlg, a)
	if len(token) > maxAccess {
		return "", "", tooLong("access token", len(a.Groups), len(a.Roles), len(a.Extra))
	}
	req.Access, req.AccessToken = a, token
	return token, a.JTI, err
}

// place is where APIs look whether the token was revoked: the place of its grant, without one that of its client.
func (s *strategy) place(ctx context.Context, req *ledger.Request) (json.RawMessage, error) {
	switch {
	case s.status == nil:
		return nil, nil
	case req.State != nil:
		return s.status.Claim(req.State.StatusIndex), nil
	}
	return s.status.OfClient(ctx, req.Client)
}

// memberships puts groups and roles into the access token where their scope is granted to it (RFC 9068 section 2.2.3.1), so
// that an API can decide by them without asking.
func (s *strategy) memberships(ctx context.Context, req *ledger.Request, a *tokens.Access) error {
	groups, roles := slices.Contains(req.Allowed, claims.ScopeGroups), slices.Contains(req.Allowed, claims.ScopeRoles)
	if !groups && !roles {
		return nil
	}
	m, err := req.Belongs(ctx, s.store)
	if groups {
		a.Groups = m[cmp.Or(req.Client.GroupsClaim, claims.ScopeGroups)]
	}
	if roles {
		a.Roles = m[cmp.Or(req.Client.RolesClaim, claims.ScopeRoles)]
	}
	return err
}

// AccessTokenSignature is asked by fosite's introspection and revocation only, which are not wired.
func (s *strategy) AccessTokenSignature(context.Context, string) string { return "" }

// ValidateAccessToken likewise.
func (s *strategy) ValidateAccessToken(context.Context, fosite.Requester, string) error {
	return fosite.ErrRequestUnauthorized
}

// GenerateRefreshToken signs the refresh token that the row says comes next, or is current.
func (s *strategy) GenerateRefreshToken(ctx context.Context, _ fosite.Requester) (token, signature string, err error) {
	req, err := ledger.Of(ctx)
	if err != nil {
		return "", "", err
	}
	token, err = s.issuer.SignRefresh(req.NextRefresh())
	req.RefreshToken = token
	return token, req.State.ID, err
}

// RefreshTokenSignature verifies the token, for fosite acts upon its answer (a family is revoked) before it validates: "" is
// not a token of ours. The claims wait in the request, so that one refresh verifies once.
func (s *strategy) RefreshTokenSignature(ctx context.Context, token string) string {
	req, err := ledger.Of(ctx)
	if err != nil {
		return ""
	}
	if !req.HasVerified(token) {
		r, err := s.issuer.VerifyRefresh(token)
		if err != nil {
			return ""
		}
		req.Present(token, r)
	}
	return req.Presented.GrantID
}

// ValidateRefreshToken has nothing left to do: signature, issuer and expiry were judged by RefreshTokenSignature, the idle
// limit is the guard's.
func (s *strategy) ValidateRefreshToken(context.Context, fosite.Requester, string) error { return nil }

// GenerateAuthorizeCode makes 256 random bits; their hash is what is kept.
func (s *strategy) GenerateAuthorizeCode(ctx context.Context, _ fosite.Requester) (code, signature string, err error) {
	req, err := ledger.Of(ctx)
	if err != nil {
		return "", "", err
	}
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	code = base64.RawURLEncoding.EncodeToString(b[:])
	req.Code = code
	return code, ledger.HashCode(code), nil
}

// AuthorizeCodeSignature is the hash.
func (s *strategy) AuthorizeCodeSignature(_ context.Context, code string) string {
	return ledger.HashCode(code)
}

// ValidateAuthorizeCode judges the time of a code that the ledger has found.
func (s *strategy) ValidateAuthorizeCode(ctx context.Context, _ fosite.Requester, _ string) error {
	req, err := ledger.Of(ctx)
	if err != nil {
		return err
	}
	if !req.Now.Before(req.State.CodeExpiresAt) {
		return fosite.ErrTokenExpired.WithHint("The code expired at " + req.State.CodeExpiresAt.UTC().Format(time.RFC3339) + ".")
	}
	return nil
}

// GenerateIDToken signs the ID token of the request (OpenID Connect Core sections 2, 3.1.3.6 and 12.2). The nonce is the
// authorization request's and comes with its code or from its endpoint only.
func (s *strategy) GenerateIDToken(ctx context.Context, _ time.Duration, _ fosite.Requester) (string, error) {
	req, err := ledger.Of(ctx)
	if err != nil {
		return "", err
	}
	alg := req.Client.IDTokenSignedResponseAlg
	expires := req.Now.Add(req.Lifetimes.ID)
	if ends := req.EndsAt(); !ends.IsZero() && ends.Before(expires) {
		expires = ends
	}
	g := req.State
	id := tokens.ID{
		Subject: s.subject(req), Audience: tokens.Audience{req.Client.ClientID}, IssuedAt: req.Now.Unix(), ExpiresAt: expires.Unix(),
		ACR: g.ACR, AMR: g.AMR,
	}
	if req.Client.LearnsSessions() {
		id.SessionID = s.names.Session(req.Client, g.SessionID)
	}
	if req.Client.Exchange != nil { // it may present it: the grant is what then has to live
		id.GrantID = g.ID
	}
	if req.AccessToken != "" {
		id.AccessTokenHash = tokens.Hash(cmp.Or(alg, keys.RS256), req.AccessToken)
	}
	if req.Code != "" { // of a hybrid answer (OpenID Connect Core section 3.3.2.11)
		id.CodeHash = tokens.Hash(cmp.Or(alg, keys.RS256), req.Code)
	}
	if !g.AuthTime.IsZero() {
		id.AuthTime = g.AuthTime.Unix()
	}
	if req.GrantType == "authorization_code" || req.GrantType == "" {
		id.Nonce = req.Facts.Nonce
	}
	granted, err := req.Claims()
	if err != nil {
		return "", err
	}
	belongs, err := req.Belongs(ctx, s.store)
	if err != nil {
		return "", err
	}
	id.Extra = claims.IDToken(g.User, belongs, granted)
	// who gets no access token cannot go to userinfo (OpenID Connect Core section 5.4)
	if req.Client.IDTokenClaims || req.ResponseType == "id_token" {
		id.Extra = claims.IDTokenOf(g.User, belongs, req.Allowed, granted)
	}
	mapped, err := req.Mapped(ctx, s.store, claimmap.IDToken)
	if err != nil {
		return "", err
	}
	id.Extra = with(id.Extra, mapped)
	if req.Pushed {
		id.Extra = pushed(id.Extra, req, cmp.Or(alg, keys.RS256))
	}
	token, err := s.issuer.SignID(alg, id)
	if len(token) > maxID {
		groups := belongs[cmp.Or(req.Client.GroupsClaim, claims.ScopeGroups)]
		roles := belongs[cmp.Or(req.Client.RolesClaim, claims.ScopeRoles)]
		return "", tooLong("ID token", len(groups), len(roles), len(mapped))
	}
	if err != nil {
		return "", err
	}
	return sealed(ctx, s.keys, req.Client, req.Client.IDTokenEncryption(), token, true)
}

// with adds the claims of the client's map, which win.
func with(told, mapped map[string]any) map[string]any {
	if told == nil {
		return mapped
	}
	maps.Copy(told, mapped)
	return told
}

// pushed adds what binds an ID token to the request and the refresh token beside it (CIBA Core section 10.3.1).
func pushed(extra map[string]any, req *ledger.Request, alg string) map[string]any {
	const claim = "urn:openid:params:jwt:claim:"
	all := maps.Clone(extra)
	if all == nil {
		all = map[string]any{}
	}
	all[claim+"auth_req_id"] = req.Form.Get("auth_req_id")
	if req.RefreshToken != "" {
		all[claim+"rt_hash"] = tokens.Hash(alg, req.RefreshToken)
	}
	return all
}
