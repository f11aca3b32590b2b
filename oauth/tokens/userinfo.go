package tokens

import (
	"maps"

	"signet/oauth/keys"
)

// SignUserinfo signs the answer of the userinfo endpoint for a client that registered userinfo_signed_response_alg: iss and
// aud beside the claims (OpenID Connect Core section 5.3.2). It has no exp, so that nobody takes it for an ID token.
func (i *Issuer) SignUserinfo(alg, clientID string, claims map[string]any) (string, error) {
	signed := maps.Clone(claims)
	signed["iss"], signed["aud"] = i.url, clientID
	return i.ring.Sign(alg, keys.TypID, signed)
}
