package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/admin/thing"
	"signet/audit"
	"signet/storage"
	"signet/users/membership"
)

// Group is one of people.
type Group struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	CreatedAt   time.Time `json:"created_at"`
}

// Role is one, with what its holders may do to this server.
type Role struct {
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Permissions []Permission `json:"permissions"`
	Shipped     bool         `json:"shipped" doc:"It came with Signet and cannot be changed."`
	CreatedAt   time.Time    `json:"created_at"`
}

func groupOf(g storage.Group) Group { return Group{g.Name, g.Description, utc(g.CreatedAt)} }

// Groups pages through groups by name.
func (s *Service) Groups(ctx context.Context, a Actor, q Ask) (Page[Group], error) {
	ctx, err := s.may(ctx, a, "Groups")
	if err != nil {
		return Page[Group]{}, err
	}
	rows, err := s.o.Members.Groups(ctx, q.After, q.limit()+1)
	return paged(q, rows, groupOf, func(g storage.Group) string { return g.Name }), err
}

// Members pages through the people of a group by id.
func (s *Service) Members(ctx context.Context, a Actor, group string, q Ask) (Page[Person], error) {
	ctx, err := s.may(ctx, a, "Members")
	if err != nil {
		return Page[Person]{}, err
	}
	if there, err := s.o.Stores.People.GroupExists(ctx, group); err != nil || !there {
		return Page[Person]{}, errors.Join(err, fmt.Errorf("group: %w", ErrNotFound))
	}
	rows, err := s.o.Stores.People.GroupMembers(ctx, group, q.After, q.limit()+1)
	return paged(q, rows, personOf, func(u storage.User) string { return u.ID }), err
}

// PutGroup makes a group, or changes the description of the one of the name.
func (s *Service) PutGroup(ctx context.Context, a Actor, name, description string) error {
	return s.act(ctx, a, "PutGroup", func(ctx context.Context) error {
		if err := s.byHand(ctx, a, thing.Groups, name); err != nil {
			return err
		}
		there, err := s.o.Stores.People.GroupExists(ctx, name)
		if err != nil {
			return fmt.Errorf("look for group: %w", err)
		}
		if there {
			return s.o.Members.DescribeGroup(ctx, name, description)
		}
		return s.o.Members.CreateGroup(ctx, name, description)
	})
}

// DeleteGroup removes a group; the people stay, and lose what they held by it.
func (s *Service) DeleteGroup(ctx context.Context, a Actor, name string) error {
	return s.act(ctx, a, "DeleteGroup", func(ctx context.Context) error {
		if err := s.byHand(ctx, a, thing.Groups, name); err != nil {
			return err
		}
		return s.deleteGroup(ctx, a, name)
	})
}

func (s *Service) deleteGroup(ctx context.Context, a Actor, name string) error {
	if err := s.overGroup(ctx, a, name); err != nil {
		return err
	}
	return s.keepsAdministrator(ctx, func(ctx context.Context) error { return s.o.Members.DeleteGroup(ctx, name) })
}

// AddMember puts a person into a group. It gives what the group holds, as GiveRole does.
func (s *Service) AddMember(ctx context.Context, a Actor, group, userID string) error {
	return s.act(ctx, a, "AddMember", func(ctx context.Context) error {
		if err := errors.Join(s.overGroup(ctx, a, group), s.overPerson(ctx, a, userID)); err != nil {
			return err
		}
		return s.addMember(ctx, group, userID)
	})
}

func (s *Service) addMember(ctx context.Context, group, userID string) error {
	if added, err := s.o.Members.Add(ctx, group, userID); err != nil || !added {
		return err
	}
	roles, err := s.o.Stores.Permits.PermitsOfGroup(ctx, group)
	if err != nil || len(permits(roles)) == 0 {
		return err
	}
	return s.o.People.EndResetLinks(ctx, userID)
}

// RemoveMember takes a person out of a group.
func (s *Service) RemoveMember(ctx context.Context, a Actor, group, userID string) error {
	return s.act(ctx, a, "RemoveMember", func(ctx context.Context) error {
		if err := errors.Join(s.overGroup(ctx, a, group), s.overPerson(ctx, a, userID)); err != nil {
			return err
		}
		return s.keepsAdministrator(ctx, func(ctx context.Context) error { return s.o.Members.Remove(ctx, group, userID) })
	})
}

