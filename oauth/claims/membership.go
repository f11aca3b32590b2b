package claims

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Memberships are the claims about a person's groups and roles, by the names under which the application wants them. They
// are lists, empty ones too: an application that asked learns that there are none.
type Memberships map[string][]string

func (m Memberships) into(out map[string]any) {
	for name, list := range m {
		out[name] = list
	}
}

// AccessToken is what an access token says of groups and roles (RFC 9068 section 2.2.3.1): under the names of that standard, where their
// scope is granted to it.
func AccessToken(m Memberships, scopes []string, groupsClaim, rolesClaim string) map[string]any {
	out := map[string]any{}
	for _, x := range [][2]string{{ScopeGroups, groupsClaim}, {ScopeRoles, rolesClaim}} {
		if list := m[cmp.Or(x[1], x[0])]; slices.Contains(scopes, x[0]) && len(list) > 0 {
			out[x[0]] = list
		}
	}
	return out
}

// MembershipStore reads them, and what administrators keep about a person.
type MembershipStore interface {
	GroupsOfUser(ctx context.Context, userID string) ([]string, error)
	RolesOfUser(ctx context.Context, userID string) ([]string, error)
	UserMetadata(ctx context.Context, userID string) (json.RawMessage, error)
}

// Wanted says under which names an application gets groups and roles: the names its registration gives them, else groups
// and roles by the scopes of these names or by the claims parameter.
type Wanted struct {
	Groups, Roles string
	// Filter is what the application's registration says of which groups it is told: names, and beginnings of names before a *. Empty = all.
	Filter []string
}

// Want decides from the granted scopes, the names that the granted part of the claims parameter has for the place where the
// claims go, and the client's registered names and filter.
func Want(scopes, names []string, groupsClaim, rolesClaim string, groupsFilter []string) Wanted {
	asked := func(scope, registered string) string {
		switch {
		case registered != "":
			return registered
		case slices.Contains(scopes, scope), slices.Contains(names, scope):
			return scope
		}
		return ""
	}
	return Wanted{Groups: asked(ScopeGroups, groupsClaim), Roles: asked(ScopeRoles, rolesClaim), Filter: groupsFilter}
}

// Read fills what is wanted: no read where nothing is.
func (w Wanted) Read(ctx context.Context, store MembershipStore, userID string) (Memberships, error) {
	if w.Groups == "" && w.Roles == "" || userID == "" {
		return nil, nil
	}
	m := Memberships{}
	for _, x := range []struct {
		name string
		read func(ctx context.Context, userID string) ([]string, error)
	}{{w.Groups, w.filtered(store.GroupsOfUser)}, {w.Roles, store.RolesOfUser}} {
		if x.name == "" {
			continue
		}
		list, err := x.read(ctx, userID)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", strings.ToLower(x.name), err)
		}
		m[x.name] = append(append([]string{}, m[x.name]...), list...)
	}
	return m, nil
}

// filtered reads groups and keeps those that the application is told.
func (w Wanted) filtered(read func(ctx context.Context, userID string) ([]string, error)) func(ctx context.Context, userID string) (
	[]string, error) {
	if len(w.Filter) == 0 {
		return read
	}
	return func(ctx context.Context, userID string) ([]string, error) {
		all, err := read(ctx, userID)
		return filter(all, w.Filter), err
	}
}

// filter keeps the groups that an application is told.
func filter(all, patterns []string) []string {
	kept := make([]string, 0, len(all)) // what was read may be shared
	for _, group := range all {
		if slices.ContainsFunc(patterns, func(pattern string) bool {
			beginning, open := strings.CutSuffix(pattern, "*")
			return group == pattern || open && strings.HasPrefix(group, beginning)
		}) {
			kept = append(kept, group)
		}
	}
	return kept
}
