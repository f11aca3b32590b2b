package deletion

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/users"
)

// errCancelled: the deletion was cancelled, or put off, before the erasure began.
var errCancelled = errors.New("deletion cancelled")

// eraseBatch is how many are erased in one run of the job.
const eraseBatch = 100

// EraseDue erases the people whose grace time is over, each in a transaction of their own. What fails is logged, tried again
// next time, and keeps nobody else waiting.
func (s *Service) EraseDue(ctx context.Context) (erased int, err error) {
	now := time.Now()
	list, err := s.rows.UsersToErase(ctx, now, eraseBatch)
	if err != nil {
		return 0, fmt.Errorf("list people to erase: %w", err)
	}
	ctx = audit.WithOrigin(ctx, audit.Origin{Actor: "system"})
	for _, u := range list {
		_, err := s.rows.ClearUser(ctx, u.ID, now)
		if err == nil {
			err = s.store.Tx(ctx, func(ctx context.Context) error { return s.erase(ctx, u.ID, now) })
		}
		switch {
		case errors.Is(err, errCancelled), errors.Is(err, users.ErrNotFound):
		case ctx.Err() != nil:
			return erased, ctx.Err()
		case err != nil:
			s.log.ErrorContext(ctx, "person not erased", slog.String("user_id", u.ID), slog.Any("error", err))
		default:
			erased++
		}
	}
	return erased, nil
}

// erase removes all that is about a person but audit events, which name them by an id that is never given again; in the
// transaction of ctx. due, if set, is the moment by which the deletion must have been due: errCancelled if it is not.
func (s *Service) erase(ctx context.Context, userID string, due time.Time) error {
	if err := s.people.EndAll(ctx, userID, "", string(audit.UserErased)); err != nil { // also locks the row
		return err
	}
	u, err := s.people.ByID(ctx, userID)
	if err != nil {
		return err
	}
	if !due.IsZero() && (u.EraseAt.IsZero() || u.EraseAt.After(due)) {
		return errCancelled
	}
	if err := s.audit.Record(ctx, audit.Event{Name: audit.UserErased, UserID: userID}); err != nil {
		return err
	}
	if err := s.people.SendEmail(ctx, u, mail.Email{Kind: mail.Deleted}); err != nil { // sealed, and deleted when it is sent
		return err
	}
	if err := s.rows.EraseUser(ctx, userID); err != nil {
		return fmt.Errorf("erase person: %w", err)
	}
	return nil
}
