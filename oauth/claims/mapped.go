package claims

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"signet/clients/claimmap"
	"signet/storage"
)

// Sources are what an application's map of claims takes from, beside the person's row.
type Sources struct {
	metadata      map[string]any
	groups, roles []string
}

// ReadSources reads what the rules name: nothing where there are none. Of groups those are told that the application's filter lets through.
func ReadSources(ctx context.Context, store MembershipStore, rules []claimmap.Rule, groupsFilter []string, userID string) (s Sources,
	err error) {
	metadata, groups, roles := claimmap.Reads(rules)
	if userID == "" {
		return s, nil
	}
	if metadata {
		raw, err := store.UserMetadata(ctx, userID)
		if err != nil {
			return s, fmt.Errorf("read metadata: %w", err)
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&s.metadata); err != nil && len(raw) > 0 {
			return s, fmt.Errorf("read metadata: %w", err)
		}
	}
	if groups {
		if s.groups, err = store.GroupsOfUser(ctx, userID); err != nil {
			return s, fmt.Errorf("read groups: %w", err)
		}
		if len(groupsFilter) > 0 {
			s.groups = filter(s.groups, groupsFilter)
		}
	}
	if roles {
		if s.roles, err = store.RolesOfUser(ctx, userID); err != nil {
			return s, fmt.Errorf("read roles: %w", err)
		}
	}
	return s, nil
}

// Mapped is what the rules come to in a place. A standard claim is taken only where the scope that asks for it was granted: a map tells an
// application nothing of the profile that the person did not allow it.
func (s Sources) Mapped(rules []claimmap.Rule, place string, scopes []string, u storage.User) map[string]any {
	return claimmap.Apply(rules, place, scopes, claimmap.Known{
		Metadata: s.metadata, Groups: s.groups, Roles: s.roles,
		Claim: func(name string) any {
			if !slices.Contains(scopes, scopeOf[name]) {
				return nil
			}
			return about(u, []string{name})[name]
		},
	})
}
