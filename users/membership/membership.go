// Package membership keeps groups and roles: which there are, who is in them, who holds them.
//
// A group is a set of people; a role is what somebody may do in applications, held by a person or by all of a group. What
// an application learns of them is oauth/claims' matter. The role admin is the one that Signet itself looks at: its holders
// are administrators. Begin with Service.CreateGroup.
package membership

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/audit"
	"signet/storage"
)

// Admin is the role whose holders are administrators of this server.
const Admin = "admin"

// Categories callers branch on with errors.Is.
var (
	// ErrName: not a name that is taken: 1 to 100 letters, digits and _ . : / @ -.
	ErrName = errors.New("use 1 to 100 letters, digits and _ . : / @ -")
	// ErrExists: there is one of the name.
	ErrExists = errors.New("exists already")
	// ErrNotFound: no such group, role, member or holder.
	ErrNotFound = errors.New("not found")
	// ErrDescription: longer than 200 characters, or with invisible ones.
	ErrDescription = errors.New("use at most 200 visible characters")
)

// Store is the part of *storage.DB that memberships use.
type Store interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	InsertGroup(ctx context.Context, g storage.Group) error
	DescribeGroup(ctx context.Context, name, description string) error
	DeleteGroup(ctx context.Context, name string) error
	GroupExists(ctx context.Context, name string) (bool, error)
	Groups(ctx context.Context, after string, limit int) ([]storage.Group, error)
	AddMember(ctx context.Context, group, userID string, now time.Time) (bool, error)
	RemoveMember(ctx context.Context, group, userID string) error
	Members(ctx context.Context, group, after string, limit int) ([]string, error)
	GroupsOfUser(ctx context.Context, userID string) ([]string, error)
	InsertRole(ctx context.Context, r storage.Group) error
	DescribeRole(ctx context.Context, name, description string) error
	DeleteRole(ctx context.Context, name string) error
	Roles(ctx context.Context, after string, limit int) ([]storage.Group, error)
	GiveRole(ctx context.Context, role, kind, holder string, now time.Time) (bool, error)
	TakeRole(ctx context.Context, role, kind, holder string) error
	RoleHolders(ctx context.Context, role, kind, after string, limit int) ([]string, error)
	RolesOfUser(ctx context.Context, userID string) ([]string, error)
}

// Service is what can be done about groups and roles. Each act writes its event in its own transaction, or in the caller's.
type Service struct {
	store Store
	audit *audit.Log
}

// New returns a service over the store.
func New(store Store, log *audit.Log) (*Service, error) {
	if store == nil || log == nil {
		return nil, errors.New("memberships need a store and an audit log")
	}
	return &Service{store, log}, nil
}

// CheckName reports whether a group or role may be called so; ErrName. Such names need no quoting anywhere: in tokens, in
// lists parted by blanks or commas, in a shell, as parts of a path.
func CheckName(name string) error {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.:/@-", r))
	}
	if name == "" || name == "." || name == ".." || len(name) > 100 || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("%q: %w", name, ErrName)
	}
	return nil
}

// CheckDescription reports whether a group or role may be described so; ErrDescription.
func CheckDescription(text string) error {
	if len([]rune(text)) > 200 || audit.Cut(text) != text {
		return ErrDescription
	}
	return nil
}

// act runs what changes something together with its event, and puts storage's errors into our words.
func (s *Service) act(ctx context.Context, e audit.Event,
	do func(ctx context.Context) (changed bool, err error)) (changed bool, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context) error {
		if changed, err = do(ctx); err != nil || !changed {
			return err
		}
		return s.audit.Record(ctx, e)
	})
	switch {
	case errors.Is(err, storage.ErrConflict):
		return false, ErrExists
	case errors.Is(err, storage.ErrNotFound):
		return false, ErrNotFound
	}
	return changed, err
}

func (s *Service) do(ctx context.Context, e audit.Event, do func(ctx context.Context) error) error {
	_, err := s.act(ctx, e, func(ctx context.Context) (bool, error) { return true, do(ctx) })
	return err
}

func about(key, name string) map[string]string { return map[string]string{key: name} }

// CreateGroup makes a group. ErrName, ErrDescription, ErrExists.
func (s *Service) CreateGroup(ctx context.Context, name, description string) error {
	if err := errors.Join(CheckName(name), CheckDescription(description)); err != nil {
		return err
	}
	return s.do(ctx, audit.Event{Name: audit.GroupCreated, Detail: about("group", name)}, func(ctx context.Context) error {
		return s.store.InsertGroup(ctx, storage.Group{Name: name, Description: description, CreatedAt: time.Now()})
	})
}

// DescribeGroup changes what a group is said to be. ErrNotFound, ErrDescription.
func (s *Service) DescribeGroup(ctx context.Context, name, description string) error {
	if err := CheckDescription(description); err != nil {
		return err
	}
	return s.do(ctx, audit.Event{Name: audit.GroupChanged, Detail: about("group", name)}, func(ctx context.Context) error {
		return s.store.DescribeGroup(ctx, name, description)
	})
}

