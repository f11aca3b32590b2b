package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/ory/fosite"

	"signet/storage"
)

// CreateAccessTokenSession implements oauth2.AccessTokenStorage: access tokens are not stored.
func (l *Ledger) CreateAccessTokenSession(context.Context, string, fosite.Requester) error {
	return nil
}

// GetAccessTokenSession implements oauth2.AccessTokenStorage: fosite's introspection is not wired (it takes a refresh token
// or an ID token for an access token, decision 0002 and rule K09).
func (l *Ledger) GetAccessTokenSession(context.Context, string, fosite.Session) (fosite.Requester, error) {
	return nil, errNotOurs
}

// DeleteAccessTokenSession implements oauth2.AccessTokenStorage.
func (l *Ledger) DeleteAccessTokenSession(context.Context, string) error { return nil }

// CreateRefreshTokenSession implements oauth2.RefreshTokenStorage: the row's generation says which one is current.
func (l *Ledger) CreateRefreshTokenSession(context.Context, string, string, fosite.Requester) error {
	return nil
}

// DeleteRefreshTokenSession implements oauth2.RefreshTokenStorage.
func (l *Ledger) DeleteRefreshTokenSession(context.Context, string) error { return nil }

// GetRefreshTokenSession implements oauth2.RefreshTokenStorage. The signature is "" unless the strategy has verified the
// token and put its claims into the request. A token of another client, or of a grant that is gone or revoked, does not exist
// (J08); a reused one is returned with ErrInactiveToken, upon which fosite orders the family to be revoked.
func (l *Ledger) GetRefreshTokenSession(ctx context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	req, err := Of(ctx)
	if err != nil {
		return nil, err
	}
	if signature == "" {
		return nil, fosite.ErrNotFound.WithDebug("Not a refresh token of ours.")
	}
	if req.Presented.ClientID != req.Client.ClientID {
		return nil, fosite.ErrNotFound.WithDebug("The refresh token belongs to another client.")
	}
	if req.State == nil {
		s, err := l.o.Grants.GrantStateByID(ctx, req.Presented.GrantID)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, fosite.ErrNotFound.WithDebug("The grant is gone.")
		} else if err != nil {
			return nil, fmt.Errorf("look up a grant: %w", err)
		}
		if s.ClientID != req.Client.ClientID {
			return nil, fosite.ErrNotFound.WithDebug("The grant belongs to another client.")
		}
		if err := req.take(s); err != nil {
			return nil, err
		}
	}
	if !req.State.RevokedAt.IsZero() {
		return nil, fosite.ErrNotFound.WithDebug("The grant was revoked: " + req.State.RevokedWhy)
	}
	req.judge()
	if req.Verdict == Reuse && req.HoldsKey() { // without the key nobody can end what it binds; the request is refused all the same
		return req.requester(), fosite.ErrInactiveToken
	}
	return req.requester(), nil
}

// judge decides the presented token. One that was current when this request first read the row has lost a race, which is
// no reuse whatever the grace: its client gets what the winner got.
func (req *Request) judge() {
	req.Verdict = Decide(req.State.Grant, req.Presented.Generation, req.Now, req.Lifetimes.Grace)
	if req.Verdict == Rotate && req.Client.KeepsRefreshTokens() {
		req.Verdict = Keep
	}
	switch req.Verdict {
	case Rotate, Resync:
		req.wasCurrent = true
	case Reuse:
		if req.wasCurrent {
			req.Verdict = Replayed
		}
	}
}

// RotateRefreshToken implements oauth2.RefreshTokenStorage: Settle rotates, unless the successor exists already.
func (l *Ledger) RotateRefreshToken(ctx context.Context, _ string, _ string) error {
	req, err := Of(ctx)
	if err != nil {
		return err
	}
	if req.Verdict == Replayed {
		req.write = pendingWrite{do: repeat}
		return nil
	}
	if req.Verdict == Keep {
		if req.Now.Sub(req.State.LastUsedAt) >= req.touchAfter() {
			req.write = pendingWrite{do: touch}
		}
		return nil
	}
	facts, err := req.binding()
	if err != nil {
		return err
	}
	req.write = pendingWrite{do: rotate, rotation: storage.Rotation{
		ID: req.State.ID, Presented: req.Presented.Generation, Now: req.Now, ExpiresAt: req.idleUntil(), Data: facts,
	}}
	return nil
}

// RevokeRefreshToken implements oauth2.TokenRevocationStorage: fosite calls it for a used code and for a reused refresh
// token. Settle revokes the grant.
func (l *Ledger) RevokeRefreshToken(ctx context.Context, _ string) error {
	req, err := Of(ctx)
	if err != nil {
		return err
	}
	if req.State.RevokedAt.IsZero() {
		req.write = pendingWrite{do: revoke}
	}
	return nil
}

// RevokeAccessToken implements oauth2.TokenRevocationStorage: access tokens die with their grant.
func (l *Ledger) RevokeAccessToken(context.Context, string) error { return nil }

// BeginTX implements fosite's storage.Transactional: orders are only noted, so there is nothing to begin.
func (l *Ledger) BeginTX(ctx context.Context) (context.Context, error) { return ctx, nil }

// Commit implements storage.Transactional: Settle does it, once everything is signed.
func (l *Ledger) Commit(context.Context) error { return nil }

// Rollback implements storage.Transactional: what was noted is forgotten.
func (l *Ledger) Rollback(ctx context.Context) error {
	req, err := Of(ctx)
	if err == nil {
		req.write = pendingWrite{}
	}
	return err
}
