package users

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/membership"
)

// ErrLastAdmin: nobody else could look after this server.
var ErrLastAdmin = errors.New("the last administrator")

// DeleteGrace is how long an account that was asked to be deleted is kept; 0 = not at all.
func (s *Service) DeleteGrace() time.Duration { return s.grace }

// IsCalled tells whether what somebody typed is the person's address or user name.
func IsCalled(u storage.User, typed string) bool {
	l := loginOf(typed)
	return l.email != "" && l.email == u.EmailKey || l.username != "" && l.username == u.UsernameKey
}

// Leave deletes a person's account at their own wish (security notes R07): everything of theirs ends now, and after the
// grace time the account is erased; signing in before can undo it (Keep). Without grace it is erased at once. It returns
// when. ErrLastAdmin, ErrNotFound.
func (s *Service) Leave(ctx context.Context, userID string) (eraseAt time.Time, err error) {
	return s.delete(ctx, userID, s.grace, true)
}

// Delete is Leave by an operator's hand, of the last administrator too; now leaves no grace. ErrNotFound.
func (s *Service) Delete(ctx context.Context, userID string, now bool) (eraseAt time.Time, err error) {
	grace := s.grace
	if now {
		grace = 0
	}
	return s.delete(ctx, userID, grace, false)
}

func (s *Service) delete(ctx context.Context, userID string, grace time.Duration, guarded bool) (at time.Time, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context) error {
		if guarded {
			last, err := s.store.LastHolder(ctx, membership.Admin, userID)
			if err != nil {
				return fmt.Errorf("count administrators: %w", err)
			}
			if last {
				return ErrLastAdmin
			}
		}
		at = time.Now().Add(grace)
		if grace <= 0 {
			return s.erase(ctx, userID, time.Time{})
		}
		if err := s.endEverything(ctx, userID, "", string(audit.UserDeleteAsked)); err != nil {
			return err
		}
		u, err := s.user(ctx, userID)
		if err != nil {
			return err
		}
		if !u.EraseAt.IsZero() && u.EraseAt.Before(at) { // asked before
			at = u.EraseAt
			return nil
		}
		if err := s.store.SetUserErase(ctx, userID, at, time.Now()); err != nil {
			return fmt.Errorf("note deletion: %w", err)
		}
		if err := s.audit.Record(ctx, audit.Event{Name: audit.UserDeleteAsked, UserID: userID, Detail: map[string]time.Time{"at": at.UTC()}}); err != nil {
			return err
		}
		return s.tell(ctx, u, mail.Letter{Kind: mail.DeleteAsked, Link: s.link("/signin"), Args: map[string]string{"Day": at.UTC().Format(time.RFC3339)}})
	})
	return at, notFound(err, userID)
}

// Keep undoes Leave or Delete while there is time; all sessions but keepSession end ("" = all). Done twice is done.
// ErrNotFound.
func (s *Service) Keep(ctx context.Context, userID, keepSession string) error {
	return notFound(s.store.Tx(ctx, func(ctx context.Context) error {
		if err := s.endEverything(ctx, userID, keepSession, string(audit.UserDeleteUndone)); err != nil {
			return err
		}
		u, err := s.user(ctx, userID)
		if err != nil || u.EraseAt.IsZero() {
			return err
		}
		if err := s.store.SetUserErase(ctx, userID, time.Time{}, time.Now()); err != nil {
			return fmt.Errorf("undo deletion: %w", err)
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.UserDeleteUndone, UserID: userID})
	}), userID)
}

// errKept: the person decided otherwise before the erasure began.
var errKept = errors.New("kept")

// erase removes all that is about a person but audit events, which name them by an id that is never given again. due, if
// set, is the moment by which the deletion must have been due: errKept if it is not.
func (s *Service) erase(ctx context.Context, userID string, due time.Time) error {
	if err := s.endEverything(ctx, userID, "", string(audit.UserErased)); err != nil { // also holds the row
		return err
	}
	u, err := s.user(ctx, userID)
	if err != nil {
		return err
	}
	if !due.IsZero() && (u.EraseAt.IsZero() || u.EraseAt.After(due)) {
		return errKept
	}
	if err := s.audit.Record(ctx, audit.Event{Name: audit.UserErased, UserID: userID}); err != nil {
		return err
	}
	if err := s.tell(ctx, u, mail.Letter{Kind: mail.Deleted}); err != nil { // sealed, and gone when it is sent
		return err
	}
	if err := s.store.EraseUser(ctx, userID); err != nil {
		return fmt.Errorf("erase person: %w", err)
	}
	return nil
}

// eraseBatch is how many are erased in one go of the job.
const eraseBatch = 100

// EraseDue erases the people whose grace time is over, each in a transaction of their own. What fails is logged, tried again
// next time, and keeps nobody else waiting.
func (s *Service) EraseDue(ctx context.Context) (erased int, err error) {
	now := time.Now()
	list, err := s.store.UsersToErase(ctx, now, eraseBatch)
	if err != nil {
		return 0, fmt.Errorf("list people to erase: %w", err)
	}
	ctx = audit.WithOrigin(ctx, audit.Origin{Actor: "system"})
	for _, u := range list {
		err := s.store.Tx(ctx, func(ctx context.Context) error { return s.erase(ctx, u.ID, now) })
		switch {
		case errors.Is(err, errKept), errors.Is(err, storage.ErrNotFound), errors.Is(err, ErrNotFound):
		case ctx.Err() != nil:
			return erased, ctx.Err()
		case err != nil:
			s.log.ErrorContext(ctx, "person not erased", slog.String("user", u.ID), slog.Any("error", err))
		default:
			erased++
		}
	}
	return erased, nil
}

// notFound says that there is no such person where the ground says that there is no such row.
func notFound(err error, userID string) error {
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("person %q: %w", userID, ErrNotFound)
	}
	return err
}
