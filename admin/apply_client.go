package admin

import (
	"context"
	"errors"
	"fmt"

	"signet/admin/thing"
	"signet/audit"
	"signet/clients"
)

// applyClient makes, changes or deletes an app.
func (s *Service) applyClient(ctx context.Context, a Actor, p prepared) error {
	before, was := p.before.(thing.Client)
	after, is := p.after.(thing.Client)
	c, err := s.o.Clients.Current(ctx, p.Key)
	there := err == nil
	switch {
	case err != nil && !errors.Is(err, clients.ErrUnknown):
		return err
	case !was && !is && there && (c.Declared || c.FromDocument()):
		return nil // what files kept is gone, and who took its name is none of theirs
	case there && c.Declared:
		return clients.ErrDeclared
	case there && c.FromDocument():
		return fmt.Errorf("%w: the app is made of its metadata document", ErrConflict)
	case there != was:
		return ErrChanged
	}
	if was {
		if err := overClient(a, c.Metadata); err != nil {
			return err
		}
		if err := s.changeAsPlanned(ctx, before, after, is); err != nil {
			return err
		}
	}
	switch {
	case was && !is:
		return errors.Join(s.o.Clients.Delete(ctx, p.Key), s.o.Audit.Record(ctx, audit.Event{Name: audit.ClientDeleted, ClientID: p.Key}))
	case is && !was:
		if _, err := s.createClient(ctx, after.Metadata); err != nil {
			return err
		}
	}
	if after.Disabled != before.Disabled {
		name := audit.ClientEnabled
		if after.Disabled {
			name = audit.ClientDisabled
		}
		if err := errors.Join(s.o.Clients.SetDisabled(ctx, p.Key, after.Disabled),
			s.o.Audit.Record(ctx, audit.Event{Name: name, ClientID: p.Key})); err != nil {
			return err
		}
	}
	if p.Secret == "" {
		return nil
	}
	keep := keepOldSecret
	if !was {
		keep = 0 // what was made beside it is nobody's
	}
	if err := s.o.Clients.SetSecret(ctx, p.Key, p.Secret, keep); err != nil {
		return ofClient(err)
	}
	return s.o.Audit.Record(ctx, audit.Event{Name: audit.ClientSecretRotated, ClientID: p.Key})
}

// changeAsPlanned changes a registration that is still as it was, or holds it so where it is to be deleted.
func (s *Service) changeAsPlanned(ctx context.Context, before, after thing.Client, is bool) error {
	c, err := s.o.Clients.Current(ctx, before.ClientID)
	if err != nil {
		return err
	}
	if c.Enabled() == before.Disabled {
		return ErrChanged
	}
	var changes []Change
	_, err = s.o.Clients.Change(ctx, before.ClientID, func(m *clients.Metadata) error {
		now := *m
		if !thing.Same(thing.Client{Metadata: now.WithDefaults()}, thing.Client{Metadata: before.Metadata}) {
			return ErrChanged
		}
		if is {
			*m = after.Metadata
			changes = changesOf(now, *m)
		}
		return nil
	})
	if err != nil {
		return ofClient(err)
	}
	if len(changes) == 0 {
		return nil
	}
	return s.o.Audit.Record(ctx, audit.Event{Name: audit.ClientChanged, ClientID: before.ClientID, Detail: map[string]any{"changes": changes}})
}
