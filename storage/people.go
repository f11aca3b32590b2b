package storage

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"signet/storage/filter"
)

// mostHolders is how many groups that hold a role are looked into each by itself; SQLite joins some 500 SELECTs.
const mostHolders = 400

// userQuery is a statement while it is made.
type userQuery struct {
	db   *DB
	args []any
}

func (q *userQuery) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// UsersLike pages through the people whom a filter fits, in the order of its Position.
func (db *DB) UsersLike(ctx context.Context, f filter.People, after string, limit int) ([]User, error) {
	q := &userQuery{db: db}
	limited := " LIMIT " + q.arg(limit)
	var query string
	switch {
	case f.Search != "":
		column, begins := q.begins(after, f)
		query = "SELECT " + userColumns + " FROM users u WHERE " + begins + q.until(column, f) + q.residual(f, true, true) + " ORDER BY " + column
	case f.Group != "":
		query = q.members(f.Group, after, q.until("m.user_id", f)+q.residual(f, true, false))
	case f.Role != "":
		groups, err := db.holdingGroups(ctx, f.Role)
		if err != nil {
			return nil, err
		}
		query = q.holders(f, groups, after, limited)
	case !f.CreatedSince.IsZero():
		query = "SELECT " + userColumns + " FROM users u WHERE (u.created_at, u.id) > " + q.created(after)
		if f.Until != "" {
			query += " AND (u.created_at, u.id) <= " + q.created(f.Until)
		} else {
			query += " AND u.created_at <= " + q.arg(latest) // what is beyond has no position: it would come again and again
		}
		query += q.residual(f, true, true) + " ORDER BY u.created_at, u.id"
	default:
		query = "SELECT " + userColumns + " FROM users u" + q.hint(f) + " WHERE u.id > " + q.arg(after) + q.until("u.id", f) +
			q.residual(f, true, true) + " ORDER BY u.id"
	}
	var list []User
	err := db.many(ctx, query+limited, q.args, func(rows *sql.Rows) error {
		var u User
		err := rows.Scan(u.dest()...)
		list = append(list, u)
		return err
	})
	return list, err
}

// hint names the index of the few: SQLite, which counts nothing, may take that of all.
func (q *userQuery) hint(f filter.People) string {
	switch {
	case q.db.dialect == Postgres:
		return ""
	case f.Disabled:
		return " INDEXED BY users_disabled"
	case f.Unverified:
		return " INDEXED BY users_unverified"
	}
	return ""
}

// residual is what of a filter is asked of each person: the state, and whether groups and roles are, too.
func (q *userQuery) residual(f filter.People, role, group bool) string {
	var where strings.Builder
	if f.Disabled {
		where.WriteString(" AND u.disabled_at IS NOT NULL")
	}
	if f.Unverified {
		where.WriteString(" AND NOT u.email_verified")
	}
	if !f.CreatedSince.IsZero() {
		where.WriteString(" AND u.created_at >= " + q.arg(micros(f.CreatedSince)))
	}
	if group && f.Group != "" {
		where.WriteString(" AND EXISTS (SELECT 1 FROM group_members g WHERE g.group_name = " + q.arg(f.Group) + " AND g.user_id = u.id)")
	}
	if role && f.Role != "" {
		name := q.arg(f.Role)
		where.WriteString(" AND (EXISTS (SELECT 1 FROM role_holders r WHERE r.role = " + name + ` AND r.holder_kind = 'user' AND r.holder = u.id)
			OR EXISTS (SELECT 1 FROM group_members g JOIN role_holders r ON r.holder = g.group_name
				WHERE r.role = ` + name + " AND r.holder_kind = 'group' AND g.user_id = u.id))")
	}
	return where.String()
}

// begins asks for people by how a key begins, which it has the column of.
func (q *userQuery) begins(after string, f filter.People) (column, where string) {
	column = "u.email_key"
	if f.ByUsername {
		column = "u.username_key"
	}
	if q.db.dialect == Postgres {
		column += ` COLLATE "C"` // as its index, whatever the database sorts by
	}
	return column, column + " >= " + q.arg(f.Search) + " AND " + column + " < " + q.arg(f.Search+"\U0010FFFF") + " AND " + column + " > " +
		q.arg(after)
}

func (q *userQuery) until(column string, f filter.People) string {
	if f.Until == "" {
		return ""
	}
	return " AND " + column + " <= " + q.arg(f.Until)
}

// created is a position in the order of creation.
func (q *userQuery) created(position string) string {
	text, id, _ := strings.Cut(position, " ")
	at, _ := strconv.ParseInt(text, 10, 64) // 0 = from the beginning
	return "(" + q.arg(at) + ", " + q.arg(id) + ")"
}

