package oauth

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"signet/clients"
	"signet/clients/claimmap"
	"signet/internal/spaced"
	"signet/internal/telemetry"
	"signet/oauth/claims"
	"signet/oauth/dpop"
	"signet/oauth/flow"
	"signet/oauth/ledger"
	"signet/oauth/mtls"
	"signet/oauth/refusal"
	"signet/oauth/tokens"
)

// Userinfo is the claims about the person of an access token (OpenID Connect Core section 5.3), or in JWT the same signed,
// for a client that registered userinfo_signed_response_alg.
type Userinfo struct {
	Claims map[string]any
	JWT    string
}

// Presented is an access token as it was sent.
type Presented struct {
	Token string
	DPoP  bool        // with the scheme DPoP, not Bearer
	Proof *dpop.Proof // of possession, judged; nil = none was sent
	// Certificate that the sender proved to have the key of; nil = none.
	Certificate *mtls.Certificate
}

// held reports whether a token that is bound to a key was sent with the proof of this key, and one that is not as a bearer token (RFC 9449
// section 7); and one that is bound to a certificate with this one (RFC 8705 section 3).
func (s Presented) held(a tokens.Access) *refusal.Refusal {
	jkt, x5t := a.Bound()
	switch {
	case x5t != "" && s.Certificate.Thumbprint() != x5t:
		return refusal.InvalidToken("The access token is bound to a certificate: bring it to the address in mtls_endpoint_aliases.")
	case jkt == "" && !s.DPoP:
		return nil
	case jkt == "":
		return refusal.InvalidToken("The access token is bound to no key: send it as a Bearer token.")
	case !s.DPoP:
		return refusal.InvalidToken("The access token is bound to a key: send it with the scheme DPoP and a proof.")
	case s.Proof == nil:
		return refusal.InvalidDPoPProof("Send a DPoP proof with the access token.")
	case s.Proof.JKT != jkt:
		return refusal.InvalidToken("The DPoP proof is of another key than the access token is bound to.")
	case !s.Proof.Of(s.Token):
		return refusal.InvalidDPoPProof("ath of the DPoP proof is not the hash of the access token.")
	}
	return nil
}

// Userinfo answers for an access token that is for this issuer and has openid (rule L05). One joined read.
// Errors are *refusal.Refusal of RFC 6750 section 3.1: invalid_token, insufficient_scope; and of RFC 9449: invalid_dpop_proof.
func (p *Provider) Userinfo(ctx context.Context, sent Presented) (Userinfo, error) {
	a, err := p.o.Issuer.VerifyAccess(sent.Token)
	if err != nil {
		return Userinfo{}, refusal.InvalidToken("The access token is invalid or expired.").Because(err)
	}
	if no := sent.held(a); no != nil {
		telemetry.Add(ctx, slog.String("client_id", a.ClientID))
		return Userinfo{}, no
	}
	told, err := p.userinfo(ctx, a, sent.Proof)
	if err == nil && sent.DPoP {
		if err = p.ledger.SpendProof(ctx, sent.Proof); err != nil {
			told, err = Userinfo{}, refusal.From(err)
		}
	}
	if err != nil {
		telemetry.Add(ctx, slog.String("client_id", a.ClientID))
	}
	return told, err
}

// SpendProof uses up a proof of possession of a request that is answered elsewhere. Errors are *refusal.Refusal.
func (p *Provider) SpendProof(ctx context.Context, proof *dpop.Proof) error {
	if err := p.ledger.SpendProof(ctx, proof); err != nil {
		return refusal.From(err)
	}
	return nil
}

