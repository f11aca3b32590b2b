package ledger

import (
	"context"
	"errors"
	"time"

	"signet/clients"
	"signet/oauth/dpop"
	"signet/oauth/refusal"
	"signet/storage"
)

// Replay notes what may be used once; *storage.DB does.
type Replay interface {
	// SpendOnce is ErrConflict the second time.
	SpendOnce(ctx context.Context, kind, owner, idHash string, expiresAt time.Time) error
}

// Keeper notes the use of a grant whose refresh token stays the same; *storage.DB does.
type Keeper interface {
	TouchGrant(ctx context.Context, id string, now, expiresAt time.Time) error
}

// HoldsKey reports whether the request comes from the key that the grant is bound to; true where it is bound to none. A confidential
// client's refresh tokens are bound by its own authentication (RFC 9449 section 5).
func (c *Case) HoldsKey() bool {
	if c.Facts.JKT == "" || c.GrantType == clients.RefreshToken && !c.Client.Public() {
		return true
	}
	return c.Proof != nil && c.Proof.JKT == c.Facts.JKT
}

// binding are the facts of the grant that the request is the first to show a key for, if the key binds its refresh tokens from now on: a
// public client's (RFC 9449 section 5). Nil: they stay as they are.
func (c *Case) binding() ([]byte, error) {
	if c.Proof == nil || !c.Client.Public() || c.Facts.JKT != "" {
		return nil, nil
	}
	facts, row := c.Facts, storage.Grant{}
	facts.JKT = c.Proof.JKT
	err := facts.Put(&row)
	return row.Data, err
}

// SpendProof uses up the proof of the request; nil is none. A second use is refused (RFC 9449 section 11.1). In the transaction of ctx, if
// there is one.
func (l *Ledger) SpendProof(ctx context.Context, p *dpop.Proof) error {
	if p == nil {
		return nil
	}
	owner, id, until := p.Once()
	err := l.o.Replay.SpendOnce(ctx, "dpop", owner, id, until)
	if errors.Is(err, storage.ErrConflict) {
		l.o.Metrics.Proof("replayed")
		return refusal.InvalidDPoPProof("This DPoP proof was used before. Make a new one for each request.").Because(err)
	}
	return err
}
