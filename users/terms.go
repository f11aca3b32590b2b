package users

import (
	"context"
	"time"

	"signet/audit"
	"signet/storage"
)

// Terms is the version of the terms of service that people have to accept; "" if there are none.
func (s *Service) Terms() string { return s.terms }

// TermsDue reports whether the person has not accepted the terms of today.
func (s *Service) TermsDue(u storage.User) bool { return s.terms != "" && u.Terms != s.terms }

// AcceptTerms notes that the person accepts the terms of today.
func (s *Service) AcceptTerms(ctx context.Context, userID string) error {
	return s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if err := s.stores.Accounts.SetUserTerms(ctx, userID, s.terms, time.Now()); err != nil {
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.TermsAccepted, UserID: userID, Detail: map[string]string{"version": s.terms}})
	})
}

// accepts takes the answer of the sign-up form to the terms.
func (s *Service) accepts(terms string, u *storage.User, mistakes *Mistakes) {
	switch {
	case s.terms == "":
	case terms != s.terms:
		mistakes.add(FieldTerms, ErrMissing)
	default:
		u.Terms, u.TermsAt = s.terms, u.CreatedAt
	}
}
