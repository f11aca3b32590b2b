package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"signet/clients"
	"signet/storage"
	"signet/users/factor"
	"signet/users/membership"
)

// over refuses an act on what holds permissions that the actor does not.
func over(a Actor, target Set) error {
	if missing := a.Holds.Missing(target); len(missing) > 0 {
		return &Refused{Missing: missing, Over: true}
	}
	return nil
}

// Held is what a person may do now, by their roles; one read.
func (s *Service) Held(ctx context.Context, userID string) (Set, error) {
	roles, err := s.o.Stores.Permits.PermitsOfUser(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("read permissions: %w", err)
	}
	return permits(roles), nil
}

// overPerson refuses an act on a person who holds more. It locks them: what gives them more, or acts on them, comes before or after.
func (s *Service) overPerson(ctx context.Context, a Actor, userID string) error {
	if _, err := s.o.Stores.Acts.LockUser(ctx, userID, factor.AnyEpoch); errors.Is(err, storage.ErrStale) { // of any epoch: nobody
		return fmt.Errorf("person: %w", ErrNotFound)
	} else if err != nil {
		return fmt.Errorf("lock person: %w", err)
	}
	held, err := s.Held(ctx, userID)
	if err != nil {
		return err
	}
	return on(over(a, held), userID, "")
}

// on notes on whom, or on what, an act was refused.
func on(err error, userID, clientID string) error {
	if no, ok := errors.AsType[*Refused](err); ok {
		no.UserID, no.ClientID = userID, clientID
	}
	return err
}

// overGroup refuses an act on a group whose people hold more by it.
func (s *Service) overGroup(ctx context.Context, a Actor, group string) error {
	roles, err := s.o.Stores.Permits.PermitsOfGroup(ctx, group)
	if err != nil {
		return fmt.Errorf("read permissions: %w", err)
	}
	return over(a, permits(roles))
}

// overRole refuses an act on a role that permits more.
func (s *Service) overRole(ctx context.Context, a Actor, role string) error {
	stored, err := s.o.Stores.Permits.RolePermits(ctx, role)
	if err != nil {
		return fmt.Errorf("read permissions of role %q: %w", role, err)
	}
	return over(a, ofRole(role, stored))
}

// overClient refuses an act on a client that may get more. What one with the tools may get is what those who use it may do.
func overClient(a Actor, m clients.Metadata) error {
	reaches := Scopes(strings.Fields(m.Scope)...)
	if m.AdminTools {
		maps.Copy(reaches, ofTools(true))
	}
	return on(over(a, reaches), "", m.ClientID)
}

// keepsAdministrator runs do and undoes it where no administrator would be left, or none who could sign in.
func (s *Service) keepsAdministrator(ctx context.Context, do func(ctx context.Context) error) error {
	err := s.o.Administrators.Keep(ctx, do)
	if errors.Is(err, membership.ErrLastAdmin) || errors.Is(err, membership.ErrNoWayIn) {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}
