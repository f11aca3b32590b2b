package users

import (
	"context"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
)

// What users/wayback and operators need beside the acts of a person.

// Tell writes a letter to the person's proven address, in the transaction of ctx if there is one; l.Link is one of our own
// paths. Nothing is written where no mail can be sent.
func (s *Service) Tell(ctx context.Context, u storage.User, l mail.Letter) error {
	if l.Link != "" {
		l.Link = s.link(l.Link)
	}
	return s.tell(ctx, u, l)
}

// MayAsk counts a letter that somebody asks for to the person's address, and tells whether it may go out (security notes D07).
func (s *Service) MayAsk(ctx context.Context, u storage.User) (bool, error) {
	if s.post == nil {
		return false, nil
	}
	return s.post.Allowed(ctx, loginOf(u.Email).mark, audit.OriginOf(ctx).Network)
}

// EndAll ends all sessions of a person and everything they let in, in the transaction of ctx if there is one; why is for the
// audit log.
func (s *Service) EndAll(ctx context.Context, userID, why string) error {
	return s.store.Tx(ctx, func(ctx context.Context) error { return s.endEverything(ctx, userID, "", why) })
}
