package users

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/ticket"
)

// ErrFrozen: the person said "this was not me"; nobody signs in until the password is reset. It is told only to whoever
// knows the password.
var ErrFrozen = errors.New("account is frozen")

// stoppable are the letters that let their person say that it was not them.
var stoppable = []string{
	mail.PasswordChanged, mail.PasswordReset, mail.NewDevice, mail.FactorAdded, mail.FactorRemoved, mail.RecoveryUsed,
	mail.AccountLinked, mail.AccountUnlinked, mail.SignedOutEverywhere,
}

// notMe adds the way to stop it to the words of a letter.
func (s *Service) notMe(ctx context.Context, u storage.User, kind string, args map[string]string) error {
	if !slices.Contains(stoppable, kind) {
		return nil
	}
	_, secret, err := s.tickets.Issue(ctx, ticket.Order{Purpose: purposeNotMe, Owner: u.ID, Lifetime: notMeLife})
	if err != nil {
		return err
	}
	args["NotMe"] = s.link("/not-me?t=" + secret)
	return nil
}

// LookNotMe tells whether the link is good, without using it. ErrGone.
func (s *Service) LookNotMe(ctx context.Context, secret string) error {
	_, err := s.tickets.Look(ctx, purposeNotMe, secret, nil)
	return err
}

// Freeze is what "this was not me" does: all sessions and grants of the person end, changes that wait for a link are void,
// and nobody signs in until a new password is chosen by the link that is mailed now. ErrGone.
func (s *Service) Freeze(ctx context.Context, secret string) error {
	err := s.store.Tx(ctx, func(ctx context.Context) error {
		t, err := s.tickets.Spend(ctx, purposeNotMe, secret, nil)
		if err != nil {
			return err
		}
		return s.freeze(ctx, t.Owner, mail.Frozen, t.CreatedAt)
	})
	if errors.Is(err, ErrNotFound) {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("freeze account: %w", err)
	}
	return nil
}

// slack is how much earlier than a letter what it tells of may have been done.
const slack = time.Minute

// freeze does it. Ways of signing in that were added since the letter are not the owner's: they go (a passkey of whoever was
// inside would outlive the new password otherwise).
func (s *Service) freeze(ctx context.Context, userID, kind string, since time.Time) error {
	u, err := s.user(ctx, userID)
	if err != nil {
		return err
	}
	now := time.Now()
	if err := s.store.SetUserFrozen(ctx, u.ID, now, now); err != nil {
		return err
	}
	if err := s.endEverything(ctx, u.ID, "", string(audit.UserFrozen)); err != nil {
		return err
	}
	dropped, err := s.store.DeleteFactors(ctx, u.ID, since.Add(-slack))
	if err != nil {
		return fmt.Errorf("drop what was added since: %w", err)
	}
	for _, p := range []ticket.Purpose{purposeReset, purposeAddress} {
		if err := s.tickets.Void(ctx, p, u.ID); err != nil {
			return err
		}
	}
	if err := s.audit.Record(ctx, audit.Event{Name: audit.UserFrozen, UserID: u.ID, Detail: map[string]int64{"dropped": dropped}}); err != nil || s.post == nil {
		return err
	}
	if u, err = s.user(ctx, u.ID); err != nil { // with the new epoch
		return err
	}
	link, err := s.resetLink(ctx, u, u.EmailKey, frozenLife)
	if err != nil {
		return err
	}
	return s.write(ctx, u, mail.Letter{Kind: kind, To: u.Email, Link: link, ExpiresAt: now.Add(frozenLife)})
}

// Unfreeze lets a frozen person sign in again with the password they have, by an operator's hand. ErrNotFound.
func (s *Service) Unfreeze(ctx context.Context, userID string) error {
	return s.store.Tx(ctx, func(ctx context.Context) error {
		err := s.store.SetUserFrozen(ctx, userID, time.Time{}, time.Now())
		if errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("person %q: %w", userID, ErrNotFound)
		}
		if err != nil {
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.UserUnfrozen, UserID: userID})
	})
}
