package storage

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Group is a named set of people; the same shape serves roles, which people hold themselves or through their groups.
type Group struct {
	Name        string
	Description string
	CreatedAt   time.Time
}

// InsertGroup creates a group; ErrConflict.
func (db *DB) InsertGroup(ctx context.Context, g Group) error {
	_, err := db.exec(ctx, "INSERT INTO groups (name, description, created_at) VALUES ($1, $2, $3)", g.Name, g.Description,
		micros(g.CreatedAt))
	return err
}

// DescribeGroup changes a group's description; ErrNotFound.
func (db *DB) DescribeGroup(ctx context.Context, name, description string) error {
	return db.must(ctx, ErrNotFound, "UPDATE groups SET description = $2 WHERE name = $1", name, description)
}

// DeleteGroup removes a group with its memberships and the roles it held; ErrNotFound.
func (db *DB) DeleteGroup(ctx context.Context, name string) error {
	return db.Tx(ctx, func(ctx context.Context) error {
		if err := db.must(ctx, ErrNotFound, "DELETE FROM groups WHERE name = $1", name); err != nil {
			return err
		}
		_, err := db.exec(ctx, "DELETE FROM role_holders WHERE holder_kind = 'group' AND holder = $1", name) // last: GiveRole waits for the group
		return err
	})
}

// GroupExists reports whether there is a group of the name.
func (db *DB) GroupExists(ctx context.Context, name string) (bool, error) {
	var there bool
	err := db.one(ctx, "SELECT EXISTS (SELECT 1 FROM groups WHERE name = $1)", []any{name}, (*truth)(&there))
	return there, err
}

// Groups pages through groups by name after the given one.
func (db *DB) Groups(ctx context.Context, after string, limit int) ([]Group, error) {
	return db.named(ctx, "SELECT name, description, created_at FROM groups WHERE name > $1 ORDER BY name LIMIT $2", after, limit)
}

func (db *DB) named(ctx context.Context, query string, args ...any) ([]Group, error) {
	var list []Group
	err := db.many(ctx, query, args, func(rows *sql.Rows) error {
		var g Group
		err := rows.Scan(&g.Name, &g.Description, (*stamp)(&g.CreatedAt))
		list = append(list, g)
		return err
	})
	return list, err
}

func (db *DB) texts(ctx context.Context, query string, args ...any) ([]string, error) {
	var list []string
	err := db.many(ctx, query, args, func(rows *sql.Rows) error {
		var s string
		err := rows.Scan(&s)
		list = append(list, s)
		return err
	})
	return list, err
}

// AddMember puts a person into a group; twice is once. ErrNotFound: no such group or person.
func (db *DB) AddMember(ctx context.Context, group, userID string, now time.Time) (added bool, err error) {
	err = db.Tx(ctx, func(ctx context.Context) error {
		n, err := db.exec(ctx, `INSERT INTO group_members (group_name, user_id, created_at)
			SELECT g.name, u.id, CAST($3 AS BIGINT) FROM groups g CROSS JOIN users u WHERE g.name = $1 AND u.id = $2
			ON CONFLICT DO NOTHING`, group, userID, micros(now))
		if err != nil || n > 0 {
			added = n > 0
			return err
		}
		var one int
		return db.one(ctx, "SELECT 1 FROM group_members WHERE group_name = $1 AND user_id = $2", []any{group, userID}, &one)
	})
	return added, err
}

// RemoveMember takes a person out of a group; ErrNotFound.
func (db *DB) RemoveMember(ctx context.Context, group, userID string) error {
	return db.must(ctx, ErrNotFound, "DELETE FROM group_members WHERE group_name = $1 AND user_id = $2", group, userID)
}

// Members pages through the ids of a group's people.
func (db *DB) Members(ctx context.Context, group, after string, limit int) ([]string, error) {
	return db.texts(ctx, "SELECT user_id FROM group_members WHERE group_name = $1 AND user_id > $2 ORDER BY user_id LIMIT $3", group, after,
		limit)
}

// GroupsOfUser lists the names of a person's groups.
func (db *DB) GroupsOfUser(ctx context.Context, userID string) ([]string, error) {
	return db.texts(ctx, "SELECT group_name FROM group_members WHERE user_id = $1 ORDER BY group_name", userID)
}

// The kinds of role holders.
const (
	HolderUser  = "user"
	HolderGroup = "group"
)

