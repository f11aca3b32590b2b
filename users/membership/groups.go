package membership

import (
	"context"
	"errors"
	"time"

	"signet/audit"
	"signet/storage"
)

// groupStore keeps which groups there are.
type groupStore interface {
	InsertGroup(ctx context.Context, g storage.Group) error
	DescribeGroup(ctx context.Context, name, description string) error
	DeleteGroup(ctx context.Context, name string) error
	GroupExists(ctx context.Context, name string) (bool, error)
	Groups(ctx context.Context, after string, limit int) ([]storage.Group, error)
}

// memberStore keeps who is in them.
type memberStore interface {
	AddMember(ctx context.Context, group, userID string, now time.Time) (bool, error)
	RemoveMember(ctx context.Context, group, userID string) error
	Members(ctx context.Context, group, after string, limit int) ([]string, error)
	GroupsOfUser(ctx context.Context, userID string) ([]string, error)
}

// CreateGroup makes a group. ErrName, ErrDescription, ErrExists.
func (s *Service) CreateGroup(ctx context.Context, name, description string) error {
	if err := errors.Join(CheckName(name), CheckDescription(description)); err != nil {
		return err
	}
	return s.do(ctx, audit.Event{Name: audit.GroupCreated, Detail: about("group", name)}, func(ctx context.Context) error {
		return s.stores.Groups.InsertGroup(ctx, storage.Group{Name: name, Description: description, CreatedAt: time.Now()})
	})
}

// DescribeGroup changes what a group is said to be. ErrNotFound, ErrDescription.
func (s *Service) DescribeGroup(ctx context.Context, name, description string) error {
	if err := CheckDescription(description); err != nil {
		return err
	}
	return s.do(ctx, audit.Event{Name: audit.GroupChanged, Detail: about("group", name)}, func(ctx context.Context) error {
		return s.stores.Groups.DescribeGroup(ctx, name, description)
	})
}

// DeleteGroup removes a group, its memberships and what it held. ErrNotFound.
func (s *Service) DeleteGroup(ctx context.Context, name string) error {
	return s.do(ctx, audit.Event{Name: audit.GroupDeleted, Detail: about("group", name)}, func(ctx context.Context) error {
		return s.stores.Groups.DeleteGroup(ctx, name)
	})
}

// Groups pages through all groups by name.
func (s *Service) Groups(ctx context.Context, after string, limit int) ([]storage.Group, error) {
	return s.stores.Groups.Groups(ctx, after, limit)
}

// Add puts a person into a group; false if they were in it. ErrNotFound.
func (s *Service) Add(ctx context.Context, group, userID string) (bool, error) {
	return s.act(ctx, audit.Event{Name: audit.GroupMemberAdded, UserID: userID, Detail: about("group", group)},
		func(ctx context.Context) (bool, error) {
			return s.stores.Members.AddMember(ctx, group, userID, time.Now())
		})
}

// Remove takes a person out of a group. ErrNotFound.
func (s *Service) Remove(ctx context.Context, group, userID string) error {
	return s.do(ctx, audit.Event{Name: audit.GroupMemberRemoved, UserID: userID, Detail: about("group", group)},
		func(ctx context.Context) error { return s.stores.Members.RemoveMember(ctx, group, userID) })
}

// Members pages through the ids of a group's people.
func (s *Service) Members(ctx context.Context, group, after string, limit int) ([]string, error) {
	return s.stores.Members.Members(ctx, group, after, limit)
}
