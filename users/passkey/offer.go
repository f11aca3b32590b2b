package passkey

import (
	"context"
	"fmt"
	"time"

	"signet/users/ticket"
)

// declined marks who does not want to be offered a passkey after signing in.
const declined ticket.Purpose = "passkey.declined"

// declinedFor is for good, as far as a server lasts.
const declinedFor = 10 * 365 * 24 * time.Hour

// Offer reports whether to offer a person a passkey: they have none and did not say no.
func (s *Service) Offer(ctx context.Context, userID string) (bool, error) {
	have, err := s.stores.Passkeys.Credentials(ctx, userID, Kind)
	if err != nil {
		return false, fmt.Errorf("offer passkey: %w", err)
	}
	if len(have) > 0 {
		return false, nil
	}
	no, err := s.tickets.Of(ctx, declined, userID)
	if err != nil {
		return false, fmt.Errorf("offer passkey: %w", err)
	}
	return len(no) == 0, nil
}

// Decline notes that the person does not want to be offered one again. They can still add one on their account page.
func (s *Service) Decline(ctx context.Context, userID string) error {
	_, _, err := s.tickets.Issue(ctx, ticket.Order{Purpose: declined, Owner: userID, Lifetime: declinedFor, Only: true})
	return err
}