// holdingGroups are the groups that hold a role, up to one more than are looked into each by itself.
func (db *DB) holdingGroups(ctx context.Context, role string) ([]string, error) {
	return db.texts(ctx, "SELECT holder FROM role_holders WHERE role = $1 AND holder_kind = 'group' ORDER BY holder LIMIT $2", role,
		mostHolders+1)
}

// UsersUntil is the position until which a page that sifts looks, so that it looks at so many rows at most; "" = to the end.
func (db *DB) UsersUntil(ctx context.Context, f filter.People, after string, rows int) (string, error) {
	q := &userQuery{db: db}
	if f.Search == "" && f.Group == "" && f.Role != "" {
		groups, err := db.holdingGroups(ctx, f.Role)
		if err != nil || len(groups) <= mostHolders && f == (filter.People{Role: f.Role}) {
			return "", err // all whom it looks at hold it
		}
		query := q.holdersUntil(f.Role, groups, after, rows)
		found, err := db.texts(ctx, query, q.args...)
		if err != nil || len(found) == 0 {
			return "", err
		}
		return found[0], nil
	}
	far := " LIMIT 1 OFFSET " + q.arg(rows-1)
	var query string
	switch {
	case f.Search != "":
		column, begins := q.begins(after, f)
		query = "SELECT " + column + " FROM users u WHERE " + begins + " ORDER BY " + column
	case f.Group != "":
		query = "SELECT m.user_id FROM group_members m WHERE m.group_name = " + q.arg(f.Group) + " AND m.user_id > " + q.arg(after) +
			" ORDER BY m.user_id"
	case f.CreatedSince.IsZero():
		query = "SELECT u.id FROM users u" + q.hint(f) + " WHERE u.disabled_at IS NOT NULL AND u.id > " + q.arg(after) + " ORDER BY u.id"
	default:
		query = "SELECT CAST(u.created_at AS TEXT) || ' ' || u.id FROM users u WHERE (u.created_at, u.id) > " + q.created(after) +
			" AND u.created_at >= " + q.arg(micros(f.CreatedSince)) + " AND u.created_at <= " + q.arg(latest) + " ORDER BY u.created_at, u.id"
	}
	found, err := db.texts(ctx, query+far, q.args...)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
}

func (q *userQuery) members(group, after, residual string) string {
	return "SELECT " + userColumns + " FROM group_members m JOIN users u ON u.id = m.user_id WHERE m.group_name = " + q.arg(group) +
		" AND m.user_id > " + q.arg(after) + residual + " ORDER BY m.user_id"
}

// holders asks for people who hold a role: some of each way to hold it, and of these the first.
func (q *userQuery) holders(f filter.People, groups []string, after, limited string) string {
	if len(groups) > mostHolders {
		return "SELECT " + userColumns + " FROM users u WHERE u.id > " + q.arg(after) + q.until("u.id", f) + q.residual(f, true, false) +
			" ORDER BY u.id"
	}
	residual, from := q.residual(f, false, false), q.arg(after)
	ways := []string{"SELECT u.id FROM role_holders h JOIN users u ON u.id = h.holder WHERE h.role = " + q.arg(f.Role) +
		" AND h.holder_kind = 'user' AND h.holder > " + from + q.until("h.holder", f) + residual + " ORDER BY h.holder" + limited}
	for _, group := range groups {
		ways = append(ways, "SELECT u.id FROM group_members m JOIN users u ON u.id = m.user_id WHERE m.group_name = "+q.arg(group)+
			" AND m.user_id > "+from+q.until("m.user_id", f)+residual+" ORDER BY m.user_id"+limited)
	}
	return "SELECT " + userColumns + " FROM users u WHERE u.id IN (SELECT id FROM (" +
		strings.Join(ways, ") AS held UNION SELECT id FROM (") + ") AS held) ORDER BY u.id"
}

// holdersUntil is the least of the positions that the ways to hold a role come to, each with its part of the rows.
func (q *userQuery) holdersUntil(role string, groups []string, after string, rows int) string {
	if len(groups) > mostHolders {
		return "SELECT id FROM users WHERE id > " + q.arg(after) + " ORDER BY id LIMIT 1 OFFSET " + q.arg(rows-1)
	}
	from, far := q.arg(after), " LIMIT 1 OFFSET "+q.arg(max(rows/(len(groups)+1), 1)-1)
	ways := []string{"SELECT h.holder AS id FROM role_holders h WHERE h.role = " + q.arg(role) +
		" AND h.holder_kind = 'user' AND h.holder > " + from + " ORDER BY h.holder" + far}
	for _, group := range groups {
		ways = append(ways, "SELECT m.user_id AS id FROM group_members m WHERE m.group_name = "+q.arg(group)+" AND m.user_id > "+from+
			" ORDER BY m.user_id"+far)
	}
	return "SELECT id FROM (SELECT id FROM (" + strings.Join(ways, ") AS held UNION ALL SELECT id FROM (") +
		") AS held) AS ends ORDER BY id LIMIT 1"
}
