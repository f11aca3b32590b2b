package session

import (
	"context"
	"fmt"
	"time"

	"signet/audit"
	"signet/storage"
)

// End ends one session of a person (userID "" = whosever) and revokes its grants that are not offline, in one
// transaction. Unknown, foreign and ended before: storage.ErrNotFound.
func (s *Sessions) End(ctx context.Context, id, userID, why string) error {
	err := s.stores.Sessions.Tx(ctx, func(ctx context.Context) error {
		ended, err := s.end(ctx, id, userID, why, time.Now())
		if err == nil && !ended {
			return storage.ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

func (s *Sessions) end(ctx context.Context, id, userID, why string, now time.Time) (bool, error) {
	ended, err := s.stores.Ends.EndSession(ctx, id, userID, now)
	if err != nil || !ended {
		return false, err
	}
	return true, s.ended(ctx, id, userID, why, now)
}

// ended does what follows from the end of a session by an act.
func (s *Sessions) ended(ctx context.Context, id, userID, why string, now time.Time) error {
	if _, err := s.stores.Ends.RevokeGrants(ctx, storage.GrantFilter{SessionID: id, OnlineOnly: true}, "session ended", now); err != nil {
		return err
	}
	if err := s.told(ctx, id); err != nil {
		return err
	}
	return s.audit.Record(ctx, audit.Event{
		Name: audit.SessionEnded, UserID: userID, SessionID: id, Detail: map[string]string{"why": why},
	})
}

// EndAll ends all sessions of a person but one (except "" = all), each as End does, and returns how many.
func (s *Sessions) EndAll(ctx context.Context, userID, except, why string) (int, error) {
	var ids []string
	err := s.stores.Sessions.Tx(ctx, func(ctx context.Context) (err error) {
		now := time.Now()
		if ids, err = s.stores.Ends.EndSessionsOfUser(ctx, userID, except, now); err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.ended(ctx, id, userID, why, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	return len(ids), nil
}

// OfUser lists a person's live sessions, most recently seen first, at most limit.
func (s *Sessions) OfUser(ctx context.Context, userID string, limit int) ([]storage.Session, error) {
	return s.stores.Lists.SessionsOfUser(ctx, userID, time.Now(), limit)
}

// List pages through all live sessions by id after the given one.
func (s *Sessions) List(ctx context.Context, after string, limit int) ([]storage.Session, error) {
	return s.stores.Lists.Sessions(ctx, time.Now(), after, limit)
}