// DeleteGroup removes a group, its memberships and what it held. ErrNotFound.
func (s *Service) DeleteGroup(ctx context.Context, name string) error {
	return s.do(ctx, audit.Event{Name: audit.GroupDeleted, Detail: about("group", name)}, func(ctx context.Context) error {
		return s.store.DeleteGroup(ctx, name)
	})
}

// Add puts a person into a group; false if they were in it. ErrNotFound.
func (s *Service) Add(ctx context.Context, group, userID string) (bool, error) {
	return s.act(ctx, audit.Event{Name: audit.GroupMemberAdded, UserID: userID, Detail: about("group", group)},
		func(ctx context.Context) (bool, error) { return s.store.AddMember(ctx, group, userID, time.Now()) })
}

// Remove takes a person out of a group. ErrNotFound.
func (s *Service) Remove(ctx context.Context, group, userID string) error {
	return s.do(ctx, audit.Event{Name: audit.GroupMemberRemoved, UserID: userID, Detail: about("group", group)},
		func(ctx context.Context) error { return s.store.RemoveMember(ctx, group, userID) })
}

// CreateRole makes a role. ErrName, ErrDescription, ErrExists.
func (s *Service) CreateRole(ctx context.Context, name, description string) error {
	if err := errors.Join(CheckName(name), CheckDescription(description)); err != nil {
		return err
	}
	return s.do(ctx, audit.Event{Name: audit.RoleCreated, Detail: about("role", name)}, func(ctx context.Context) error {
		return s.store.InsertRole(ctx, storage.Group{Name: name, Description: description, CreatedAt: time.Now()})
	})
}

// DescribeRole changes what a role is said to be. ErrNotFound, ErrDescription.
func (s *Service) DescribeRole(ctx context.Context, name, description string) error {
	if err := CheckDescription(description); err != nil {
		return err
	}
	return s.do(ctx, audit.Event{Name: audit.RoleChanged, Detail: about("role", name)}, func(ctx context.Context) error {
		return s.store.DescribeRole(ctx, name, description)
	})
}

// DeleteRole removes a role; nobody holds it any more. ErrNotFound.
func (s *Service) DeleteRole(ctx context.Context, name string) error {
	return s.do(ctx, audit.Event{Name: audit.RoleDeleted, Detail: about("role", name)}, func(ctx context.Context) error {
		return s.store.DeleteRole(ctx, name)
	})
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
			there, err := s.store.GroupExists(ctx, to.Group)
			if err != nil || !there {
				return false, cmp.Or(err, ErrNotFound)
			}
		}
		return s.store.GiveRole(ctx, role, kind, holder, time.Now())
	})
}

const pageSize = 200

// Take ends it. ErrNotFound.
func (s *Service) Take(ctx context.Context, role string, from Holder) error {
	kind, holder := from.of()
	return s.do(ctx, from.event(audit.RoleTaken, role), func(ctx context.Context) error {
		return s.store.TakeRole(ctx, role, kind, holder)
	})
}

// Groups pages through all groups by name.
func (s *Service) Groups(ctx context.Context, after string, limit int) ([]storage.Group, error) {
	return s.store.Groups(ctx, after, limit)
}

// Roles pages through all roles by name.
func (s *Service) Roles(ctx context.Context, after string, limit int) ([]storage.Group, error) {
	return s.store.Roles(ctx, after, limit)
}

// Members pages through the ids of a group's people.
func (s *Service) Members(ctx context.Context, group, after string, limit int) ([]string, error) {
	return s.store.Members(ctx, group, after, limit)
}

// HoldersOf pages through the holders of a role that are of one kind, storage.HolderUser or storage.HolderGroup.
func (s *Service) HoldersOf(ctx context.Context, role, kind, after string, limit int) ([]string, error) {
	return s.store.RoleHolders(ctx, role, kind, after, limit)
}

// Holders lists who holds a role: the ids of people and the names of groups that do.
func (s *Service) Holders(ctx context.Context, role string) (people, groups []string, err error) {
	for kind, list := range map[string]*[]string{storage.HolderUser: &people, storage.HolderGroup: &groups} {
		for after := ""; ; {
			page, err := s.store.RoleHolders(ctx, role, kind, after, pageSize)
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

// Of lists the groups a person is in and the roles they hold, also through groups.
func (s *Service) Of(ctx context.Context, userID string) (groups, roles []string, err error) {
	if groups, err = s.store.GroupsOfUser(ctx, userID); err != nil {
		return nil, nil, fmt.Errorf("read groups: %w", err)
	}
	if roles, err = s.store.RolesOfUser(ctx, userID); err != nil {
		return nil, nil, fmt.Errorf("read roles: %w", err)
	}
	return groups, roles, nil
}
