package clients

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// The profiles: one key of a client that turns on, and demands, all that they do.
const (
	ProfileFAPI2         = "fapi2"                 // FAPI 2.0 Security Profile
	ProfileFAPI2Messages = "fapi2-message-signing" // … with signed requests and answers (FAPI 2.0 Message Signing)
)

// FAPI reports whether the client has one of the profiles.
func (m Metadata) FAPI() bool { return m.Profile == ProfileFAPI2 || m.Profile == ProfileFAPI2Messages }

// withProfile fills in what the profile implies, so that whoever asks about one part of it finds it there.
func (m Metadata) withProfile() Metadata {
	if !m.FAPI() {
		return m
	}
	m.RequirePKCE, m.RequirePushedRequests = true, true
	m.DPoPBoundAccessTokens = m.DPoPBoundAccessTokens || !m.CertificateBoundAccessTokens
	m.IDTokenSignedResponseAlg = cmp.Or(m.IDTokenSignedResponseAlg, "ES256")
	m.IntrospectionSignedResponseAlg = cmp.Or(m.IntrospectionSignedResponseAlg, "ES256")
	m.AuthorizationSignedResponseAlg = cmp.Or(m.AuthorizationSignedResponseAlg, "ES256")
	m.RequireSignedRequestObject = m.RequireSignedRequestObject || m.Profile == ProfileFAPI2Messages
	return m
}

// KeepsRefreshTokens reports whether the client's refresh tokens are not rotated (FAPI 2.0 Security Profile section 5.3.2.1): its own
// authentication, and the key or the certificate that access tokens are bound to, protect them.
func (c *Client) KeepsRefreshTokens() bool { return c.FAPI() }

// Strong reports whether the client may use the algorithm for what it signs (FAPI 2.0 Security Profile section 5.4).
func (m Metadata) Strong(alg string) bool { return !m.FAPI() || alg != "RS256" }

// validateProfile lists all that clashes with the profile.
func (m Metadata) validateProfile() (errs []error) {
	add := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: profile %s: %s", field, m.Profile, fmt.Sprintf(format, args...)))
	}
	switch m.Profile {
	case "":
		return nil
	case ProfileFAPI2, ProfileFAPI2Messages:
	default:
		return []error{fmt.Errorf("profile: %q is not offered; use %s, %s, or none", m.Profile, ProfileFAPI2, ProfileFAPI2Messages)}
	}
	if m.TokenEndpointAuthMethod != MethodJWTKey && !m.ByCertificate() {
		add("token_endpoint_auth_method",
			"use private_key_jwt, tls_client_auth or self_signed_tls_client_auth; secrets and public clients are not allowed")
	}
	for _, g := range m.GrantTypes {
		if g == Implicit || g == Password || g == DeviceCode {
			add("grant_types", "%s is not allowed", g)
		}
	}
	for _, r := range m.ResponseTypes {
		if r != "code" {
			add("response_types", "%q is not allowed, only code", r)
		}
	}
	for _, field := range append(m.signedFields(), [2]string{"request_object_signing_alg", m.RequestObjectSigningAlg},
		[2]string{"token_endpoint_auth_signing_alg", m.TokenEndpointAuthSigningAlg}) {
		if slices.Contains([]string{"RS256", "none", "ES384", "ES512"}, field[1]) {
			add(field[0], "%s is not allowed; use ES256", field[1])
		}
	}
	if m.JWKS != nil {
		for i, k := range m.JWKS.Keys {
			if k.Algorithm == "RS256" {
				add("jwks", "key %d is for RS256, which is not allowed; use ES256, PS256 or EdDSA", i)
			}
		}
	}
	for _, raw := range m.RedirectURIs {
		if u, err := url.Parse(raw); err == nil && u.Scheme != "https" {
			add("redirect_uris", "%s: must be https", raw)
		}
	}
	if m.Pushes() { // FAPI: CIBA Security Profile section 5.2.2
		add("backchannel_token_delivery_mode", "push is not allowed; use poll or ping")
	}
	if len(m.FederatedCredentials) > 0 {
		add("federated_credentials", "the client has to prove itself by its own key")
	}
	if slices.Contains(strings.Fields(m.Scope), "offline_access") && !slices.Contains(m.GrantTypes, RefreshToken) {
		add("scope", "offline_access needs the grant type refresh_token")
	}
	return errs
}
