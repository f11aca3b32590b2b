package users

import (
	"context"
	"errors"
	"time"

	"signet/internal/ratelimit"
	"signet/storage"
)

// ErrGuarded: so many wrong passwords came from browsers that are not known to the account that none of them gets in with a
// password any more. The password was not checked. A passkey, a mailed code and a mailed link are still good, and so is
// the password in a known browser.
var ErrGuarded = errors.New("a password alone does not suffice")

// guardAfter is how many wrong passwords in a row are let through from unknown browsers (F03, NIST SP 800-63B
// section 3.2.2).
const guardAfter = 100

// guardWindow is how long after the first of them the count is forgotten.
const guardWindow = 30 * 24 * time.Hour

// guard counts the wrong passwords at a typed name from browsers not known to its account. It goes by what was typed, like
// all limits, so that an account is told from none by nothing (F04).
func guard(mark string) ratelimit.Limit {
	return ratelimit.Limit{
		Key: "signin guard " + mark, Free: guardAfter, Cap: guardAfter, Window: guardWindow, OnSuccess: ratelimit.FirstLimit,
	}
}

// Guarded reports whether a password alone does not suffice for what was typed as address or user name, outside of browsers
// known to the account. Never where no mail can be sent, because there would be no other way in for all.
func (s *Service) Guarded(ctx context.Context, typed string) (bool, error) {
	if s.post == nil {
		return false, nil
	}
	return s.limits.Capped(ctx, guard(loginOf(typed).mark))
}

// unguard forgets what was guessed at a person's names: they have proven themselves by mail, or the password is another.
func (s *Service) unguard(ctx context.Context, u storage.User) error {
	if s.post == nil {
		return nil
	}
	var errs []error
	for _, name := range []string{u.Email, u.Username} {
		if name != "" {
			errs = append(errs, s.limits.Forget(ctx, guard(loginOf(name).mark)))
		}
	}
	return errors.Join(errs...)
}