// InsertRole creates a role; ErrConflict.
func (db *DB) InsertRole(ctx context.Context, r Group) error {
	_, err := db.exec(ctx, "INSERT INTO roles (name, description, created_at) VALUES ($1, $2, $3)", r.Name, r.Description, micros(r.CreatedAt))
	return err
}

// DescribeRole changes a role's description; ErrNotFound.
func (db *DB) DescribeRole(ctx context.Context, name, description string) error {
	return db.must(ctx, ErrNotFound, "UPDATE roles SET description = $2 WHERE name = $1", name, description)
}

// DeleteRole removes a role; nobody holds it any more. ErrNotFound.
func (db *DB) DeleteRole(ctx context.Context, name string) error {
	return db.must(ctx, ErrNotFound, "DELETE FROM roles WHERE name = $1", name)
}

// RoleExists reports whether there is a role of the name.
func (db *DB) RoleExists(ctx context.Context, name string) (bool, error) {
	var there bool
	err := db.one(ctx, "SELECT EXISTS (SELECT 1 FROM roles WHERE name = $1)", []any{name}, (*truth)(&there))
	return there, err
}

// Roles pages through roles by name after the given one.
func (db *DB) Roles(ctx context.Context, after string, limit int) ([]Group, error) {
	return db.named(ctx, "SELECT name, description, created_at FROM roles WHERE name > $1 ORDER BY name LIMIT $2", after, limit)
}

// GiveRole lets a person or a group (kind) hold a role; twice is once. ErrNotFound: no such role or group. The caller has seen that
// there is such a person. A group that is being deleted is waited for: what it held would come back with the next one of its name.
func (db *DB) GiveRole(ctx context.Context, role, kind, holder string, now time.Time) (given bool, err error) {
	err = db.Tx(ctx, func(ctx context.Context) error {
		if kind == HolderGroup {
			if err := db.must(ctx, ErrNotFound, "UPDATE groups SET description = description WHERE name = $1", holder); err != nil {
				return err
			}
		}
		n, err := db.exec(ctx, `INSERT INTO role_holders (role, holder_kind, holder, created_at)
			SELECT r.name, $2, $3, CAST($4 AS BIGINT) FROM roles r WHERE r.name = $1 ON CONFLICT DO NOTHING`,
			role, kind, holder, micros(now))
		if err != nil || n > 0 {
			given = n > 0
			return err
		}
		var one int
		return db.one(ctx, "SELECT 1 FROM roles WHERE name = $1", []any{role}, &one)
	})
	return given, err
}

// TakeRole ends it; ErrNotFound.
func (db *DB) TakeRole(ctx context.Context, role, kind, holder string) error {
	return db.must(ctx, ErrNotFound, "DELETE FROM role_holders WHERE role = $1 AND holder_kind = $2 AND holder = $3", role, kind, holder)
}

// RoleHolders pages through the holders of one kind.
func (db *DB) RoleHolders(ctx context.Context, role, kind, after string, limit int) ([]string, error) {
	return db.texts(ctx, "SELECT holder FROM role_holders WHERE role = $1 AND holder_kind = $2 AND holder > $3 ORDER BY holder LIMIT $4",
		role, kind, after, limit)
}

// RolesOfUser lists the names of the roles a person holds, also through groups.
func (db *DB) RolesOfUser(ctx context.Context, userID string) ([]string, error) {
	return db.texts(ctx, `SELECT role FROM role_holders WHERE holder_kind = 'user' AND holder = $1
		UNION SELECT h.role FROM role_holders h JOIN group_members m ON m.group_name = h.holder
		WHERE h.holder_kind = 'group' AND m.user_id = $1 ORDER BY role`, userID)
}

// RolePermits reads what the holders of a role may do to this server; ErrNotFound.
func (db *DB) RolePermits(ctx context.Context, role string) (string, error) {
	var permits string
	err := db.one(ctx, "SELECT permissions FROM roles WHERE name = $1", []any{role}, &permits)
	return permits, err
}

// PermitsOfRoles reads it of those from one name to another, both included, by name.
func (db *DB) PermitsOfRoles(ctx context.Context, first, last string) (map[string]string, error) {
	found := map[string]string{}
	err := db.many(ctx, "SELECT name, permissions FROM roles WHERE name >= $1 AND name <= $2", []any{first, last}, func(rows *sql.Rows) error {
		var name, permits string
		err := rows.Scan(&name, &permits)
		found[name] = permits
		return err
	})
	return found, err
}

