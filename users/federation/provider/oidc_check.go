package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// Check is for Provider. It asks for the discovery document anew.
func (p *openid) Check(ctx context.Context, redirectURI string) []Finding {
	var findings []Finding
	tell := func(ok bool, format string, args ...any) {
		findings = append(findings, Finding{ok, fmt.Sprintf(format, args...)})
	}
	m, err := p.fetchMetadata(ctx)
	switch {
	case errors.Is(err, ErrDown):
		tell(false, "the discovery document of %s is not to be had (%v); look at the issuer's spelling, and whether this machine may reach it",
			p.quirks.base, err)
		return findings
	case err != nil:
		tell(false, "the discovery document of %s is not usable: %v; it names the issuer %.200q", p.quirks.base, err, m.Issuer)
		return findings
	}
	tell(true, "discovery: issuer %s answers", m.Issuer)
	if m.Responses != nil && !slices.Contains(m.Responses, "code") {
		tell(false, "the authorization code flow is not offered (response_types_supported has no \"code\")")
	}
	switch {
	case m.Challenges == nil:
		tell(true, "PKCE is not mentioned by its discovery document; it is sent all the same")
	case !slices.Contains(m.Challenges, "S256"):
		tell(false, "PKCE with S256 is not offered (code_challenge_methods_supported: %.200q)", strings.Join(m.Challenges, ", "))
	}
	if p.ClientSecret == "" && p.quirks.secret == nil && m.AuthMethods != nil && !slices.Contains(m.AuthMethods, "none") {
		tell(false, "no client secret is configured, and its token endpoint wants one")
	} else {
		findings = append(findings, p.checkClient(ctx, m, redirectURI))
	}
	if p.Offline && p.Kind == KindOIDC && !slices.Contains(m.Scopes, "offline_access") {
		tell(false, "refresh tokens are wanted, but offline_access is not among its scopes")
	}
	keys, err := p.keys.get(ctx, false)
	fit := slices.DeleteFunc(slices.Clone(keys), func(key openidKey) bool {
		return key.Algorithm != "" && !slices.Contains(m.algs(), jose.SignatureAlgorithm(key.Algorithm))
	})
	switch {
	case err != nil:
		tell(false, "its keys are not to be had: %v", err)
	case len(fit) == 0:
		tell(false, "none of its keys is for an algorithm that it signs with (%v)", m.algs())
	default:
		tell(true, "keys: %d, for %v", len(fit), m.algs())
	}
	tell(true, "to be registered there as redirect URI, exactly: %s", redirectURI)
	return findings
}

// checkClient looks whether the upstream takes our id and secret: it is asked for the tokens of a code that cannot be one. A right
// client is told so of the code, a wrong one of itself (RFC 6749 section 5.2).
func (p *openid) checkClient(ctx context.Context, m openidMetadata, redirectURI string) Finding {
	c, err := p.config(m, redirectURI)
	if err != nil {
		return Finding{false, fmt.Sprintf("the client cannot prove itself: %v", err)}
	}
	ctx, cancel := context.WithTimeout(p.context(ctx), openidPatience)
	defer cancel()
	_, err = c.Exchange(ctx, "check-of-the-configuration", oauth2.VerifierOption(oauth2.GenerateVerifier()))
	answer, told := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case told && (answer.ErrorCode == "invalid_client" || answer.ErrorCode == "unauthorized_client"):
		return Finding{false, "it does not know the client id, or takes another secret (" + answer.ErrorCode + ")"}
	case told && answer.ErrorCode == "invalid_grant":
		return Finding{true, "it takes the client id and secret"}
	case told && answer.Response.StatusCode < 500:
		status := answer.Response.StatusCode
		return Finding{true, fmt.Sprintf("whether it takes the client id and secret cannot be told before somebody signs in (status %d)", status)}
	case err == nil:
		return Finding{false, "its token endpoint takes a code that it never issued"}
	}
	return Finding{false, fmt.Sprintf("its token endpoint does not answer: %v", openidTokenError(err))}
}
