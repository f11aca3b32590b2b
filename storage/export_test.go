package storage

import (
	"context"
	"io/fs"
	"time"
)

// Trace has see called with the text of every statement; set it before the first.
func (db *DB) Trace(see func(query string)) { db.trace = see }

// CountRows has see called with the number of rows that each transaction wrote; set it before the first.
func (db *DB) CountRows(see func(rows int64)) { db.wrote = see }

// Exec runs any statement on a connection of the pool.
func (db *DB) Exec(ctx context.Context, query string) error {
	_, err := db.exec(ctx, query)
	return err
}

// ByKey reads as the hot paths do, One as all others.
func (db *DB) ByKey(ctx context.Context, query string, args []any, dest ...any) error {
	return db.byKey(ctx, query, args, dest...)
}

// Together is ByKey without a second try.
func (db *DB) Together(ctx context.Context, query string, args []any, dest ...any) error {
	g := db.engine.(*postgresEngine)
	s, err := g.together(ctx, g.reads, query, args)
	switch {
	case err != nil:
		return err
	case !s.found:
		return ErrNotFound
	}
	return s.scan(dest)
}

// One reads one row alone.
func (db *DB) One(ctx context.Context, query string, args []any, dest ...any) error {
	return db.one(ctx, query, args, dest...)
}

// MustByKey writes as the hot paths do.
func (db *DB) MustByKey(ctx context.Context, query string, args ...any) error {
	return db.mustByKey(ctx, ErrStale, query, query, args...)
}

// TakeConnections has nobody else get one until they are given back.
func (db *DB) TakeConnections() (back func()) {
	for range db.slots.most() {
		db.slots.taken <- struct{}{}
	}
	return func() {
		for range db.slots.most() {
			db.slots.give()
		}
	}
}

// Waiting is how many statements wait to be sent with others.
func (db *DB) Waiting() (n int) {
	g := db.engine.(*postgresEngine)
	for _, p := range []*pipeline{g.reads, g.writes} {
		p.mu.Lock()
		n += len(p.waiting)
		p.mu.Unlock()
	}
	return n
}

// HotRead is a statement that goes together with others, what it is asked, and a record with the places of its columns.
type HotRead struct {
	Query string
	Args  []any
	Dest  func() (record any, dest []any)
}

// HotReads are all of them, of a grant and what it stands on.
func HotReads(grantID, codeHash, secretHash, userID, clientID string) []HotRead {
	state := func() (any, []any) { s := new(GrantState); return s, s.dest() }
	return []HotRead{
		{grantStateByID, []any{grantID}, state},
		{grantStateByCode, []any{codeHash}, state},
		{grantStateOfToken, []any{grantID, "jti"}, func() (any, []any) {
			s := new(GrantState)
			return s, append(s.dest(), (*truth)(&s.TokenRevoked))
		}},
		{sessionBySecret, []any{secretHash}, func() (any, []any) { s := new(SessionUser); return s, s.dest() }},
		{consentOf, []any{userID, clientID}, func() (any, []any) { c := new(Consent); return c, c.dest() }},
	}
}

// NotLocked are the hot statements for rows that nobody else holds.
func NotLocked() []string { return []string{rotateGrant + grantNotLocked, spendCode + codeNotLocked} }

// WaitForConnections has calls wait so long for a connection that others hold; say so before the first.
func (db *DB) WaitForConnections(wait time.Duration) { db.slots.wait = wait }

// Wanted is what the steps make.
func (db *DB) Wanted() (string, error) { return db.wanted() }

// Outline is what the database has.
func (db *DB) Outline(ctx context.Context) (string, error) { return db.outline(ctx) }

// WithSteps has the steps come from files, a folder for each dialect; say so before the first.
func (db *DB) WithSteps(files fs.FS) { db.files = files }

// WaitForLocks has steps wait so long for a lock, so often.
func (db *DB) WaitForLocks(wait time.Duration, tries int) {
	db.engine.(*postgresEngine).locks = lockWait{wait: wait, tries: tries}
}
