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
	u, err := s.stores.People.UserByID(ctx, a.UserID)
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

// Commit changes the password (factor.ChangePassword), ends all other sessions of the person and everything they let in, in one
// transaction, which is the one of ctx if there is one (rule E11). ErrChanged if another change was quicker; else as
// factor.Ways.ReplacePassword.
func (c *Change) Commit(ctx context.Context, permit factor.Permit, keepSession string) error {
	s, u := c.proof.service, c.proof.User
	if err := permit.Is(u.ID, factor.ChangePassword); err != nil {
		return err
	}
	return s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if err := s.LockEpoch(u.ID, u.Epoch)(ctx); err != nil { // the person before the password, as all lock them
			return err
		}
		if err := c.proof.Commit(ctx); err != nil {
			return err
		}
		if err := s.replacePassword(ctx, permit, c.kept, keepSession, audit.PasswordChanged); err != nil {
			return err
		}
		return s.Notify(ctx, u.ID, mail.PasswordChanged, nil)
	})
}

// Within is Commit for a session's start (session.How).
func (c *Change) Within(permit factor.Permit, keepSession string) func(ctx context.Context) error {
	return func(ctx context.Context) error { return c.Commit(ctx, permit, keepSession) }
}

// SetPassword gives a person a password (factor.ResetPassword), which ends all their sessions and all they let in. ErrNotFound,
// Mistakes; else as factor.Ways.ReplacePassword.
func (s *Service) SetPassword(ctx context.Context, permit factor.Permit, password string) error {
	if err := permit.Is(permit.UserID(), factor.ResetPassword); err != nil {
		return err
	}
	u, err := s.user(ctx, permit.UserID())
	if err != nil {
		return err
	}
	kept, err := s.hashChosen(ctx, u, password)
	if err != nil {
		return err
	}
	return s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if err := s.replacePassword(ctx, permit, kept, "", audit.PasswordSet); err != nil {
			return err
		}
		return s.Notify(ctx, u.ID, mail.PasswordChanged, nil)
	})
}

// hashChosen checks a password that a person who has an account chooses, and makes the hash to keep. Mistakes; password.ErrBusy.
func (s *Service) hashChosen(ctx context.Context, u storage.User, password string) (kept string, err error) {
	if err := s.checkPassword(u, password); err != nil {
		return "", Mistakes{{FieldPassword, err}}
	}
	return s.hashNew(ctx, password)
}

// replacePassword is the part that all ways share. The old credential goes before the sessions do: a sign-in with the old
// password that runs at the same time holds on to that row (Proof.Commit), so its session is either seen here or never made.
func (s *Service) replacePassword(ctx context.Context, permit factor.Permit, kept, keepSession string, name audit.Name) error {
	userID := permit.UserID()
	if err := s.ways.ReplacePassword(ctx, permit, credential(userID, kept)); err != nil {
		return err
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
	if err := s.stores.Acts.RaiseEpoch(ctx, userID, now); err != nil {
		return fmt.Errorf("raise epoch: %w", err)
	}
	if _, err := s.sessions.EndAll(ctx, userID, keepSession, why); err != nil {
		return err
	}
	if _, err := s.stores.Grants.RevokeGrants(ctx, storage.GrantFilter{UserID: userID}, why, now); err != nil {
		return fmt.Errorf("revoke grants: %w", err)
	}
	return nil
}

// EndAll ends all sessions of a person but keepSession ("" = all) and revokes all their grants, in the transaction of ctx if
// there is one; why is for the audit log. ErrNotFound.
func (s *Service) EndAll(ctx context.Context, userID, keepSession, why string) error {
	return notFound(s.stores.Acts.Tx(ctx, func(ctx context.Context) error { return s.endEverything(ctx, userID, keepSession, why) }), userID)
}

// Disable disables an account: its person cannot sign in, all sessions and grants end. Done twice is done. ErrNotFound.
func (s *Service) Disable(ctx context.Context, userID string) error {
	return s.setDisabled(ctx, userID, time.Now(), audit.UserDisabled)
}

// Enable lets a disabled person sign in again; what ended stays ended. ErrNotFound.
func (s *Service) Enable(ctx context.Context, userID string) error {
	return s.setDisabled(ctx, userID, time.Time{}, audit.UserEnabled)
}

func (s *Service) setDisabled(ctx context.Context, userID string, at time.Time, name audit.Name) error {
	return s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		err := s.stores.Accounts.SetUserDisabled(ctx, userID, at, time.Now())
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

// FirstPassword gives a password to somebody who has none (factor.SetPassword). Mistakes; ErrChanged if there is one by now; else as
// factor.Ways.AddCredential.
func (s *Service) FirstPassword(ctx context.Context, permit factor.Permit, u storage.User, password string) error {
	if err := permit.Is(u.ID, factor.SetPassword); err != nil {
		return err
	}
	kept, err := s.hashChosen(ctx, u, password)
	if err != nil {
		return err
	}
	err = s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if err := s.ways.AddCredential(ctx, permit, credential(u.ID, kept)); err != nil {
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
