package grants

import (
	"context"
	"slices"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"

	"signet/oauth/ledger"
)

// Signer makes the tokens of a grant about a person, in an order that lets the ID token hold the access token's hash.
type Signer struct {
	Access  oauth2.AccessTokenStrategy
	Refresh oauth2.RefreshTokenStrategy
	ID      openid.OpenIDConnectTokenStrategy
}

func (s Signer) sign(ctx context.Context, req *ledger.Request, r fosite.AccessRequester, out fosite.AccessResponder) error {
	access, _, err := s.Access.GenerateAccessToken(ctx, r)
	if err != nil {
		return err
	}
	out.SetAccessToken(access)
	out.SetTokenType("bearer") // fosite wants one; the answer has the token's own
	if req.Refreshes() {
		refresh, _, err := s.Refresh.GenerateRefreshToken(ctx, r)
		if err != nil {
			return err
		}
		out.SetExtra("refresh_token", refresh)
	}
	if slices.Contains(req.Allowed, "openid") {
		id, err := s.ID.GenerateIDToken(ctx, req.Lifetimes.ID, r)
		if err != nil {
			return err
		}
		out.SetExtra("id_token", id)
	}
	return nil
}
