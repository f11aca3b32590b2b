package provider

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"signet/internal/exact"
)

// addUserinfo asks the userinfo endpoint (OpenID Connect Core section 5.3), where the ID token says less than was asked for. What
// the ID token says stands. An endpoint that refuses, fails or answers with what cannot be read or verified ends the sign-in only where it
// depends on what is missing: groups, or the address where only some domains may come in (rule D1).
func (p *openid) addUserinfo(ctx context.Context, m openidMetadata, access string, claims map[string]any) error {
	missing := func(claim string) bool { return claim != "" && claims[claim] == nil }
	scopes := p.scopes(m)
	email := missing("email") && slices.Contains(scopes, oidc.ScopeEmail)
	if m.Userinfo == "" || !email && !(missing("name") && slices.Contains(scopes, oidc.ScopeProfile)) && !missing(p.Groups) {
		return nil
	}
	var more map[string]any
	var err error
	if access == noAccessToken {
		err = fmt.Errorf("%w: it gave no access token", ErrUpstream)
	} else {
		more, err = p.userinfo(ctx, m, access)
	}
	if err != nil {
		if ctx.Err() == nil && !missing(p.Groups) && !(missing("email") && len(p.Domains) > 0) {
			return nil
		}
		return err
	}
	if sub, _ := more["sub"].(string); sub != claims["sub"] { // Core section 5.3.2
		return fmt.Errorf("%w: userinfo is of somebody else", ErrIdentity)
	}
	switch { // an address and what is said of it are one statement
	case claims["email"] == nil:
		delete(claims, "email_verified")
	case claims["email"] != more["email"]:
		delete(more, "email_verified")
	}
	for name, value := range more {
		if _, said := claims[name]; !said && !slices.Contains(openidProtocol, name) {
			claims[name] = value
		}
	}
	return nil
}

// userinfo asks the endpoint, which answers with JSON or, where the client is registered so, with a signed JWT. ErrDown, ErrUpstream.
func (p *openid) userinfo(ctx context.Context, m openidMetadata, access string) (map[string]any, error) {
	const what = "userinfo"
	body, media, err := fetch(ctx, p.client, what, m.Userinfo, http.Header{
		"Accept": {"application/json, application/jwt;q=0.9"}, "Authorization": {"Bearer " + access},
	})
	if err != nil {
		return nil, err
	}
	if media == "application/jwt" {
		if body, err = p.verifyUserinfo(ctx, m, strings.TrimSpace(string(body))); err != nil {
			return nil, err
		}
	}
	var claims map[string]any
	if exact.Unmarshal(body, &claims) != nil {
		return nil, fmt.Errorf("%w: %s: not to be read", ErrDown, what)
	}
	if media == "application/jwt" && !p.forUs(m, claims) {
		return nil, fmt.Errorf("%w: %s is of another issuer, for another client, or has expired", ErrUpstream, what)
	}
	return claims, nil
}

// verifyUserinfo gives the payload of a signed userinfo response (Core section 5.3.2). An encrypted one is not read.
func (p *openid) verifyUserinfo(ctx context.Context, m openidMetadata, raw string) ([]byte, error) {
	signature := &openidSignature{p: p, algs: m.userinfoAlgs()}
	payload, err := signature.VerifySignature(ctx, raw)
	switch typ := strings.ToLower(signature.typ); {
	case signature.down != nil:
		return nil, signature.down
	case err != nil:
		return nil, fmt.Errorf("%w: its userinfo is not signed by it", ErrUpstream)
	case typ != "" && typ != "jwt" && !strings.Contains(typ, "userinfo"): // a token of another kind (RFC 8725 section 3.11)
		return nil, fmt.Errorf("%w: its userinfo is a token of another kind", ErrUpstream)
	}
	return payload, nil
}

// userinfoAlgs are those that the document lists for userinfo; where it lists none, those of ID tokens.
func (m openidMetadata) userinfoAlgs() []jose.SignatureAlgorithm {
	if m.UserinfoAlgs == nil {
		return m.algs()
	}
	return openidMetadata{Algs: m.UserinfoAlgs}.algs()
}

// forUs reports whether a signed userinfo response is this upstream's, for us and of now, as far as it says so: iss and aud should be in
// it (Core section 5.3.2), and times need not be.
func (p *openid) forUs(m openidMetadata, claims map[string]any) bool {
	if iss, said := claims["iss"]; said {
		name, _ := iss.(string)
		if _, ours := p.issuedBy(m, name, claims); !ours {
			return false
		}
	}
	if aud, said := claims["aud"]; said {
		several, _ := aud.([]any)
		if aud != p.ClientID && !slices.Contains(several, any(p.ClientID)) {
			return false
		}
	}
	if exp, said := claims["exp"]; said {
		at, ok := openidTime(exp)
		if !ok || time.Now().After(at.Add(openidLeeway)) {
			return false
		}
	}
	return true
}
