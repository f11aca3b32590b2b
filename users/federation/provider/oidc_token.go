package provider

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"signet/internal/exact"
)

// openidProtocol are claims about the token rather than the person.
var openidProtocol = []string{
	"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "at_hash", "c_hash", "s_hash", "auth_time", "acr", "amr", "sid",
}

// openidSignature checks the signature of one token with the upstream's keys. It keeps why keys could not be had, which the
// verifier's error would not tell.
type openidSignature struct {
	p    *openid
	algs []jose.SignatureAlgorithm
	typ  string // of the header; "" = none, or no text
	down error
}

// VerifySignature is for oidc.KeySet.
func (s *openidSignature) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(raw, s.algs)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, errors.New("not a signed token")
	}
	header := signed.Signatures[0].Header
	s.typ, _ = header.ExtraHeaders[jose.HeaderType].(string)
	for _, force := range []bool{false, true} { // a key we have not seen may be new: Core section 10.1.1
		keys, err := s.p.keys.get(ctx, force)
		if err != nil {
			s.down = err
			return nil, err
		}
		for _, key := range keys {
			if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
				continue
			}
			payload, err := signed.Verify(key.JSONWebKey)
			if _, twice := exact.Twice(payload); err == nil && !twice && s.p.keyFits(key, payload) {
				return payload, nil
			}
		}
	}
	return nil, errors.New("no key of the upstream's made this signature")
}

// verifier checks tokens of this upstream. The issuer is left to the caller.
func (p *openid) verifier(m openidMetadata) (*oidc.IDTokenVerifier, *openidSignature) {
	signature := &openidSignature{p: p, algs: m.algs()}
	config := &oidc.Config{ClientID: p.ClientID, SkipIssuerCheck: true}
	for _, alg := range signature.algs {
		config.SupportedSigningAlgs = append(config.SupportedSigningAlgs, string(alg))
	}
	return oidc.NewVerifier(m.Issuer, signature, config), signature
}

// verify checks an ID token (OpenID Connect Core section 3.1.3.7) and gives its claims, and the name of its issuer.
func (p *openid) verify(ctx context.Context, m openidMetadata, raw string, a AuthRequest, access string) (map[string]any, string, error) {
	refuse := func(why string) (map[string]any, string, error) {
		return nil, "", fmt.Errorf("%w: the ID token %s", ErrIdentity, why)
	}
	verifier, signature := p.verifier(m)
	token, err := verifier.Verify(ctx, raw)
	if signature.down != nil {
		return nil, "", signature.down
	}
	if _, old := errors.AsType[*oidc.TokenExpiredError](err); old {
		return refuse("has expired")
	}
	var claims map[string]any
	if err != nil || token.Claims(&claims) != nil { // the library's text would quote the token
		return refuse("is not signed by the upstream, not for us, or not to be read")
	}
	issuer, ours := p.issuedBy(m, token.Issuer, claims)
	azp, hasAZP := claims["azp"]
	now := time.Now()
	switch {
	case !ours:
		return refuse("is another issuer's")
	case hasAZP && azp != p.ClientID || !hasAZP && len(token.Audience) > 1:
		return refuse("was issued to another client")
	case token.IssuedAt.IsZero() || token.IssuedAt.After(now.Add(openidLeeway)):
		return refuse("is from the future, or from no time")
	case a.Nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.Nonce)) != 1:
		return refuse("has another nonce")
	case token.Subject == "" || len(token.Subject) > 255 || claims["sub"] != token.Subject: // the library reads names without case
		return refuse("names nobody")
	case token.AccessTokenHash != "" && access != noAccessToken && token.VerifyAccessToken(access) != nil:
		return refuse("belongs to another access token")
	}
	value, told := claims["auth_time"]
	at, ok := openidTime(value)
	switch {
	case told && (!ok || at.After(now.Add(openidLeeway)) || a.Fresh && !a.AnyAge && at.Before(a.BegunAt.Add(-openidLeeway))):
		return refuse("is of a sign-in that was not now")
	case !told && a.Fresh && !a.AnyAge && !p.quirks.noAuthTime && slices.Contains(m.Claims, "auth_time"):
		// max_age demands it (Core section 3.1.2.1), which whoever sits at the browser can take out of the request.
		return refuse("does not say when its person signed in")
	}
	return claims, issuer, nil
}

// openidTime reads a time of JSON (RFC 7519 section 2: NumericDate).
func openidTime(value any) (time.Time, bool) {
	seconds, ok := value.(float64)
	if !ok || seconds <= 0 || seconds > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true
}

// keyFits reports whether a key may sign for a token's issuer. payload is signed by it.
func (p *openid) keyFits(key openidKey, payload []byte) bool {
	if !p.quirks.keyIssuers || key.issuer == "" {
		return true
	}
	var token struct {
		Issuer string `json:"iss"`
		Tenant string `json:"tid"`
	}
	return exact.Unmarshal(payload, &token) == nil && strings.ReplaceAll(key.issuer, "{tenantid}", token.Tenant) == token.Issuer
}

// identity reads claims that were verified.
func (p *openid) identity(issuer string, claims map[string]any) Identity {
	text := func(name string) string {
		s, _ := claims[name].(string)
		return s
	}
	i := Identity{
		Issuer: issuer, Subject: text("sub"), Email: text("email"), Username: text("preferred_username"), ACR: text("acr"), SID: text("sid"),
	}
	i.EmailVerified = i.Email != "" && claims["email_verified"] == true // boolean: N05
	if p.quirks.verified != nil {
		i.EmailVerified = i.Email != "" && p.quirks.verified(claims)
	}
	i.AuthTime, _ = openidTime(claims["auth_time"])
	methods, _ := claims["amr"].([]any)
	for _, method := range methods {
		if s, ok := method.(string); ok {
			i.AMR = append(i.AMR, s)
		}
	}
	i.Claims = claims
	for _, name := range openidProtocol {
		delete(i.Claims, name)
	}
	return i
}