// Roles pages through roles by name.
func (s *Service) Roles(ctx context.Context, a Actor, q Ask) (Page[Role], error) {
	ctx, err := s.may(ctx, a, "Roles")
	if err != nil {
		return Page[Role]{}, err
	}
	rows, err := s.o.Members.Roles(ctx, q.After, q.limit()+1)
	if err != nil {
		return Page[Role]{}, err
	}
	p := paged(q, rows, func(g storage.Group) Role {
		_, ours := shipped[g.Name]
		return Role{Name: g.Name, Description: g.Description, Shipped: ours, CreatedAt: utc(g.CreatedAt)}
	}, func(g storage.Group) string { return g.Name })
	if len(p.Items) == 0 {
		return p, nil
	}
	stored, err := s.o.Stores.Permits.PermitsOfRoles(ctx, p.Items[0].Name, p.Items[len(p.Items)-1].Name)
	if err != nil {
		return p, fmt.Errorf("read permissions: %w", err)
	}
	for i := range p.Items {
		p.Items[i].Permissions = []Permission{}
		for _, one := range All() {
			if ofRole(p.Items[i].Name, stored[p.Items[i].Name])[one] {
				p.Items[i].Permissions = append(p.Items[i].Permissions, one)
			}
		}
	}
	return p, nil
}

// Holders are a part of who holds a role: ids of people, and then names of groups. Next begins the part after it; "" = this is the last.
type Holders struct {
	People []string `json:"people"`
	Groups []string `json:"groups"`
	Next   string   `json:"next,omitempty"`
}

// Holders lists who holds a role.
func (s *Service) Holders(ctx context.Context, a Actor, role string, q Ask) (h Holders, err error) {
	if ctx, err = s.may(ctx, a, "Holders"); err != nil {
		return h, err
	}
	if _, err := s.o.Stores.Permits.RolePermits(ctx, role); err != nil {
		return h, translate(err)
	}
	first, from, ok := strings.Cut(q.After, "/")
	if q.After != "" && (!ok || first != storage.HolderUser && first != storage.HolderGroup) {
		return h, invalid("after", "is not the next of an answer")
	}
	h = Holders{People: []string{}, Groups: []string{}}
	left := q.limit()
	for _, part := range []struct {
		kind string
		list *[]string
	}{{storage.HolderUser, &h.People}, {storage.HolderGroup, &h.Groups}} {
		after := ""
		if first == storage.HolderGroup && part.kind == storage.HolderUser {
			continue
		}
		if first == part.kind {
			after = from
		}
		names, err := s.o.Members.HoldersOf(ctx, role, part.kind, after, left+1)
		if err != nil {
			return h, fmt.Errorf("list holders of %q: %w", role, err)
		}
		if len(names) > left {
			names, h.Next = names[:left], part.kind+"/"
			if left > 0 {
				h.Next += names[left-1]
			}
		}
		*part.list = append(*part.list, names...)
		left -= len(names)
		if h.Next != "" {
			break
		}
	}
	return h, nil
}

// PutRole makes a role, or changes the one of the name. Nobody gives, or takes away, what they do not hold.
func (s *Service) PutRole(ctx context.Context, a Actor, name, description string, want []Permission) error {
	for _, p := range want {
		if !slices.Contains(All(), p) {
			return invalid("permissions", "there is no permission of that name; see the documentation")
		}
	}
	return s.act(ctx, a, "PutRole", func(ctx context.Context) error {
		if err := s.byHand(ctx, a, thing.Roles, name); err != nil {
			return err
		}
		return s.putRole(ctx, a, name, description, want)
	})
}

