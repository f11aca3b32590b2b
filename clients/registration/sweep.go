package registration

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/clients"
	"signet/storage"
)

// mostUnused is how many clients a sweep deletes.
const mostUnused = 100

// Sweep deletes clients that nobody used within a week of their registration.
func (s *Service) Sweep(ctx context.Context) error {
	kept, unused, err := s.o.Store.SettleRegistrations(ctx, time.Now(), mostUnused)
	if err != nil {
		return fmt.Errorf("look for unused clients: %w", err)
	}
	if err := s.forget(ctx, kept); err != nil {
		return err
	}
	for _, id := range unused {
		if kept, err := s.keep(ctx, id); err != nil {
			return err
		} else if kept {
			continue
		}
		if err := s.delete(ctx, id); err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, clients.ErrDeclared) {
			return fmt.Errorf("delete the unused client %q: %w", id, err)
		}
	}
	return nil
}

// The bounds of what one person keeps of clients that registered themselves, and of whom is looked at where a client is many people's: it
// is not what one of them made.
const (
	mostConsents  = 100       // that nothing came of any more
	mostForgotten = 100       // at once
	mostPeople    = 1_000     // of a client
	settled       = time.Hour // no sign-in is as old that could still make a grant of what was agreed
)

// forget bounds what the people of clients that stay from now on agreed to: each such client is one more for somebody. One that nobody uses
// any more then waits for a use again, unless an operator made it one of theirs.
func (s *Service) forget(ctx context.Context, kept []string) error {
	for _, id := range kept {
		people, err := s.o.Consents.PeopleOf(ctx, id, mostPeople)
		if err != nil {
			return fmt.Errorf("read who agreed to the client %q: %w", id, err)
		}
		for _, person := range people {
			now := time.Now()
			forgotten, err := s.o.Consents.ForgetConsents(ctx, person, mostConsents, now.Add(-settled), mostForgotten)
			if err != nil {
				return fmt.Errorf("forget surplus consents: %w", err)
			}
			for _, id := range forgotten {
				if c, err := s.o.Registry.Client(ctx, id); err != nil || c.FirstParty || c.AdminTools || c.Agent {
					continue
				}
				if err := s.o.Consents.ExpectUse(ctx, id, now.Add(unusedLife)); err != nil {
					return fmt.Errorf("wait for a use of the client %q: %w", id, err)
				}
			}
		}
	}
	return nil
}

// mostEvicted is how many clients give way at once: whoever registers waits for it. middleSize is what one is taken to have until it is
// counted.
const (
	mostEvicted = 16
	middleSize  = 2 << 10
)

// Evict deletes at most so many of the oldest clients of a holder that nobody used.
func (s *Service) Evict(ctx context.Context, holder string, most int) (n int64, err error) {
	unused, err := s.o.Unused.UnusedOf(ctx, holder, min(most, mostEvicted))
	if err != nil {
		return 0, fmt.Errorf("look for unused clients of a holder: %w", err)
	}
	for _, id := range unused {
		if err := s.delete(ctx, id); err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, clients.ErrDeclared) {
			return n, fmt.Errorf("delete the unused client %q: %w", id, err)
		}
		n++
	}
	return n, nil
}

// keep reports whether a client stays whose use leaves no row: one that gets tokens for itself and proves itself by its keys. It came with
// an operator's initial token.
func (s *Service) keep(ctx context.Context, id string) (bool, error) {
	c, err := s.o.Registry.Client(ctx, id)
	if err != nil && !errors.Is(err, clients.ErrUnknown) {
		return false, fmt.Errorf("read the unused client %q: %w", id, err)
	}
	if err != nil || !c.HasGrant(clients.ClientCredentials) || c.HasSecret() {
		return false, nil
	}
	if err := s.o.Store.KeepRegistration(ctx, id); err != nil {
		return false, fmt.Errorf("keep the client %q: %w", id, err)
	}
	return true, nil
}
