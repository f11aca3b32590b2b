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
// token and put its claims into the case. A token of another client, or of a grant that is gone or revoked, does not exist
// (J08); a reused one is returned with ErrInactiveToken, upon which fosite orders the family to be revoked.
func (l *Ledger) GetRefreshTokenSession(ctx context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	c, err := Of(ctx)
	if err != nil {
		return nil, err
	}
	if signature == "" {
		return nil, fosite.ErrNotFound.WithDebug("Not a refresh token of ours.")
	}
	if c.Presented.ClientID != c.Client.ClientID {
		return nil, fosite.ErrNotFound.WithDebug("The refresh token belongs to another client.")
	}
	if c.State == nil {
		s, err := l.o.Store.GrantStateByID(ctx, c.Presented.GrantID)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, fosite.ErrNotFound.WithDebug("The grant is gone.")
		} else if err != nil {
			return nil, fmt.Errorf("look up a grant: %w", err)
		}
		if s.ClientID != c.Client.ClientID {
			return nil, fosite.ErrNotFound.WithDebug("The grant belongs to another client.")
		}
		if err := c.take(s); err != nil {
			return nil, err
		}
	}
	if !c.State.RevokedAt.IsZero() {
		return nil, fosite.ErrNotFound.WithDebug("The grant was revoked: " + c.State.RevokedWhy)
	}
	c.judge()
	if c.Verdict == Reuse && c.HoldsKey() { // without the key nobody can end what it binds; the request is refused all the same
		return c.requester(), fosite.ErrInactiveToken
	}
	return c.requester(), nil
}

// judge decides the presented token. One that was current when this request first read the row has lost a race, which is
// no reuse whatever the grace: its client gets what the winner got.
func (c *Case) judge() {
	c.Verdict = Decide(c.State.Grant, c.Presented.Generation, c.Now, c.Lifetimes.Grace)
	if c.Verdict == Rotate && c.Client.KeepsRefreshTokens() {
		c.Verdict = Keep
	}
	switch c.Verdict {
	case Rotate, CatchUp:
		c.wasCurrent = true
	case Reuse:
		if c.wasCurrent {
			c.Verdict = Repeat
		}
	}
}

// RotateRefreshToken implements oauth2.RefreshTokenStorage: Settle rotates, unless the successor exists already.
func (l *Ledger) RotateRefreshToken(ctx context.Context, _ string, _ string) error {
	c, err := Of(ctx)
	if err != nil {
		return err
	}
	if c.Verdict == Repeat {
		c.act = act{do: repeat}
		return nil
	}
	if c.Verdict == Keep {
		if c.Now.Sub(c.State.LastUsedAt) >= c.touchAfter() {
			c.act = act{do: touch}
		}
		return nil
	}
	facts, err := c.binding()
	if err != nil {
		return err
	}
	c.act = act{do: rotate, rotation: storage.Rotation{
		ID: c.State.ID, Presented: c.Presented.Generation, Now: c.Now, ExpiresAt: c.idleUntil(), Data: facts,
	}}
	return nil
}

// RevokeRefreshToken implements oauth2.TokenRevocationStorage: fosite calls it for a used code and for a reused refresh
// token. Settle revokes the grant.
func (l *Ledger) RevokeRefreshToken(ctx context.Context, _ string) error {
	c, err := Of(ctx)
	if err != nil {
		return err
	}
	if c.State.RevokedAt.IsZero() {
		c.act = act{do: revoke}
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
	c, err := Of(ctx)
	if err == nil {
		c.act = act{}
	}
	return err
}
