package federation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Check is for Provider.
func (p *openid) Check(ctx context.Context, redirectURI string) []Finding {
	var findings []Finding
	tell := func(ok bool, format string, args ...any) {
		findings = append(findings, Finding{ok, fmt.Sprintf(format, args...)})
	}
	m, err := p.fetchMetadata(ctx)
	switch {
	case errors.Is(err, ErrDown):
		tell(false, "the discovery document of %s is not to be had (%v); look at the issuer's spelling, and whether this machine may reach it", p.ways.base, err)
		return findings
	case err != nil:
		tell(false, "the discovery document of %s is not usable: %v", p.ways.base, err)
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
		tell(false, "PKCE with S256 is not offered (code_challenge_methods_supported: %s)", strings.Join(m.Challenges, ", "))
	}
	if _, err := p.config(m, redirectURI); err != nil {
		tell(false, "the client cannot prove itself: %v", err)
	} else if p.ClientSecret == "" && p.ways.secret == nil && m.AuthMethods != nil && !slices.Contains(m.AuthMethods, "none") {
		tell(false, "no client secret is configured, and its token endpoint wants one")
	}
	if p.Offline && p.Kind == KindOIDC && !slices.Contains(m.Scopes, "offline_access") {
		tell(false, "refresh tokens are wanted, but offline_access is not among its scopes")
	}
	if keys, err := p.keys.get(ctx, false); err != nil {
		tell(false, "its keys are not to be had: %v", err)
	} else {
		tell(true, "%d keys, for %v", len(keys), m.algs())
	}
	tell(true, "to be registered there as redirect URI, exactly: %s", redirectURI)
	return findings
}