// userinfo answers for the claims of a verified access token.
func (p *Provider) userinfo(ctx context.Context, a tokens.Access, proof *dpop.Proof) (Userinfo, error) {
	if !slices.Contains(a.Audience, p.o.Issuer.URL()) {
		return Userinfo{}, refusal.InvalidToken("The access token is for another resource.")
	}
	scopes := spaced.Words(a.Scope)
	if !slices.Contains(scopes, "openid") || a.GrantID == "" {
		return Userinfo{}, refusal.InsufficientScope("The access token does not have the scope openid.")
	}
	s, client, err := p.grantState(ctx, a)
	if errors.Is(err, errInactive) {
		return Userinfo{}, refusal.InvalidToken("The access token was revoked, or its grant ended.").Because(err)
	} else if err != nil {
		return Userinfo{}, refusal.From(err)
	}
	if no := proof.Fits(client); no != nil {
		return Userinfo{}, no
	}
	if no := authentication(client, a, time.Now()); no != nil {
		return Userinfo{}, no
	}
	if len(a.Act) > 0 && s.ClientID != "" { // what the client demands that the grant was given to holds for what comes of its tokens
		first, err := p.enabled(ctx, s.ClientID, a.IssuedAt)
		if err != nil {
			return Userinfo{}, refusal.From(err)
		}
		if no := authentication(first, a, time.Now()); no != nil {
			return Userinfo{}, no
		}
	}
	granted, err := ledger.ClaimsOf(s.Grant, client)
	if err != nil {
		return Userinfo{}, refusal.From(err)
	}
	if len(a.Act) > 0 && !ofAgent(a, s) {
		granted = claims.Param{} // was granted to another client
	}
	wanted := claims.Want(scopes, granted.AtUserinfo(), client.GroupsClaim, client.RolesClaim, client.GroupsFilter)
	belongs, err := wanted.Read(ctx, p.o.Belongs, s.UserID)
	if err != nil {
		return Userinfo{}, refusal.From(err)
	}
	told := claims.Userinfo(s.User, belongs, scopes, granted)
	if claimmap.Goes(client.ClaimsMap, claimmap.Userinfo) {
		sources, err := claims.ReadSources(ctx, p.o.Belongs, client.ClaimsMap, client.GroupsFilter, s.UserID)
		if err != nil {
			return Userinfo{}, refusal.From(err)
		}
		told = with(told, sources.Mapped(client.ClaimsMap, claimmap.Userinfo, scopes, s.User))
	}
	told["sub"] = p.o.Names.Subject(client, s.UserID)
	if len(a.Act) > 0 {
		told["sub"] = a.Subject // as the client calls them that it was exchanged for
	}
	return p.signed(ctx, client, Userinfo{Claims: told})
}

// authentication demands of the sign-in behind a token what the client's registration does (RFC 9470 section 3): two factors,
// not too long ago. Nil = it suffices.
func authentication(c *clients.Client, a tokens.Access, now time.Time) *refusal.Refusal {
	switch {
	case c.RequireSecondFactor && !flow.Reaches(a.ACR, flow.ACRMulti):
		return refusal.InsufficientAuthentication("The person has to sign in with two factors.", []string{flow.ACRMulti, flow.ACRResistant}, 0)
	case c.UserinfoMaxAge > 0 && now.Unix()-a.AuthTime > c.UserinfoMaxAge:
		return refusal.InsufficientAuthentication("The person has to sign in again.", nil, c.UserinfoMaxAge)
	}
	return nil
}

// signed makes a JWT of the claims, and encrypts it, if the client wants that; iss and aud say by whom and for whom (Core section 5.3.2).
func (p *Provider) signed(ctx context.Context, c *clients.Client, told Userinfo) (Userinfo, error) {
	alg := c.UserinfoSignedResponseAlg
	var err error
	switch {
	case alg != "" && alg != "none":
		if told.JWT, err = p.o.Issuer.SignUserinfo(alg, c.ClientID, told.Claims); err == nil {
			told.JWT, err = sealed(ctx, p.o.Keys, c, c.UserinfoEncryption(), told.JWT, true)
		}
	case c.UserinfoEncryption().On():
		told.JWT, err = p.sealedClaims(ctx, c, told.Claims)
	}
	if err != nil {
		return Userinfo{}, refusal.From(err)
	}
	return told, nil
}
