package oauth

import (
	"context"
	"strings"

	"signet/oauth/refusal"
)

// far reports whether an answer of that many bytes is too long for the address that it goes in. A signed one takes a third more, and its
// header and signature; encrypting that, a third more again.
func far(mode string, size int, encrypted bool) bool {
	way, signed := strings.CutSuffix(mode, ".jwt")
	if signed {
		size = (size+700)*4/3 + 400
	}
	if signed && encrypted {
		size = size*4/3 + 800
	}
	return way != "form_post" && size > maxFront
}

// SignAnswer makes one JWT of the parameters that a client gets from the authorization endpoint (JWT Secured Authorization Response Mode
// for OAuth 2.0 section 2.1), with the algorithm that it registered. Errors are *refusal.Refusal.
func (p *Provider) SignAnswer(ctx context.Context, clientID string, params [][2]string) (string, error) {
	client, err := p.o.Clients.Client(ctx, clientID)
	if err != nil {
		return "", refusal.From(err)
	}
	signed, err := p.o.Issuer.SignAnswer(client.AuthorizationSignedResponseAlg, client.ClientID, params)
	if err == nil {
		signed, err = sealed(ctx, p.o.Keys, client, client.AuthorizationEncryption(), signed, true)
	}
	if err != nil {
		return "", refusal.From(err)
	}
	return signed, nil
}
