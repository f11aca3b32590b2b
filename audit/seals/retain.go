package seals

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/storage"
)

// Retain deletes at most limit events of a class that are older than before, seal by seal, the oldest first, and says how many went. What
// is not sealed yet stays.
func (k *Keeper) Retain(ctx context.Context, class Class, before time.Time, limit int) (gone int64, err error) {
	key, err := k.key(ctx, false)
	if errors.Is(err, ErrNoKey) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	names := make([]string, len(signIns))
	for i, name := range signIns {
		names[i] = string(name)
	}
	for {
		kept, err := k.o.Retention.KeptEventSeals(ctx, string(class), page)
		if err != nil {
			return gone, fmt.Errorf("read audit seals: %w", err)
		}
		for _, s := range kept {
			if s.To >= idAt(before) {
				return gone, nil
			}
			n, err := k.o.Retention.DeleteEvents(ctx, s.From, s.To, names, class == Others, before, limit-int(gone))
			if err != nil {
				return gone, fmt.Errorf("delete events: %w", err)
			}
			if gone += n; gone >= int64(limit) {
				return gone, nil // some of it may be left
			}
			at := time.Now().Truncate(time.Microsecond)
			if err := k.o.Retention.SealGone(ctx, s.N, at, goneMAC(key, s, at)); err != nil && !errors.Is(err, storage.ErrStale) {
				return gone, fmt.Errorf("note that events are gone: %w", err)
			}
		}
		if len(kept) < page {
			return gone, nil
		}
	}
}
