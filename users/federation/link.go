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
	ErrLast = errors.New("last way to sign in")
	// ErrNotFound: the person has no such identity.
	ErrNotFound = errors.New("no such identity")
)

// Link ties the identity to the account of somebody who proved a moment ago that it is theirs (N04), and tells
// them. ErrTaken, ErrHave; users.ErrChanged.
func (s *Service) Link(ctx context.Context, permit factor.Permit, who storage.User, a Callback) error {
	u, err := s.find(a.Upstream)
	if err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.People.Hold(who.ID, who.Epoch)(ctx); err != nil {
			return err
		}
		if err := s.attach(ctx, u, who.ID, a.Identity); err != nil {
			return err
		}
		if u.trusts(a.Identity) {
			if err := s.People.ProvenElsewhere(ctx, who.ID, a.Identity.Email); err != nil {
				return err
			}
		}
		return s.People.Notify(ctx, who.ID, mail.AccountLinked, map[string]string{"Provider": u.Name})
	})
}

// attach writes the link and takes over what the upstream says, in the transaction of ctx. ErrTaken, ErrHave.
func (s *Service) attach(ctx context.Context, u *upstream, userID string, i provider.Identity) error {
	row, err := s.Store.IdentityBySubject(ctx, u.ID, i.Issuer, i.Subject)
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
	err = s.Store.InsertIdentity(ctx, row)
	if errors.Is(err, storage.ErrConflict) { // somebody was quicker
		return fmt.Errorf("%w: %w", ErrTaken, err)
	}
	if err != nil {
		return fmt.Errorf("link identity: %w", err)
	}
	err = s.Audit.Record(ctx, audit.Event{Name: audit.UpstreamLinked, UserID: userID, Detail: map[string]string{"upstream": u.ID}})
	if err != nil || u.Profile == ProfileNever {
		return err
	}
	return s.takeOver(ctx, u, userID, i)
}

// Linked are a person's identities, oldest first.
func (s *Service) Linked(ctx context.Context, userID string) ([]storage.Identity, error) {
	return s.Store.IdentitiesOfUser(ctx, userID)
}

// Unlink removes an identity from a person's account, unless they could not sign in without it, and tells them. Sessions that
// began with it end. ErrNotFound, ErrLast; users.ErrChanged.
func (s *Service) Unlink(ctx context.Context, permit factor.Permit, who storage.User, id, exceptSession string) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.People.Hold(who.ID, who.Epoch)(ctx); err != nil {
			return err
		}
		rows, err := s.Store.IdentitiesOfUser(ctx, who.ID)
		if err != nil {
			return fmt.Errorf("unlink identity: %w", err)
		}
		at := slices.IndexFunc(rows, func(i storage.Identity) bool { return i.ID == id })
		if at < 0 {
			return ErrNotFound
		}
		row := rows[at]
		others, err := s.otherWays(ctx, who.ID, slices.Delete(rows, at, at+1))
		if err != nil {
			return err
		}
		if !others {
			return ErrLast
		}
		if err := s.remove(ctx, row, "", exceptSession); err != nil {
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

// remove deletes the link, with the sessions that began with it but one. by tells who wanted it, if not the person.
func (s *Service) remove(ctx context.Context, row storage.Identity, by, exceptSession string) error {
	err := s.Store.DeleteIdentity(ctx, row.ID, row.UserID)
	if errors.Is(err, storage.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("unlink identity: %w", err)
	}
	if err := s.endSessions(ctx, row.Upstream, row.Issuer, row.Subject, "", exceptSession); err != nil {
		return err
	}
	detail := map[string]string{"upstream": row.Upstream}
	if by != "" {
		detail["by"] = by
	}
	return s.Audit.Record(ctx, audit.Event{Name: audit.UpstreamUnlinked, UserID: row.UserID, Detail: detail})
}

// CanSignIn reports whether a person can sign in with an identity of theirs.
func (s *Service) CanSignIn(ctx context.Context, userID string) (bool, error) {
	rows, err := s.Store.IdentitiesOfUser(ctx, userID)
	if err != nil {
		return false, fmt.Errorf("list identities: %w", err)
	}
	return slices.ContainsFunc(rows, s.usable), nil
}

// usable reports whether the upstream of an identity is configured still.
func (s *Service) usable(i storage.Identity) bool { return s.byID[i.Upstream] != nil }

// otherWays reports whether a person can sign in with what is left to them.
func (s *Service) otherWays(ctx context.Context, userID string, left []storage.Identity) (bool, error) {
	if slices.ContainsFunc(left, s.usable) {
		return true, nil
	}
	counts, err := s.Store.CountCredentials(ctx, userID)
	if err != nil {
		return false, fmt.Errorf("count ways to sign in: %w", err)
	}
	return counts["password"]+counts["passkey"] > 0, nil
}

// standard are the claims that are taken over by their own names.
var standard = []string{
	"name", "given_name", "family_name", "middle_name", "nickname", "profile", "picture", "website", "gender", "birthdate", "zoneinfo",
	"locale",
}

// takeOver writes what the upstream says of a person into profile and groups.
func (s *Service) takeOver(ctx context.Context, u *upstream, userID string, i provider.Identity) error {
	if err := s.People.TakeOver(ctx, userID, u.claimsOf(i), u.Profile != ProfileAlways); err != nil {
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
			exists, existsErr := s.Store.GroupExists(ctx, group)
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
