package oauth

import (
	"context"
	"encoding/json"
	"errors"

	"signet/clients"
	"signet/clients/algs"
	"signet/oauth/clientjwt"
	"signet/oauth/jwe"
	"signet/oauth/refusal"
)

// sealed encrypts a text to the client's key, if the client wants that; signed says that it is a JWT. Where the client has no key that fits
// nothing is told: what was to be secret never goes out in plain.
func sealed(ctx context.Context, source clientjwt.Keys, c *clients.Client, e algs.Encryption, text string, signed bool) (string, error) {
	if !e.On() {
		return text, nil
	}
	out, err := jwe.Seal(ctx, source, c, e, []byte(text), signed)
	if errors.Is(err, jwe.ErrNoKey) {
		return "", refusal.InvalidRequest("The client wants the answer encrypted and has no key that fits " + e.Key + ".").Because(err)
	}
	return out, err
}

// sealedClaims is the answer of userinfo for a client that wants it encrypted and not signed (OpenID Connect Core section 5.3.2).
func (p *Provider) sealedClaims(ctx context.Context, c *clients.Client, claims map[string]any) (string, error) {
	text, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return sealed(ctx, p.o.Keys, c, c.UserinfoEncryption(), string(text), false)
}
