package admin

import (
	"context"
	"fmt"
	"strings"

	"signet/admin/view"
	"signet/storage"
)

func consentOf(c storage.Consent) view.Consent {
	return view.Consent{ClientID: c.ClientID, Scope: strings.Join(c.Granted, " "), Resources: c.Resources, CreatedAt: utc(c.CreatedAt),
		UpdatedAt: utc(c.UpdatedAt), Until: utc(c.AgentUntil), Calls: c.AgentCalls, PausedAt: utc(c.PausedAt)}
}

// Consents pages through what a person allowed apps, by client id.
func (s *Service) Consents(ctx context.Context, a Actor, userID string, q Ask) (Page[view.Consent], error) {
	ctx, err := s.may(ctx, a, "Consents")
	if err != nil {
		return Page[view.Consent]{}, err
	}
	if _, err := s.o.People.ByID(ctx, userID); err != nil {
		return Page[view.Consent]{}, translate(err)
	}
	if err := s.looked(ctx, a, userID); err != nil {
		return Page[view.Consent]{}, err
	}
	rows, err := s.o.Stores.Apps.ConsentsOfUser(ctx, userID, q.After, q.limit()+1)
	if err != nil {
		return Page[view.Consent]{}, fmt.Errorf("list consents: %w", err)
	}
	return paged(q, rows, consentOf, func(c storage.Consent) string { return c.ClientID }), nil
}

// WithdrawConsent takes back what a person allowed an app: its access ends, and it has to ask them anew.
func (s *Service) WithdrawConsent(ctx context.Context, a Actor, userID, clientID string) error {
	return s.act(ctx, a, "WithdrawConsent", func(ctx context.Context) error {
		if err := s.overPerson(ctx, a, userID); err != nil {
			return err
		}
		return s.o.People.Disconnect(ctx, userID, clientID)
	})
}
