package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/ory/fosite"

	"signet/storage"
)

// CreateAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage: the row that the request has ready gets its code. Settle
// inserts it.
func (l *Ledger) CreateAuthorizeCodeSession(ctx context.Context, hash string, r fosite.Requester) error {
	req, err := Of(ctx)
	if err != nil {
		return err
	}
	row := req.State.Grant
	row.CodeHash = hash
	row.CodeExpiresAt = req.Now.Add(req.Lifetimes.Code)
	row.ExpiresAt = row.CodeExpiresAt
	req.write = pendingWrite{do: insert, row: row}
	return nil
}

// GetAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage.
//
// fosite revokes the family of a used code before it compares client, redirect_uri or verifier. So a used code is reported
// as used only to the client that owns it and shows a fitting verifier; for anybody else it does not exist, and nothing is
// killed or spent (rule J08, RFC 9700 section 4.5). A code that is not used is returned whatever the
// verifier: the handlers refuse, and the code is still good for its owner.
func (l *Ledger) GetAuthorizeCodeSession(ctx context.Context, hash string, _ fosite.Session) (fosite.Requester, error) {
	req, err := Of(ctx)
	if err != nil {
		return nil, err
	}
	if req.State == nil {
		s, err := l.o.Grants.GrantStateByCode(ctx, hash)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, fosite.ErrNotFound.WithDebug("Nobody knows the code.")
		} else if err != nil {
			return nil, fmt.Errorf("look up a code: %w", err)
		}
		if s.ClientID != req.Client.ClientID {
			return nil, fosite.ErrNotFound.WithDebug("The code belongs to another client.")
		}
		if err := req.take(s); err != nil {
			return nil, err
		}
	}
	row := &req.State.Grant
	switch {
	case req.Facts.Kind != "":
		return nil, fosite.ErrNotFound.WithDebug("It is no authorization code.")
	case !row.CodeUsedAt.IsZero() && req.Facts.bound(req.Form) && req.HoldsKey():
		return req.requester(), fosite.ErrInvalidatedAuthorizeCode
	case !row.CodeUsedAt.IsZero():
		return nil, fosite.ErrNotFound.WithDebug("The code is spent, and whoever shows it again does not prove to own it.")
	case !row.RevokedAt.IsZero():
		return nil, fosite.ErrNotFound.WithDebug("The grant was revoked: " + row.RevokedWhy)
	}
	return req.requester(), nil
}

// InvalidateAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage: Settle spends the code.
func (l *Ledger) InvalidateAuthorizeCodeSession(ctx context.Context, hash string) error {
	req, err := Of(ctx)
	if err != nil {
		return err
	}
	return req.spend(hash)
}

// spend notes that the code is to be used up.
func (req *Request) spend(hash string) (err error) {
	generation := int64(0)
	if req.Refreshes() {
		generation = 1
	}
	order := storage.Spend{CodeHash: hash, Generation: generation, Now: req.Now, ExpiresAt: req.idleUntil()}
	if order.Data, err = req.binding(); err != nil {
		return err
	}
	req.write = pendingWrite{do: spend, spend: order}
	return nil
}

// GetPKCERequestSession implements pkce.PKCERequestStorage: the challenge is in the row. A row without one is ErrNotFound,
// which refuses a verifier and lets a request without one pass; who must use PKCE was decided at the authorization endpoint.
func (l *Ledger) GetPKCERequestSession(ctx context.Context, hash string, s fosite.Session) (fosite.Requester, error) {
	r, err := l.GetAuthorizeCodeSession(ctx, hash, s)
	if err != nil {
		return nil, err
	}
	if r.GetRequestForm().Get("code_challenge") == "" {
		return nil, fosite.ErrNotFound
	}
	return r, nil
}

// CreatePKCERequestSession implements pkce.PKCERequestStorage: the challenge is in the row already.
func (l *Ledger) CreatePKCERequestSession(context.Context, string, fosite.Requester) error {
	return nil
}

// DeletePKCERequestSession implements pkce.PKCERequestStorage. fosite calls it before it compares the verifier: were the
// challenge gone then, a second try without verifier would pass (decision 0002). It stays as long as the row.
func (l *Ledger) DeletePKCERequestSession(context.Context, string) error { return nil }

// CreateOpenIDConnectSession implements openid.OpenIDConnectRequestStorage: it is the same row.
func (l *Ledger) CreateOpenIDConnectSession(context.Context, string, fosite.Requester) error {
	return nil
}

// GetOpenIDConnectSession implements openid.OpenIDConnectRequestStorage. Its key is the code itself, which is not needed:
// the row was read. Without openid there is none, and no ID token.
func (l *Ledger) GetOpenIDConnectSession(ctx context.Context, _ string, r fosite.Requester) (fosite.Requester, error) {
	req, err := Of(ctx)
	if err != nil {
		return nil, err
	}
	if req.State == nil || !r.GetGrantedScopes().Has("openid") {
		return nil, fosite.ErrNotFound
	}
	return req.requester(), nil
}

// DeleteOpenIDConnectSession implements openid.OpenIDConnectRequestStorage.
func (l *Ledger) DeleteOpenIDConnectSession(context.Context, string) error { return nil }
