package recovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/users/factor"
	"signet/users/ticket"
)

// Due mails the links to the people whose wait is over, and returns how many. Of several that run at once, one mails each.
func (s *Service) Due(ctx context.Context) (mailed int, err error) {
	after := ""
	for {
		list, err := s.Tickets.List(ctx, purposeWait, after, pageSize)
		if err != nil {
			return mailed, fmt.Errorf("read recoveries: %w", err)
		}
		for _, t := range list {
			after = t.ID
			var w waiting
			if err := ticket.Read(t, &w); err != nil {
				return mailed, err
			}
			if time.Now().Before(w.ReadyAt) {
				continue
			}
			switch err := s.ready(ctx, t, w); {
			case err == nil:
				mailed++
			case !errors.Is(err, ErrGone):
				return mailed, err
			}
		}
		if len(list) < pageSize {
			return mailed, nil
		}
	}
}

// ready turns a wait into a link. ErrGone if something ended it, or another run has done it.
func (s *Service) ready(ctx context.Context, t storage.Ticket, w waiting) error {
	u, err := s.People.ByID(ctx, t.Owner)
	if err != nil {
		return fmt.Errorf("read person: %w", err)
	}
	ended := u.Epoch != w.Epoch || !u.DisabledAt.IsZero() || !u.EmailVerified
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.Tickets.Cancel(ctx, purposeWait, t.ID); err != nil || ended {
			return err
		}
		return s.mailLink(ctx, u, w)
	})
	if err == nil && ended {
		return ErrGone
	}
	return err
}

// LookFinish checks the link without using it. ErrGone.
func (s *Service) LookFinish(ctx context.Context, secret string) error {
	var w waiting
	t, err := s.Tickets.Look(ctx, purposeFinish, secret, &w)
	if err != nil {
		return err
	}
	_, err = s.still(ctx, t, w)
	return err
}

// still reads the person of a link, unless all their sessions and grants were ended since it was asked for: ErrGone.
func (s *Service) still(ctx context.Context, t storage.Ticket, w waiting) (storage.User, error) {
	u, err := s.People.ByID(ctx, t.Owner)
	if err != nil {
		return u, fmt.Errorf("read person: %w", err)
	}
	if u.Epoch != w.Epoch || !u.DisabledAt.IsZero() {
		return u, ErrGone
	}
	return u, nil
}

// Finish removes all second factors and recovery codes of the link's person and ends all their sessions. They sign in with
// their first factor then, and must set up another second factor where one is required. ErrGone.
func (s *Service) Finish(ctx context.Context, secret string) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		var w waiting
		t, err := s.Tickets.Look(ctx, purposeFinish, secret, &w)
		if err != nil {
			return err
		}
		u, err := s.still(ctx, t, w)
		if err != nil {
			return err
		}
		proof := factor.Proof{By: factor.ByLink, UserID: u.ID, Epoch: w.Epoch, Acts: []factor.Act{factor.ResetFactors}}
		permit, err := s.Ways.May(ctx, proof, factor.ResetFactors)
		if err != nil { // the person before the ticket, as a sign-in locks them
			return gone(err)
		}
		if _, err := s.Tickets.Spend(ctx, purposeFinish, secret, nil); err != nil {
			return err
		}
		if err := s.remove(ctx, permit, string(audit.FactorRecoveryFinished)); err != nil {
			return err
		}
		return s.Audit.Record(ctx, audit.Event{Name: audit.FactorRecoveryFinished, UserID: u.ID})
	})
}

// Remove does the same at once, on behalf of an operator (factor.ResetFactors).
func (s *Service) Remove(ctx context.Context, permit factor.Permit) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error { return s.remove(ctx, permit, "factors removed by an operator") })
}

// remove removes the factors before the sessions end, which ends the permit, too.
func (s *Service) remove(ctx context.Context, permit factor.Permit, why string) error {
	if err := s.Factors.Reset(ctx, permit); err != nil {
		return err
	}
	if err := s.People.EndAll(ctx, permit.UserID(), "", why); err != nil {
		return err
	}
	return s.revoke(ctx, permit.UserID())
}

// gone turns ErrChanged into ErrGone: what ended all sessions of the person also ended their links.
func gone(err error) error {
	if errors.Is(err, factor.ErrChanged) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

// LookStop checks the link without using it. ErrGone.
func (s *Service) LookStop(ctx context.Context, secret string) error {
	_, err := s.Tickets.Look(ctx, purposeStop, secret, nil)
	return err
}

// Stop ends the recovery that the link belongs to: nothing is removed. ErrGone.
func (s *Service) Stop(ctx context.Context, secret string) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		t, err := s.Tickets.Look(ctx, purposeStop, secret, nil)
		if err != nil {
			return err
		}
		u, err := s.People.ByID(ctx, t.Owner)
		if err != nil {
			return fmt.Errorf("read person: %w", err)
		}
		if err := s.People.LockEpoch(u.ID, u.Epoch)(ctx); err != nil {
			return gone(err)
		}
		if _, err := s.Tickets.Spend(ctx, purposeStop, secret, nil); err != nil {
			return err
		}
		return s.stopped(ctx, u.ID, "link")
	})
}

// Cancel ends a person's recovery if there is one, in the transaction of ctx: they have signed in with two factors.
func (s *Service) Cancel(ctx context.Context, userID string) error {
	for _, p := range []ticket.Purpose{purposeWait, purposeFinish} {
		list, err := s.Tickets.Of(ctx, p, userID)
		if err != nil {
			return fmt.Errorf("read recovery: %w", err)
		}
		if len(list) > 0 {
			return s.stopped(ctx, userID, "sign-in")
		}
	}
	return nil
}

func (s *Service) stopped(ctx context.Context, userID, by string) error {
	if err := s.revoke(ctx, userID); err != nil {
		return err
	}
	return s.Audit.Record(ctx, audit.Event{Name: audit.FactorRecoveryStopped, UserID: userID, Detail: map[string]string{"by": by}})
}

func (s *Service) revoke(ctx context.Context, userID string) error {
	for _, p := range []ticket.Purpose{purposeWait, purposeFinish, purposeStop} {
		if err := s.Tickets.Void(ctx, p, userID); err != nil {
			return err
		}
	}
	return nil
}
