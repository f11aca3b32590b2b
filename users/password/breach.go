package password

import (
	"context"
	"crypto/fips140"
	"crypto/sha1" //nolint:gosec // the lists' own digest; it protects nothing here
)

// List knows passwords from breaches by their SHA-1. It answers "not known" with an error where it cannot be asked: a list
// that is away must keep nobody from a new password, so its owner writes the failure down.
type List interface {
	Has(ctx context.Context, digest [sha1.Size]byte) (bool, error)
}

// CheckBreached reports whether a new password, which Check took, is on one of the lists: ErrBreached. A list that cannot be
// asked is passed over. Not inside a transaction: a list may be a file or another server.
func (h *Hasher) CheckBreached(ctx context.Context, password string) error {
	if len(h.lists) == 0 {
		return nil
	}
	if fips140.Enforced() { // config check has said that there are none then
		return nil
	}
	digest := sha1.Sum([]byte(password))
	for _, list := range h.lists {
		if found, err := list.Has(ctx, digest); err == nil && found {
			return ErrBreached
		}
	}
	return nil
}
