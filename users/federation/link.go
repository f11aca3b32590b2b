package federation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/factor"
	"signet/users/federation/provider"
)

// Categories of what linking and unlinking may find.
var (
	// ErrTaken: the identity is linked to another account here.
	ErrTaken = errors.New("identity is linked to another account")
	// ErrHave: it is linked to this very account.
	ErrHave = errors.New("identity is linked already")
	// ErrLast: without it the person could not sign in any more.
	ErrLast = factor.ErrLast
	// ErrNotFound: the person has no such identity.
	ErrNotFound = errors.New("no such identity")
)

// Link ties the identity to the account of a person (factor.LinkLogin), and tells them. ErrTaken, ErrHave; else as
// factor.Ways.LinkIdentity.
func (s *Service) Link(ctx context.Context, permit factor.Permit, who storage.User, a Callback) error {
	if err := permit.Is(who.ID, factor.LinkLogin); err != nil {
		return err
	}
	u, err := s.find(a.Upstream)
	if err != nil {
		return err
	}
	return s.Stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if err := s.attach(ctx, permit, u, a.Identity); err != nil {
			return err
		}
		if err := s.verify(ctx, permit, u, a.Identity); err != nil {
			return err
		}
		return s.People.Notify(ctx, who.ID, mail.AccountLinked, map[string]string{"Provider": u.Name})
	})
}

// verify takes the word of an upstream that answers for the address of a login linked just now.
func (s *Service) verify(ctx context.Context, linked factor.Permit, u *upstream, i provider.Identity) error {
	if !u.trusts(i) {
		return nil
	}
	proof := factor.Proof{By: factor.ByUpstream, UserID: linked.UserID(), Epoch: linked.Epoch()}
	permit, err := s.Ways.May(ctx, proof, factor.VerifyAddress)
	if err != nil {
		return err
	}
	return s.Profiles.ProvenElsewhere(ctx, permit, i.Email)
}

// attach writes the link and takes over what the upstream says, in the transaction of ctx. ErrTaken, ErrHave.
func (s *Service) attach(ctx context.Context, permit factor.Permit, u *upstream, i provider.Identity) error {
	userID := permit.UserID()
	row, err := s.Stores.Identities.IdentityBySubject(ctx, u.ID, i.Issuer, i.Subject)
	switch {
	case err == nil && row.UserID == userID:
		return ErrHave
	case err == nil:
		return ErrTaken
	case !errors.Is(err, storage.ErrNotFound):
		return fmt.Errorf("link identity: %w", err)
	}
	now := time.Now()
	row = storage.Identity{
		ID: newID(), Upstream: u.ID, Issuer: i.Issuer, Subject: i.Subject, UserID: userID, Label: label(i), CreatedAt: now, LastUsedAt: now,
	}
	if row.Tokens, err = s.sealTokens(u, row.ID, i.Tokens); err != nil {
		return err
	}
	err = s.Ways.LinkIdentity(ctx, permit, row)
	if errors.Is(err, storage.ErrConflict) { // somebody was quicker
		return fmt.Errorf("%w: %w", ErrTaken, err)
	}
	if err != nil {
		return err
	}
	err = s.Audit.Record(ctx, audit.Event{Name: audit.UpstreamLinked, UserID: userID, Detail: map[string]string{"upstream": u.ID}})
	if err != nil || u.Profile == ProfileNever {
		return err
	}
	return s.takeOver(ctx, u, userID, i)
}

// Linked are a person's identities, oldest first.
func (s *Service) Linked(ctx context.Context, userID string) ([]storage.Identity, error) {
	return s.Stores.Identities.IdentitiesOfUser(ctx, userID)
}

// Unlink removes an identity from a person's account (factor.UnlinkLogin), unless they could not sign in without it, and tells them.
// Sessions that began with it end. ErrNotFound, ErrLast; else as factor.Ways.UnlinkIdentity.
func (s *Service) Unlink(ctx context.Context, permit factor.Permit, who storage.User, id, exceptSession string) error {
	if err := permit.Is(who.ID, factor.UnlinkLogin); err != nil {
		return err
	}
	return s.Stores.Acts.Tx(ctx, func(ctx context.Context) error {
		row, err := s.remove(ctx, permit, id, "", exceptSession)
		if err != nil {
			return err
		}
		return s.People.Notify(ctx, who.ID, mail.AccountUnlinked, map[string]string{"Provider": s.nameOf(row.Upstream)})
	})
}

