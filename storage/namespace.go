package storage

import "context"

// namespaceLock is the advisory lock under which clients and people of a file get their ids, on Postgres.
const namespaceLock = 0x7369676e6574_0001

const (
	isUser   = `SELECT EXISTS (SELECT 1 FROM users WHERE id = $1)`
	isClient = `SELECT EXISTS (SELECT 1 FROM clients WHERE id = $1)`
)

// unshared answers ErrNameSpace where id is in the other table already (query), and keeps others from putting it there until the
// transaction ends. A client's own tokens have its id as sub (RFC 9068 section 5), so an API must never meet a person with the same.
func (db *DB) unshared(ctx context.Context, query, id string) error {
	if db.dialect == Postgres { // SQLite has one writer
		if _, err := db.exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(namespaceLock)); err != nil {
			return err
		}
	}
	var taken bool
	err := db.one(ctx, query, []any{id}, (*truth)(&taken))
	if err == nil && taken {
		return ErrNameSpace
	}
	return err
}

// ImportUser creates a person whose id was chosen elsewhere; ErrNameSpace if a stored client has it, ErrConflict as InsertUser.
func (db *DB) ImportUser(ctx context.Context, u User) error {
	return db.Tx(ctx, func(ctx context.Context) error {
		if err := db.unshared(ctx, isClient, u.ID); err != nil {
			return err
		}
		return db.InsertUser(ctx, u)
	})
}
