package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"signet/admin/view"
	"signet/clients"
	"signet/users"
)

// Agents are those that a person allowed to act for them, the one that was used last first.
func (s *Service) Agents(ctx context.Context, a Actor, userID string) ([]view.Agent, error) {
	ctx, err := s.may(ctx, a, "Agents")
	if err != nil {
		return nil, err
	}
	if _, err := s.o.People.ByID(ctx, userID); err != nil {
		return nil, translate(err)
	}
	if err := s.looked(ctx, a, userID); err != nil {
		return nil, err
	}
	apps, err := s.o.People.Apps(ctx, userID)
	if err != nil {
		return nil, err
	}
	list := []view.Agent{}
	for _, app := range apps {
		if app.AgentUntil.IsZero() {
			continue
		}
		one := view.Agent{ClientID: app.ClientID, Scope: strings.Join(app.Scopes, " "), Resources: app.Resources, AgreedAt: utc(app.AgreedAt),
			Until: utc(app.AgentUntil), Calls: app.AgentCalls, PausedAt: utc(app.PausedAt), LastUsedAt: utc(app.LastUsed)}
		c, err := s.o.Clients.Client(ctx, app.ClientID)
		switch {
		case errors.Is(err, clients.ErrUnknown): // it is gone, and acts no more
		case err != nil:
			return nil, fmt.Errorf("look up an agent: %w", err)
		default:
			one.Name, one.Until, one.Calls = c.ClientName, utc(c.AgentEnds(app.AgentUntil, app.AgreedAt)), c.AgentLimit(app.AgentCalls)
		}
		list = append(list, one)
	}
	return list, nil
}

// PauseAgent has an agent do nothing for a person until they let it go on: nobody else does, for it acts for them. Done twice is done.
func (s *Service) PauseAgent(ctx context.Context, a Actor, userID, clientID string) error {
	return s.act(ctx, a, "PauseAgent", func(ctx context.Context) error {
		if err := s.overPerson(ctx, a, userID); err != nil {
			return err
		}
		return s.o.People.PauseAgent(ctx, userID, clientID, true)
	})
}

// RemoveAgent ends all that an agent has of a person: it has to ask them anew.
func (s *Service) RemoveAgent(ctx context.Context, a Actor, userID, clientID string) error {
	return s.act(ctx, a, "RemoveAgent", func(ctx context.Context) error {
		if err := s.overPerson(ctx, a, userID); err != nil {
			return err
		}
		apps, err := s.o.People.Apps(ctx, userID)
		if err != nil {
			return err
		}
		for _, app := range apps {
			if app.ClientID == clientID && !app.AgentUntil.IsZero() {
				return s.o.People.Disconnect(ctx, userID, clientID)
			}
		}
		return fmt.Errorf("agent %q: %w", clientID, users.ErrNotFound)
	})
}
