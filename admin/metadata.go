package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"signet/admin/view"
	"signet/clients"
	"signet/clients/claimmap"
	"signet/oauth/claims"
	"signet/storage"
	"signet/users/metadata"
)

// SetMetadata merges an object into what is kept about a person beside the profile (RFC 7396: null removes a member). Apps that name a part
// of it in their map of claims are told from their next tokens on.
func (s *Service) SetMetadata(ctx context.Context, a Actor, userID, match string, change json.RawMessage) (Person, error) {
	return s.onPerson(ctx, a, "SetMetadata", userID, match, func(ctx context.Context, u storage.User) error {
		return ofMetadata(s.o.Metadata.Merge(ctx, u.ID, change))
	})
}

// ReplaceMetadata is SetMetadata for the whole object: what it does not name is kept no more.
func (s *Service) ReplaceMetadata(ctx context.Context, a Actor, userID, match string, object json.RawMessage) (Person, error) {
	return s.onPerson(ctx, a, "ReplaceMetadata", userID, match, func(ctx context.Context, u storage.User) error {
		return ofMetadata(s.o.Metadata.Replace(ctx, u.ID, object))
	})
}

func ofMetadata(err error) error {
	if bad, ok := errors.AsType[*metadata.Invalid](err); ok {
		return invalid("metadata", bad.Text)
	}
	return err
}

// mapsClaims refuses a change of an app's map of claims by whoever may not give roles: an app reads from a claim who may do what, so saying
// what is in it is like giving a role, and taking it out like taking one.
func mapsClaims(a Actor, before, after clients.Metadata) error {
	if a.Holds[RolesGive] || claimmap.Same(before.ClaimsMap, after.ClaimsMap) {
		return nil
	}
	return on(&Refused{Missing: []Permission{RolesGive}}, "", after.ClientID)
}

// PreviewClaims shows what an app would be told about a person who granted it the scopes; none = all that it registered. Nothing is signed,
// and nobody is asked.
func (s *Service) PreviewClaims(ctx context.Context, a Actor, userID, clientID string, scopes []string) (p view.Preview, err error) {
	if ctx, err = s.may(ctx, a, "PreviewClaims"); err != nil {
		return p, err
	}
	if !a.Holds[ClientsRead] {
		if ctx, err = s.may(ctx, a, "Client"); err != nil {
			return p, err
		}
	}
	u, err := s.o.People.ByID(ctx, userID)
	if err != nil {
		return p, translate(err)
	}
	if err := s.looked(ctx, a, u.ID); err != nil {
		return p, err
	}
	c, err := s.o.Clients.Current(ctx, clientID)
	if err != nil {
		return p, translate(err)
	}
	if len(scopes) == 0 {
		scopes = c.Scopes()
	}
	scopes = slices.Compact(sorted(scopes))
	for _, scope := range scopes {
		if !c.HasScope(scope) {
			return p, invalid("scope", fmt.Sprintf("the app has no scope %q", scope))
		}
	}
	p = view.Preview{ClientID: c.ClientID, Scopes: scopes, Subject: s.o.Subject(c, u.ID)}
	wanted := claims.Want(scopes, nil, c.GroupsClaim, c.RolesClaim, c.GroupsFilter)
	belongs, err := wanted.Read(ctx, s.o.Stores.Told, u.ID)
	if err != nil {
		return p, err
	}
	sources, err := claims.ReadSources(ctx, s.o.Stores.Told, c.ClaimsMap, c.GroupsFilter, u.ID)
	if err != nil {
		return p, err
	}
	mapped := func(place string) map[string]any { return sources.Mapped(c.ClaimsMap, place, scopes, u) }
	p.IDToken = both(claims.IDToken(u, belongs, claims.Param{}), nil)
	if c.IDTokenClaims {
		p.IDToken = claims.IDTokenOf(u, belongs, scopes, claims.Param{})
	}
	p.IDToken = both(p.IDToken, mapped(claimmap.IDToken))
	p.Userinfo = claims.Userinfo(u, belongs, scopes, claims.Param{})
	if p.Userinfo["sub"] = p.Subject; p.Subject == "" {
		delete(p.Userinfo, "sub")
	}
	p.Userinfo = both(p.Userinfo, mapped(claimmap.Userinfo))
	p.AccessToken = both(claims.AccessToken(belongs, scopes, c.GroupsClaim, c.RolesClaim), mapped(claimmap.AccessToken))
	return p, nil
}

// both has the claims of both; those of the second win.
func both(first, second map[string]any) map[string]any {
	all := make(map[string]any, len(first)+len(second))
	maps.Copy(all, first)
	maps.Copy(all, second)
	return all
}
