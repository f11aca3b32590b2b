package membership

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/storage"
)

// roleStore keeps which roles there are.
type roleStore interface {
	InsertRole(ctx context.Context, r storage.Group) error
	DescribeRole(ctx context.Context, name, description string) error
	DeleteRole(ctx context.Context, name string) error
	Roles(ctx context.Context, after string, limit int) ([]storage.Group, error)
}

// holderStore keeps who holds them.
type holderStore interface {
	GiveRole(ctx context.Context, role, kind, holder string, now time.Time) (bool, error)
	TakeRole(ctx context.Context, role, kind, holder string) error
	RoleHolders(ctx context.Context, role, kind, after string, limit int) ([]string, error)
	RolesOfUser(ctx context.Context, userID string) ([]string, error)
}

// CreateRole makes a role. ErrName, ErrDescription, ErrExists.
func (s *Service) CreateRole(ctx context.Context, name, description string) error {
	if err := errors.Join(CheckName(name), CheckDescription(description)); err != nil {
		return err
	}
	return s.do(ctx, audit.Event{Name: audit.RoleCreated, Detail: about("role", name)}, func(ctx context.Context) error {
		return s.stores.Roles.InsertRole(ctx, storage.Group{Name: name, Description: description, CreatedAt: time.Now()})
	})
}

// DescribeRole changes what a role is said to be. ErrNotFound, ErrDescription.
func (s *Service) DescribeRole(ctx context.Context, name, description string) error {
	if err := CheckDescription(description); err != nil {
		return err
	}
	return s.do(ctx, audit.Event{Name: audit.RoleChanged, Detail: about("role", name)}, func(ctx context.Context) error {
		return s.stores.Roles.DescribeRole(ctx, name, description)
	})
}

// DeleteRole removes a role; nobody holds it any more. ErrNotFound.
func (s *Service) DeleteRole(ctx context.Context, name string) error {
	return s.do(ctx, audit.Event{Name: audit.RoleDeleted, Detail: about("role", name)}, func(ctx context.Context) error {
		return s.stores.Roles.DeleteRole(ctx, name)
	})
}

// Roles pages through all roles by name.
func (s *Service) Roles(ctx context.Context, after string, limit int) ([]storage.Group, error) {
	return s.stores.Roles.Roles(ctx, after, limit)
}

// Holder is who holds a role: a person, or all of a group. One of the two is set.
type Holder struct{ UserID, Group string }

func (h Holder) of() (kind, holder string) {
	if h.Group != "" {
		return storage.HolderGroup, h.Group
	}
	return storage.HolderUser, h.UserID
}

func (h Holder) event(name audit.Name, role string) audit.Event {
	detail := about("role", role)
	if h.Group != "" {
		detail["group"] = h.Group
	}
	return audit.Event{Name: name, UserID: h.UserID, Detail: detail}
}

// Give lets somebody hold a role; false if they did. The caller knows that the person exists; a group is looked up.
// ErrNotFound.
func (s *Service) Give(ctx context.Context, role string, to Holder) (bool, error) {
	kind, holder := to.of()
	return s.act(ctx, to.event(audit.RoleGiven, role), func(ctx context.Context) (bool, error) {
		if to.Group != "" {
			there, err := s.stores.Groups.GroupExists(ctx, to.Group)
			if err != nil || !there {
				return false, cmp.Or(err, ErrNotFound)
			}
		}
		return s.stores.Holders.GiveRole(ctx, role, kind, holder, time.Now())
	})
}

// Take ends it. ErrNotFound.
func (s *Service) Take(ctx context.Context, role string, from Holder) error {
	kind, holder := from.of()
	return s.do(ctx, from.event(audit.RoleTaken, role), func(ctx context.Context) error {
		return s.stores.Holders.TakeRole(ctx, role, kind, holder)
	})
}

// HoldersOf pages through the holders of a role that are of one kind, storage.HolderUser or storage.HolderGroup.
func (s *Service) HoldersOf(ctx context.Context, role, kind, after string, limit int) ([]string, error) {
	return s.stores.Holders.RoleHolders(ctx, role, kind, after, limit)
}

const pageSize = 200

// Holders lists who holds a role: the ids of people and the names of groups that do.
func (s *Service) Holders(ctx context.Context, role string) (people, groups []string, err error) {
	for kind, list := range map[string]*[]string{storage.HolderUser: &people, storage.HolderGroup: &groups} {
		for after := ""; ; {
			page, err := s.stores.Holders.RoleHolders(ctx, role, kind, after, pageSize)
			if err != nil {
				return nil, nil, fmt.Errorf("list holders of %q: %w", role, err)
			}
			*list = append(*list, page...)
			if len(page) < pageSize {
				break
			}
			after = page[len(page)-1]
		}
	}
	return people, groups, nil
}
