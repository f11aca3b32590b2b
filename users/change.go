package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/factor"
)

// Change is a new password that may take the present one's place: Commit does it.
type Change struct {
	proof *Proof
	kept  string
}

// PrepareChange checks the present password (which is a try like any other: ErrWrong, ErrThrottled) and the new one
// (Mistakes of FieldPassword; ErrSame). password.ErrBusy.
func (s *Service) PrepareChange(ctx context.Context, a Attempt, password string) (*Change, error) {
	u, err := s.store.UserByID(ctx, a.UserID)
	if err != nil {
		return nil, fmt.Errorf("change password: %w", err)
	}
	var mistakes Mistakes
	switch {
	case password == "":
		mistakes.add(FieldPassword, ErrMissing)
	case password == a.Password:
		mistakes.add(FieldPassword, ErrSame)
	default:
		mistakes.add(FieldPassword, s.passwords.Check(password, names(u)...))
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	proof, err := s.SignIn(ctx, a)
	if err != nil {
		return nil, err
	}
	if err := s.unbreached(ctx, password); err != nil {
		return nil, err
	}
	kept, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return nil, err
	}
	return &Change{proof, kept}, nil
}

// Commit changes the password, ends all other sessions of the person and everything they let in, in one transaction, which
// is the one of ctx if there is one (security notes E11). ErrChanged if another change was quicker.
func (c *Change) Commit(ctx context.Context, permit factor.Permit, keepSession string) error {
	s := c.proof.service
	return s.store.Tx(ctx, func(ctx context.Context) error {
		if err := c.proof.Commit(ctx); err != nil {
			return err
		}
		if err := s.replacePassword(ctx, c.proof.User.ID, c.kept, keepSession, audit.PasswordChanged); err != nil {
			return err
		}
		return s.Notify(ctx, c.proof.User.ID, mail.PasswordChanged, nil)
	})
}

// Within is Commit for a session's start (session.How).
func (c *Change) Within(permit factor.Permit, keepSession string) func(ctx context.Context) error {
	return func(ctx context.Context) error { return c.Commit(ctx, permit, keepSession) }
}

// SetPassword gives a person a password by an operator's hand, which ends all their sessions and all they let in.
// ErrNotFound, Mistakes.
func (s *Service) SetPassword(ctx context.Context, userID, password string) error {
	u, err := s.user(ctx, userID)
	if err != nil {
		return err
	}
	var mistakes Mistakes
	mistakes.add(FieldPassword, s.passwords.Check(password, names(u)...))
	if len(mistakes) > 0 {
		return mistakes
	}
	if err := s.unbreached(ctx, password); err != nil {
		return err
	}
	kept, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(ctx context.Context) error {
		if err := s.replacePassword(ctx, userID, kept, "", audit.PasswordSet); err != nil {
			return err
		}
		return s.Notify(ctx, userID, mail.PasswordChanged, nil)
	})
}

// replacePassword is the part both ways share. The old credential goes before the sessions do: a sign-in with the old
// password that runs at the same time holds on to that row (Proof.Hold), so its session is either seen here or never made.
func (s *Service) replacePassword(ctx context.Context, userID, kept, keepSession string, name audit.Name) error {
	if _, err := s.store.DeleteCredentials(ctx, userID, kindPassword); err != nil {
		return fmt.Errorf("replace password: %w", err)
	}
	if err := s.store.InsertCredential(ctx, credential(userID, kept)); err != nil {
		return fmt.Errorf("replace password: %w", err)
	}
	if err := s.endEverything(ctx, userID, keepSession, string(name)); err != nil {
		return err
	}
	u, err := s.user(ctx, userID)
	if err != nil {
		return err
	}
	if err := s.unguard(ctx, u); err != nil {
		return err
	}
	return s.audit.Record(ctx, audit.Event{Name: name, UserID: userID})
}

// endEverything raises the epoch, ends the sessions and revokes the grants of a person, in the caller's transaction. The
// epoch also ends what is being authorized right now.
func (s *Service) endEverything(ctx context.Context, userID, keepSession, why string) error {
	now := time.Now()
	if err := s.store.RaiseEpoch(ctx, userID, now); err != nil {
		return fmt.Errorf("raise epoch: %w", err)
	}
	if _, err := s.sessions.EndAll(ctx, userID, keepSession, why); err != nil {
		return err
	}
	if _, err := s.store.RevokeGrants(ctx, storage.GrantFilter{UserID: userID}, why, now); err != nil {
		return fmt.Errorf("revoke grants: %w", err)
	}
	return nil
}

// EndAll ends all sessions of a person but keepSession ("" = all) and revokes all their grants, in the transaction of ctx if
// there is one; why is for the audit log. ErrNotFound.
func (s *Service) EndAll(ctx context.Context, userID, keepSession, why string) error {
	return notFound(s.store.Tx(ctx, func(ctx context.Context) error { return s.endEverything(ctx, userID, keepSession, why) }), userID)
}

// Disable shuts a person out: nobody can sign in, all sessions and grants end. Done twice is done. ErrNotFound.
func (s *Service) Disable(ctx context.Context, userID string) error {
	return s.setDisabled(ctx, userID, time.Now(), audit.UserDisabled)
}

// Enable lets a disabled person sign in again; what ended stays ended. ErrNotFound.
func (s *Service) Enable(ctx context.Context, userID string) error {
	return s.setDisabled(ctx, userID, time.Time{}, audit.UserEnabled)
}

func (s *Service) setDisabled(ctx context.Context, userID string, at time.Time, name audit.Name) error {
	return s.store.Tx(ctx, func(ctx context.Context) error {
		err := s.store.SetUserDisabled(ctx, userID, at, time.Now())
		if errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("person %q: %w", userID, ErrNotFound)
		}
		if err != nil {
			return err
		}
		// Also when enabling: a sign-in that raced the disabling left a session that nobody could use until now.
		if err := s.endEverything(ctx, userID, "", string(name)); err != nil {
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: name, UserID: userID})
	})
}

// FirstPassword gives a password to somebody who has none and who has just proven in another way who they are. Mistakes;
// ErrChanged if there is one by now, or everything of theirs ended.
func (s *Service) FirstPassword(ctx context.Context, permit factor.Permit, u storage.User, password string) error {
	var mistakes Mistakes
	if password == "" {
		mistakes.add(FieldPassword, ErrMissing)
	} else {
		mistakes.add(FieldPassword, s.passwords.Check(password, names(u)...))
	}
	if len(mistakes) > 0 {
		return mistakes
	}
	if err := s.unbreached(ctx, password); err != nil {
		return err
	}
	kept, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	hold := s.Hold(u.ID, u.Epoch)
	err = s.store.Tx(ctx, func(ctx context.Context) error {
		if err := hold(ctx); err != nil {
			return err
		}
		if err := s.store.InsertCredential(ctx, credential(u.ID, kept)); err != nil {
			return err
		}
		if err := s.audit.Record(ctx, audit.Event{Name: audit.PasswordChanged, UserID: u.ID}); err != nil {
			return err
		}
		return s.Notify(ctx, u.ID, mail.PasswordChanged, nil)
	})
	if errors.Is(err, storage.ErrConflict) {
		return ErrChanged
	}
	return err
}