func (s *Service) nameOf(upstreamID string) string {
	if u := s.byID[upstreamID]; u != nil {
		return u.Name
	}
	return upstreamID
}

// remove deletes the link, with the sessions that began with it but one. by tells who wanted it, if not the person. ErrNotFound,
// ErrLast.
func (s *Service) remove(ctx context.Context, permit factor.Permit, id, by, exceptSession string) (storage.Identity, error) {
	row, err := s.Ways.UnlinkIdentity(ctx, permit, id)
	if errors.Is(err, storage.ErrNotFound) {
		return row, ErrNotFound
	}
	if err != nil {
		return row, err
	}
	if err := s.endSessions(ctx, row.Upstream, row.Issuer, row.Subject, "", exceptSession); err != nil {
		return row, err
	}
	detail := map[string]string{"upstream": row.Upstream}
	if by != "" {
		detail["by"] = by
	}
	return row, s.Audit.Record(ctx, audit.Event{Name: audit.UpstreamUnlinked, UserID: row.UserID, Detail: detail})
}

// standard are the claims that are taken over by their own names.
var standard = []string{
	"name", "given_name", "family_name", "middle_name", "nickname", "profile", "picture", "website", "gender", "birthdate", "zoneinfo",
	"locale",
}

// takeOver writes what the upstream says of a person into profile and groups.
func (s *Service) takeOver(ctx context.Context, u *upstream, userID string, i provider.Identity) error {
	if err := s.Profiles.TakeOver(ctx, userID, u.claimsOf(i), u.Profile != ProfileAlways); err != nil {
		return err
	}
	return s.group(ctx, u, userID, i)
}

// claimsOf are an identity's claims by our names.
func (u *upstream) claimsOf(i provider.Identity) map[string]any {
	claims := map[string]any{}
	for _, name := range standard {
		if value, ok := i.Claims[name]; ok {
			claims[name] = value
		}
	}
	for ours, theirs := range u.Claims {
		if value, ok := i.Claims[theirs]; ok {
			claims[ours] = value
		}
	}
	return claims
}

// group puts the person into exactly those of the mapped groups that the upstream says they are in. Other groups are nobody's
// business but ours. A group that is gone is left out.
func (s *Service) group(ctx context.Context, u *upstream, userID string, i provider.Identity) error {
	if u.Groups == "" || len(u.GroupMap) == 0 {
		return nil
	}
	theirs, told := textsOf(i.Claims[u.Groups])
	if !told {
		return nil // says nothing, rather than "none"
	}
	wanted := map[string]bool{}
	for name, ours := range u.GroupMap {
		wanted[ours] = wanted[ours] || slices.Contains(theirs, name)
	}
	have, _, err := s.Members.Of(ctx, userID)
	if err != nil {
		return fmt.Errorf("take over groups: %w", err)
	}
	for _, group := range slices.Sorted(maps.Keys(wanted)) {
		in := slices.Contains(have, group)
		switch {
		case wanted[group] && !in:
			exists, existsErr := s.Stores.Acts.GroupExists(ctx, group)
			if err = existsErr; err == nil && exists {
				_, err = s.Members.Add(ctx, group, userID)
			}
		case !wanted[group] && in:
			err = s.Members.Remove(ctx, group, userID)
		}
		if err != nil {
			return fmt.Errorf("take over groups: %w", err)
		}
	}
	return nil
}

// textsOf reads a claim that is a list of texts, or one; told is false where it is not there.
func textsOf(claim any) (list []string, told bool) {
	switch v := claim.(type) {
	case string:
		return []string{v}, true
	case []string:
		return v, true
	case []any:
		for _, x := range v {
			if text, ok := x.(string); ok {
				list = append(list, text)
			}
		}
		return list, true
	}
	return nil, false
}
