// Package membership keeps groups and roles: which there are, who is in them, who holds them.
//
// A group is a set of people; a role is what somebody may do in applications, held by a person or by all of a group. What
// an application learns of them is oauth/claims' matter. The role admin is the one that Signet itself looks at: its holders
// are administrators. Begin with Service.CreateGroup.
package membership

import (
	"context"
	"errors"
	"fmt"
	"strings"

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

// Stores are the parts of *storage.DB that Service uses, by what they are for: groups and who is in them (groups.go), roles and who
// holds them (roles.go).
type Stores struct {
	Acts interface {
		Tx(ctx context.Context, fn func(ctx context.Context) error) error
	}
	Groups  groupStore
	Members memberStore
	Roles   roleStore
	Holders holderStore
}

// StoresOf are those of a database.
func StoresOf(db *storage.DB) Stores { return Stores{db, db, db, db, db} }

func (s Stores) complete() bool {
	return s.Acts != nil && s.Groups != nil && s.Members != nil && s.Roles != nil && s.Holders != nil
}

// Service is what can be done about groups and roles. Each act writes its event in its own transaction, or in the caller's.
type Service struct {
	stores Stores
	audit  *audit.Log
}

// New returns a service over the stores.
func New(stores Stores, log *audit.Log) (*Service, error) {
	if !stores.complete() || log == nil {
		return nil, errors.New("memberships need stores and an audit log")
	}
	return &Service{stores, log}, nil
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
	err = s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
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

// Of lists the groups a person is in and the roles they hold, also through groups.
func (s *Service) Of(ctx context.Context, userID string) (groups, roles []string, err error) {
	if groups, err = s.stores.Members.GroupsOfUser(ctx, userID); err != nil {
		return nil, nil, fmt.Errorf("read groups: %w", err)
	}
	if roles, err = s.stores.Holders.RolesOfUser(ctx, userID); err != nil {
		return nil, nil, fmt.Errorf("read roles: %w", err)
	}
	return groups, roles, nil
}