// SetRolePermits changes it from old; ErrStale if it is not that any more.
func (db *DB) SetRolePermits(ctx context.Context, role, old, permits string) error {
	return db.must(ctx, ErrStale, "UPDATE roles SET permissions = $3 WHERE name = $1 AND permissions = $2", role, old, permits)
}

// PermitsOfUser reads what each role permits that a person holds, also through groups.
func (db *DB) PermitsOfUser(ctx context.Context, userID string) (map[string]string, error) {
	return db.permits(ctx, `SELECT r.name, r.permissions FROM role_holders h JOIN roles r ON r.name = h.role
			WHERE h.holder_kind = 'user' AND h.holder = $1
		UNION SELECT r.name, r.permissions FROM group_members m JOIN role_holders h ON h.holder_kind = 'group' AND h.holder = m.group_name
			JOIN roles r ON r.name = h.role WHERE m.user_id = $1`, userID)
}

// PermitsOfGroup reads what each role permits that a group holds.
func (db *DB) PermitsOfGroup(ctx context.Context, group string) (map[string]string, error) {
	return db.permits(ctx, `SELECT r.name, r.permissions FROM role_holders h JOIN roles r ON r.name = h.role
		WHERE h.holder_kind = 'group' AND h.holder = $1`, group)
}

func (db *DB) permits(ctx context.Context, query, holder string) (map[string]string, error) {
	held := map[string]string{}
	err := db.many(ctx, query, []any{holder}, func(rows *sql.Rows) error {
		var role, permits string
		err := rows.Scan(&role, &permits)
		held[role] = permits
		return err
	})
	return held, err
}

// GroupMembers pages through the people of a group by id after the given one.
func (db *DB) GroupMembers(ctx context.Context, group, after string, limit int) ([]User, error) {
	var list []User
	err := db.many(ctx, "SELECT "+userColumns+` FROM group_members m JOIN users u ON u.id = m.user_id
		WHERE m.group_name = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3`, []any{group, after, limit}, func(rows *sql.Rows) error {
		var u User
		err := rows.Scan(u.dest()...)
		list = append(list, u)
		return err
	})
	return list, err
}

// HolderSignsIn reports whether somebody whose account is open holds a role, themselves or by a group, and has a password, a passkey, or a
// login at one of the upstreams.
func (db *DB) HolderSignsIn(ctx context.Context, role string, upstreams []string) (bool, error) {
	args, marks := []any{role}, []string{"NULL"}
	for _, upstream := range upstreams {
		args = append(args, upstream)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	open := `u.disabled_at IS NULL AND u.frozen_at IS NULL AND u.erase_at IS NULL
			AND (EXISTS (SELECT 1 FROM credentials c WHERE c.user_id = u.id AND c.kind IN ('password', 'passkey'))
				OR EXISTS (SELECT 1 FROM identities i WHERE i.user_id = u.id AND i.upstream IN (` + strings.Join(marks, ", ") + `)))`
	var found bool
	err := db.one(ctx, `SELECT EXISTS (SELECT 1 FROM role_holders h JOIN users u ON u.id = h.holder
			WHERE h.role = $1 AND h.holder_kind = 'user' AND `+open+`)
		OR EXISTS (SELECT 1 FROM role_holders h JOIN group_members m ON m.group_name = h.holder JOIN users u ON u.id = m.user_id
			WHERE h.role = $1 AND h.holder_kind = 'group' AND `+open+`)`, args, (*truth)(&found))
	return found, err
}

// HolderLeft reports whether somebody who can sign in holds a role, themselves or by a group. Inside a transaction others who ask the
// same of the role wait for its end.
func (db *DB) HolderLeft(ctx context.Context, role string) (bool, error) {
	if _, err := db.exec(ctx, "UPDATE roles SET description = description WHERE name = $1", role); err != nil {
		return false, err
	}
	var left bool
	err := db.one(ctx, `SELECT EXISTS (SELECT 1 FROM role_holders h JOIN users u ON u.id = h.holder
			WHERE h.role = $1 AND h.holder_kind = 'user' AND u.disabled_at IS NULL AND u.frozen_at IS NULL AND u.erase_at IS NULL)
		OR EXISTS (SELECT 1 FROM role_holders h JOIN group_members m ON m.group_name = h.holder JOIN users u ON u.id = m.user_id
			WHERE h.role = $1 AND h.holder_kind = 'group' AND u.disabled_at IS NULL AND u.frozen_at IS NULL AND u.erase_at IS NULL)`,
		[]any{role}, (*truth)(&left))
	return left, err
}
