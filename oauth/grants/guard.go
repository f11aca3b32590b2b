package grants

import (
	"errors"
	"fmt"
	"time"

	"signet/storage"
)

// ErrDead: the grant may not be used any more. The text says why, for the log; whoever presents its tokens is only told
// that they are invalid.
var ErrDead = errors.New("grant is dead")

// ErrPaused: the person has paused the agent that the grant is of. It is ErrDead as long as that is so.
var ErrPaused = fmt.Errorf("%w: its agent is paused", ErrDead)

// Alive judges a grant by its one joined read (rule J09): not revoked, not past its end, its person there,
// enabled and of the same epoch (a password change, disable or sign-out everywhere raises it), its consent not withdrawn,
// what was agreed with an agent not over and not paused, and unless it is offline its session not signed out. A session that
// merely expired ends nothing.
func Alive(s *storage.GrantState, now time.Time) error {
	dead := func(why string) error { return fmt.Errorf("%w: %s", ErrDead, why) }
	switch {
	case !s.RevokedAt.IsZero():
		return dead("revoked, " + s.RevokedWhy)
	case !s.EndsAt.IsZero() && !now.Before(s.EndsAt):
		return dead("past its end")
	case s.User.ID == "":
		return dead("the person is gone")
	case !s.User.DisabledAt.IsZero():
		return dead("the person is disabled")
	case s.UserEpoch != s.User.Epoch:
		return dead("the person has ended what was before")
	case s.ConsentEpoch > 0 && s.ConsentEpoch != s.ConsentNow:
		return dead("consent was withdrawn")
	case !s.AgentUntil.IsZero() && !now.Before(s.AgentUntil):
		return dead("its agent may act no longer")
	case !s.PausedAt.IsZero():
		return ErrPaused
	case !s.Offline && !s.SessionEndedAt.IsZero():
		return dead("its session was ended")
	}
	return nil
}

// Refreshable is Alive, and used lately: the idle limit is judged by the row alone.
func Refreshable(s *storage.GrantState, now time.Time) error {
	if err := Alive(s, now); err != nil {
		return err
	}
	if !now.Before(s.ExpiresAt) {
		return fmt.Errorf("%w: not used for too long", ErrDead)
	}
	return nil
}
