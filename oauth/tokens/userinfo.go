package tokens

import (
	"cmp"
	"maps"
	"time"

	"signet/oauth/keys"
)

// SignUserinfo signs the answer of the userinfo endpoint for a client that registered userinfo_signed_response_alg: iss and
// aud beside the claims (OpenID Connect Core section 5.3.2). It has no exp, so that nobody takes it for an ID token.
func (i *Issuer) SignUserinfo(alg, clientID string, claims map[string]any) (string, error) {
	signed := maps.Clone(claims)
	signed["iss"], signed["aud"] = i.url, clientID
	return i.ring.Sign(alg, keys.TypID, signed)
}

// introspection is the claims of a signed answer about a token. It has neither sub nor exp, so that nobody takes it for a token (RFC 9701
// section 8.1).
type introspection struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	IssuedAt int64  `json:"iat"`
	Answer   any    `json:"token_introspection"`
}

// SignIntrospection signs an answer about a token for the client that asked, with alg ("" = RS256; RFC 9701 section 5).
func (i *Issuer) SignIntrospection(alg, clientID string, answer any) (string, error) {
	return i.ring.Sign(cmp.Or(alg, keys.RS256), keys.TypIntrospection, introspection{i.url, clientID, time.Now().Unix(), answer})
}

// answerLife is how long a signed answer of the authorization endpoint is good: what it takes to come to the app, and clocks that differ.
const answerLife = 5 * time.Minute

// SignAnswer signs the parameters of an answer of the authorization endpoint for a client, with alg ("" = RS256; JWT Secured Authorization
// Response Mode for OAuth 2.0 sections 2.1 and 3). It has no sub, so that nobody takes it for an ID token.
func (i *Issuer) SignAnswer(alg, clientID string, params [][2]string) (string, error) {
	claims := map[string]any{}
	for _, one := range params {
		claims[one[0]] = one[1]
	}
	claims["iss"], claims["aud"], claims["exp"] = i.url, clientID, time.Now().Add(answerLife).Unix()
	return i.ring.Sign(cmp.Or(alg, keys.RS256), keys.TypID, claims)
}