func (s *Service) putRole(ctx context.Context, a Actor, name, description string, want []Permission) error {
	if err := changeable(name); err != nil {
		return err
	}
	old, err := s.o.Stores.Permits.RolePermits(ctx, name)
	there := err == nil
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("read role: %w", err)
	}
	if err := errors.Join(over(a, SetOf(want...)), over(a, ofRole(name, old))); err != nil {
		return err
	}
	if there {
		err = s.o.Members.DescribeRole(ctx, name, description)
	} else {
		err = s.o.Members.CreateRole(ctx, name, description)
	}
	stored := textOf(want)
	if err != nil || stored == old {
		return err
	}
	if err := s.o.Stores.Permits.SetRolePermits(ctx, name, old, stored); err != nil {
		return err
	}
	if len(ofRole(name, old).Missing(SetOf(want...))) > 0 {
		if err := s.o.People.EndResetLinksOfHolders(ctx, name); err != nil {
			return err
		}
	}
	return s.o.Audit.Record(ctx, audit.Event{Name: audit.RoleChanged, Detail: map[string]any{
		"role": name, "changes": []Change{{Field: "permissions", Old: old, New: stored}},
	}})
}

// textOf is how the permissions of a role are stored.
func textOf(want []Permission) string {
	texts := make([]string, len(want))
	for i, p := range want {
		texts[i] = string(p)
	}
	return strings.Join(sorted(texts), " ")
}

// Change is what an event says about a field that changed. Secrets are never among them.
type Change struct {
	Field string `json:"field"`
	Old   any    `json:"old,omitempty"`
	New   any    `json:"new,omitempty"`
}

// changeable refuses the roles that ship, and names like theirs.
func changeable(role string) error {
	if _, ours := shipped[role]; ours || strings.HasPrefix(role, ScopePrefix) {
		return fmt.Errorf("%w: the role came with Signet, and its name is reserved", ErrConflict)
	}
	return nil
}

// DeleteRole removes a role; nobody holds it any more.
func (s *Service) DeleteRole(ctx context.Context, a Actor, name string) error {
	return s.act(ctx, a, "DeleteRole", func(ctx context.Context) error {
		if err := s.byHand(ctx, a, thing.Roles, name); err != nil {
			return err
		}
		if err := errors.Join(changeable(name), s.overRole(ctx, a, name)); err != nil {
			return err
		}
		return s.o.Members.DeleteRole(ctx, name)
	})
}

// GiveRole lets a person, or all of a group, hold a role. Where it permits anything, links to choose a password that are open end: who made
// one before needed none of these permissions for it, and would have them by it.
func (s *Service) GiveRole(ctx context.Context, a Actor, role string, to membership.Holder) error {
	return s.act(ctx, a, "GiveRole", func(ctx context.Context) error {
		if err := s.ensureShipped(ctx, role); err != nil {
			return err
		}
		if err := errors.Join(s.overRole(ctx, a, role), s.overHolder(ctx, a, to)); err != nil {
			return err
		}
		if to.UserID != "" {
			if _, err := s.o.People.ByID(ctx, to.UserID); err != nil {
				return err
			}
		}
		if given, err := s.o.Members.Give(ctx, role, to); err != nil || !given {
			return err
		}
		stored, err := s.o.Stores.Permits.RolePermits(ctx, role)
		switch {
		case err != nil || len(ofRole(role, stored)) == 0:
			return err
		case to.Group != "":
			return s.o.People.EndResetLinksOfHolders(ctx, role)
		}
		return s.o.People.EndResetLinks(ctx, to.UserID)
	})
}

// TakeRole ends that a person, or a group, holds a role.
func (s *Service) TakeRole(ctx context.Context, a Actor, role string, from membership.Holder) error {
	return s.act(ctx, a, "TakeRole", func(ctx context.Context) error {
		if err := errors.Join(s.overRole(ctx, a, role), s.overHolder(ctx, a, from)); err != nil {
			return err
		}
		return s.keepsAdministrator(ctx, func(ctx context.Context) error { return s.o.Members.Take(ctx, role, from) })
	})
}

func (s *Service) overHolder(ctx context.Context, a Actor, h membership.Holder) error {
	if h.Group != "" {
		return s.overGroup(ctx, a, h.Group)
	}
	return s.overPerson(ctx, a, h.UserID)
}

// ensureShipped makes the row of a role that ships, when it is first given.
func (s *Service) ensureShipped(ctx context.Context, role string) error {
	if _, ours := shipped[role]; !ours {
		return nil
	}
	_, err := s.o.Stores.Permits.RolePermits(ctx, role)
	if !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return s.o.Members.CreateRole(ctx, role, "")
}
