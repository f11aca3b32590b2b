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
	"signet/users/factor"
	"signet/users/ticket"
)

// ErrFrozen: the person said "this was not me"; nobody signs in until the password is reset. It is told only to whoever
// knows the password.
var ErrFrozen = errors.New("account is frozen")

// stoppable are the emails that let their person say that it was not them.
var stoppable = []string{
	mail.PasswordChanged, mail.PasswordReset, mail.NewDevice, mail.FactorAdded, mail.FactorRemoved, mail.RecoveryUsed,
	mail.AccountLinked, mail.AccountUnlinked, mail.SignedOutEverywhere, mail.Confirmed,
	mail.AgentAllowed,
}

// notMe adds the way to stop it to the words of an email.
func (s *Service) notMe(ctx context.Context, u storage.User, kind string, args map[string]string) error {
	if !slices.Contains(stoppable, kind) {
		return nil
	}
	_, secret, err := s.tickets.Issue(ctx, ticket.Order{
		Purpose: purposeNotMe, Owner: u.ID, Data: mailedTo{Email: u.Email, EmailKey: u.EmailKey, Verified: u.EmailVerified}, Lifetime: notMeLife,
	})
	if err != nil {
		return err
	}
	args["NotMe"] = s.link("/not-me?t=" + secret)
	return nil
}

// LookNotMe reports whether the link is good, without using it. ErrGone.
func (s *Service) LookNotMe(ctx context.Context, secret string) error {
	_, err := s.tickets.Look(ctx, purposeNotMe, secret, nil)
	return err
}

// mailedTo is the address that a link was mailed to, as it was then: what the link may do is bound to it (rule V03).
type mailedTo struct {
	Email    string `json:"email"`
	EmailKey string `json:"email_key"`
	Verified bool   `json:"verified"`
}

// Freeze is what "this was not me" does: all sessions and grants of the person end, what was changed since the email is undone as
// far as it can be (address, factors, linked logins), changes that wait for a link are void, and nobody signs in until a new
// password is chosen by the link that is mailed now, to the address that the first email went to. ErrGone.
func (s *Service) Freeze(ctx context.Context, secret string) error {
	err := s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		var then mailedTo
		t, err := s.tickets.Look(ctx, purposeNotMe, secret, &then)
		if err != nil {
			return err
		}
		permit, err := s.byLink(ctx, t.Owner, factor.AnyEpoch, factor.Freeze)
		if err != nil {
			return err
		}
		if _, err := s.tickets.Spend(ctx, purposeNotMe, secret, nil); err != nil {
			return err
		}
		if then.EmailKey == "" {
			if then, err = s.addressAt(ctx, t.Owner, t.CreatedAt); err != nil {
				return err
			}
		}
		return s.freeze(ctx, permit, mail.Frozen, t.CreatedAt, then)
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, storage.ErrConflict) {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("freeze account: %w", err)
	}
	return nil
}

// addressAt finds the address that a person had at a time, for links of the release that did not note it: what the first change
// since would bring back, else the one of now.
func (s *Service) addressAt(ctx context.Context, userID string, at time.Time) (mailedTo, error) {
	list, err := s.tickets.Of(ctx, purposeUndo, userID)
	if err != nil {
		return mailedTo{}, err
	}
	for _, t := range list { // oldest first
		if t.CreatedAt.Before(at) {
			continue
		}
		var old oldAddress
		if err := ticket.Read(t, &old); err != nil {
			return mailedTo{}, err
		}
		return old.mailed(), nil
	}
	u, err := s.user(ctx, userID)
	return mailedTo{u.Email, u.EmailKey, u.EmailVerified}, err
}

// slack is how much earlier than an email what it tells of may have been done.
const slack = time.Minute

// freeze does it. Ways of signing in that were added since the email are not the owner's: they go (a passkey of whoever had
// access would outlive the new password otherwise), and so do the links that were mailed since. The address is again the one that
// the email went to, and only if that was verified then it gets the link to choose a new password.
func (s *Service) freeze(ctx context.Context, permit factor.Permit, kind string, since time.Time, to mailedTo) error {
	u, err := s.user(ctx, permit.UserID())
	if err != nil {
		return err
	}
	dropped, err := s.ways.RemoveSince(ctx, permit, since.Add(-slack))
	if err != nil {
		return err
	}
	if u.EmailKey != to.EmailKey {
		if _, err := s.setAddress(ctx, permit, factor.Address{Email: to.Email, Key: to.EmailKey, Verified: to.Verified}); err != nil {
			return err
		}
	}
	if err := s.voidSince(ctx, u.ID, since); err != nil {
		return err
	}
	for _, p := range []ticket.Purpose{purposeReset, purposeAddress} {
		if err := s.tickets.Void(ctx, p, u.ID); err != nil {
			return err
		}
	}
	now := time.Now()
	if err := s.stores.Accounts.SetUserFrozen(ctx, u.ID, now, now); err != nil {
		return err
	}
	if err := s.endEverything(ctx, u.ID, "", string(audit.UserFrozen)); err != nil {
		return err
	}
	err = s.audit.Record(ctx, audit.Event{Name: audit.UserFrozen, UserID: u.ID, Detail: map[string]int64{"dropped": dropped}})
	if err != nil || s.post == nil || !to.Verified {
		return err
	}
	return s.mailFrozen(ctx, u.ID, kind)
}

// mailFrozen mails the link to choose a new password.
func (s *Service) mailFrozen(ctx context.Context, userID, kind string) error {
	u, err := s.user(ctx, userID) // with the new epoch
	if err != nil {
		return err
	}
	link, err := s.resetLink(ctx, u, resetData{Email: u.EmailKey}, frozenLife)
	if err != nil {
		return err
	}
	return s.write(ctx, u, mail.Email{Kind: kind, To: u.Email, Link: link, ExpiresAt: time.Now().Add(frozenLife)})
}

// Unfreeze lets a frozen person sign in again with the password they have (factor.Unfreeze). ErrNotFound.
func (s *Service) Unfreeze(ctx context.Context, permit factor.Permit) error {
	userID := permit.UserID()
	return s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if err := s.check(ctx, permit, factor.Unfreeze); err != nil {
			return err
		}
		if err := s.stores.Accounts.SetUserFrozen(ctx, userID, time.Time{}, time.Now()); err != nil {
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.UserUnfrozen, UserID: userID})
	})
}

// check is factor.Ways.Check of an act on whoever the permit is about, who may not be there: ErrNotFound.
func (s *Service) check(ctx context.Context, permit factor.Permit, act factor.Act) error {
	if err := permit.Is(permit.UserID(), act); err != nil {
		return err
	}
	if _, err := s.user(ctx, permit.UserID()); err != nil {
		return err
	}
	return s.ways.Check(ctx, permit, permit.UserID(), act)
}
