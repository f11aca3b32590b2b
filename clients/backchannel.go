package clients

import (
	"fmt"
	"slices"
)

// Pings reports whether the client is told when a person decided elsewhere, rather than only asking (CIBA Core section 5).
func (m Metadata) Pings() bool { return m.BackchannelDelivery == "ping" }

// Pushes reports whether the client is sent its tokens once a person decided elsewhere, and never asks for them.
func (m Metadata) Pushes() bool { return m.BackchannelDelivery == "push" }

// SignsBackchannel reports whether the client must sign its requests for a decision of somebody elsewhere (FAPI: CIBA Security Profile
// section 5.2.2).
func (m Metadata) SignsBackchannel() bool { return m.BackchannelSigningAlg != "" || m.FAPI() }

// validateBackchannel checks what is about decisions of people elsewhere (CIBA Core section 4). Tokens that are pushed are those of
// whoever runs the address: nobody proves to have a key there, so none that are bound to one are pushed.
func (m Metadata) validateBackchannel() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	has, told := slices.Contains(m.GrantTypes, CIBA), m.Pings() || m.Pushes()
	if has && m.TokenEndpointAuthMethod == MethodNone {
		add("grant_types: %s needs a client that can prove itself; a public one cannot", CIBA)
	}
	if !has && (m.BackchannelDelivery != "" || m.BackchannelNotification != "" || m.BackchannelSigningAlg != "") {
		add("backchannel_token_delivery_mode: and what goes with it is for clients with the grant type %s", CIBA)
	}
	switch {
	case m.BackchannelDelivery != "" && m.BackchannelDelivery != "poll" && !told:
		add("backchannel_token_delivery_mode: %q is not offered; use poll or ping", m.BackchannelDelivery)
	case told && webMistake(m.BackchannelNotification) != "":
		add("backchannel_client_notification_endpoint: %s needs one; %q %s", m.BackchannelDelivery, m.BackchannelNotification,
			webMistake(m.BackchannelNotification))
	case !told && m.BackchannelNotification != "":
		add("backchannel_client_notification_endpoint: is for backchannel_token_delivery_mode ping or push")
	}
	if m.Pushes() && (m.DPoPBoundAccessTokens || m.CertificateBoundAccessTokens) {
		add("backchannel_token_delivery_mode: tokens that are bound to a key or a certificate are not pushed, as nobody proves to have it " +
			"there; use ping")
	}
	if a := m.BackchannelSigningAlg; a != "" && (!slices.Contains(AssertionAlgs, a) || !m.Strong(a)) {
		add("backchannel_authentication_request_signing_alg: %q is not offered; use ES256", a)
	}
	if has && m.SignsBackchannel() && m.JWKS == nil && m.JWKSURI == "" {
		add("jwks: signed requests need the client's public keys, here or at jwks_uri")
	}
	return errs
}
