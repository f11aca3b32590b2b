package storage

import (
	"context"
	"database/sql"
	"time"
)

// Identity is who a person is at an upstream.
type Identity struct {
	ID         string
	Upstream   string // its id in the configuration
	Issuer     string
	Subject    string // unique with upstream and issuer
	UserID     string
	Label      string // the address or name there, as last told
	Tokens     []byte // sealed; nil = none kept
	CreatedAt  time.Time
	LastUsedAt time.Time
}

const identityColumns = "id, upstream, issuer, subject, user_id, label, tokens, created_at, last_used_at"

func (i *Identity) dest() []any {
	return []any{&i.ID, &i.Upstream, &i.Issuer, &i.Subject, &i.UserID, &i.Label, &i.Tokens, (*stamp)(&i.CreatedAt), (*stamp)(&i.LastUsedAt)}
}

// InsertIdentity links one to a person; ErrConflict if it is somebody's already.
func (db *DB) InsertIdentity(ctx context.Context, i Identity) error {
	_, err := db.exec(ctx, "INSERT INTO identities ("+identityColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		i.ID, i.Upstream, i.Issuer, i.Subject, i.UserID, i.Label, i.Tokens, micros(i.CreatedAt), micros(i.LastUsedAt))
	return err
}

// IdentityBySubject finds one; ErrNotFound.
func (db *DB) IdentityBySubject(ctx context.Context, upstream, issuer, subject string) (Identity, error) {
	var i Identity
	err := db.one(ctx, "SELECT "+identityColumns+" FROM identities WHERE upstream = $1 AND issuer = $2 AND subject = $3",
		[]any{upstream, issuer, subject}, i.dest()...)
	return i, err
}

// IdentitiesOfUser lists a person's, oldest first.
func (db *DB) IdentitiesOfUser(ctx context.Context, userID string) ([]Identity, error) {
	var list []Identity
	err := db.many(ctx, "SELECT "+identityColumns+" FROM identities WHERE user_id = $1 ORDER BY created_at, id", []any{userID},
		func(rows *sql.Rows) error {
			var i Identity
			err := rows.Scan(i.dest()...)
			list = append(list, i)
			return err
		})
	return list, err
}

// CountIdentities is how many logins a person has linked, by upstream.
func (db *DB) CountIdentities(ctx context.Context, userID string) (map[string]int, error) {
	counts := map[string]int{}
	err := db.many(ctx, "SELECT upstream, count(*) FROM identities WHERE user_id = $1 GROUP BY upstream", []any{userID},
		func(rows *sql.Rows) error {
			var upstream string
			var n int
			err := rows.Scan(&upstream, &n)
			counts[upstream] = n
			return err
		})
	return counts, err
}

// UseIdentity notes that somebody signed in with it. Tokens replace those kept, unless they are nil; ErrNotFound: it was
// unlinked.
func (db *DB) UseIdentity(ctx context.Context, id, label string, tokens []byte, now time.Time) error {
	if tokens == nil {
		return db.must(ctx, ErrNotFound, "UPDATE identities SET label = $2, last_used_at = $3 WHERE id = $1", id, label, micros(now))
	}
	return db.must(ctx, ErrNotFound, "UPDATE identities SET label = $2, last_used_at = $3, tokens = $4 WHERE id = $1", id, label,
		micros(now), tokens)
}

// ReplaceIdentityTokens is a compare-and-swap of sealed tokens; ErrStale when they were not old. Nil tokens forget them.
func (db *DB) ReplaceIdentityTokens(ctx context.Context, id string, old, tokens []byte) error {
	return db.must(ctx, ErrStale, "UPDATE identities SET tokens = $3 WHERE id = $1 AND tokens = $2", id, old, tokens)
}

// DeleteIdentity unlinks one of the person's; of concurrent callers one succeeds, the others get ErrNotFound.
func (db *DB) DeleteIdentity(ctx context.Context, id, userID string) error {
	return db.must(ctx, ErrNotFound, "DELETE FROM identities WHERE id = $1 AND user_id = $2", id, userID)
}

// UpstreamSession is where a session began.
type UpstreamSession struct {
	SessionID string
	Upstream  string
	Issuer    string
	Subject   string
	SID       string // of the upstream's session; "" = not told
	IDToken   []byte // sealed; nil = none kept
}

// PutUpstreamSession writes or replaces a session's.
func (db *DB) PutUpstreamSession(ctx context.Context, u UpstreamSession) error {
	_, err := db.exec(ctx,
		`INSERT INTO upstream_sessions (session_id, upstream, issuer, subject, sid, id_token) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (session_id) DO UPDATE SET upstream = $2, issuer = $3, subject = $4, sid = $5, id_token = $6`,
		u.SessionID, u.Upstream, u.Issuer, u.Subject, u.SID, u.IDToken)
	return err
}

// UpstreamSessionByID reads a session's; ErrNotFound.
func (db *DB) UpstreamSessionByID(ctx context.Context, sessionID string) (UpstreamSession, error) {
	u := UpstreamSession{SessionID: sessionID}
	err := db.one(ctx, "SELECT upstream, issuer, subject, sid, id_token FROM upstream_sessions WHERE session_id = $1", []any{sessionID},
		&u.Upstream, &u.Issuer, &u.Subject, &u.SID, &u.IDToken)
	return u, err
}

// DeleteUpstreamSession forgets a session's; done twice is done.
func (db *DB) DeleteUpstreamSession(ctx context.Context, sessionID string) error {
	_, err := db.exec(ctx, "DELETE FROM upstream_sessions WHERE session_id = $1", sessionID)
	return err
}

// SessionsFrom lists the sessions (only id and person) that began at an upstream and are not ended: those of its session sid,
// or, if that is "", all of a subject.
func (db *DB) SessionsFrom(ctx context.Context, upstream, issuer, subject, sid string) ([]Session, error) {
	which, arg := "u.sid = $3", sid
	if sid == "" {
		which, arg = "u.subject = $3", subject
	}
	args := []any{upstream, issuer, arg}
	if sid != "" && subject != "" {
		which += " AND u.subject = $4"
		args = append(args, subject)
	}
	var list []Session
	err := db.many(ctx, `SELECT s.id, s.user_id FROM upstream_sessions u JOIN sessions s ON s.id = u.session_id
		WHERE u.upstream = $1 AND u.issuer = $2 AND `+which+` AND s.ended_at IS NULL`, args, func(rows *sql.Rows) error {
		var s Session
		err := rows.Scan(&s.ID, &s.UserID)
		list = append(list, s)
		return err
	})
	return list, err
}
