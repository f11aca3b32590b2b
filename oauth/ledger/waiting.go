package ledger

import (
	"context"
	"errors"
	"fmt"

	"signet/oauth/refusal"
	"signet/storage"
)

// ErrFetched: what was approved has its tokens already.
var ErrFetched = errors.New("fetched before")

// Fetch makes the row that was approved elsewhere the request's own, and notes that its code is to be used up. Whoever asks again after the
// answer is refused, and nothing is revoked: an answer that was lost on its way is asked for again. Errors are *refusal.Refusal, or the
// storage's.
func (l *Ledger) Fetch(ctx context.Context, kind, hash string) error {
	req, err := Of(ctx)
	if err != nil {
		return err
	}
	s, err := l.o.Grants.GrantStateByCode(ctx, hash)
	if errors.Is(err, storage.ErrNotFound) {
		return refusal.InvalidGrant("What was approved is gone.")
	} else if err != nil {
		return fmt.Errorf("look up a grant: %w", err)
	}
	if s.ClientID != req.Client.ClientID {
		return refusal.InvalidGrant("The code belongs to another client.")
	}
	if err := req.take(s); err != nil {
		return err
	}
	switch {
	case req.Facts.Kind != kind:
		return refusal.InvalidGrant("The code is of another grant.")
	case !s.CodeUsedAt.IsZero():
		return refusal.InvalidGrant("The code was used before.").Because(ErrFetched)
	case !req.Now.Before(s.CodeExpiresAt):
		return refusal.ExpiredToken("What was approved was not fetched in time.")
	}
	return req.spend(hash)
}
