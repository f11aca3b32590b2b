package admin

import (
	"context"
	"errors"
	"fmt"

	"signet/admin/thing"
	"signet/storage"
)

// KeptBy is whose files keep a thing, "" = nobody's.
func (s *Service) KeptBy(ctx context.Context, a Actor, kind, key string) (owner string, err error) {
	if ctx, err = s.may(ctx, a, "KeptBy"); err != nil {
		return "", err
	}
	if (kind == thing.Groups || kind == thing.Roles) && !a.Holds[PeopleRead] {
		return "", nil
	}
	if kind == thing.Upstreams && !a.Holds[UpstreamsRead] || kind == thing.Settings && !a.Holds[SettingsRead] {
		return "", nil
	}
	return s.keptBy(ctx, kind, key)
}

func (s *Service) keptBy(ctx context.Context, kind, key string) (owner string, err error) {
	owner, _, _, err = s.o.Stores.Managed.ManagedOf(ctx, kind, key)
	if errors.Is(err, storage.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read who keeps it: %w", err)
	}
	return owner, nil
}

// byHand refuses who changes by hand what files keep.
func (s *Service) byHand(ctx context.Context, a Actor, kind, key string) error {
	if !a.ByHand {
		return nil
	}
	owner, err := s.keptBy(ctx, kind, key)
	if err != nil || owner == "" {
		return err
	}
	return fmt.Errorf("%w: the files of %q keep it: change them, and carry them out by signet apply", ErrConflict, owner)
}
