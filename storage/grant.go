package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// Grant is one row of grants: everything that descends from one authorization of one client by one person (RFC 6749
// section 1.3). Code, PKCE, OpenID Connect and refresh state are columns of it; tokens are not stored.
type Grant struct {
	ID           string // random text, the grant_id claim
	ClientID     string
	UserID       string
	SessionID    string    `gorm:"serializer:optional"` // "" = made without a session (password grant, device)
	Offline      bool      // offline_access was granted: outlives the session
	UserEpoch    int64     // users.epoch as read at the authorization
	ConsentEpoch int64     // consents.epoch as read at the authorization; 0 where no consent row was needed
	Scopes       []string  `gorm:"serializer:words"`
	Resources    []string  `gorm:"serializer:words"` // identifiers named at authorize (RFC 8707), spelled as registered
	AuthTime     time.Time `gorm:"serializer:micros"`
	ACR          string
	AMR          []string `gorm:"serializer:words"`
	// the ledger's typed facts: nonce, redirect_uri, code_challenge, claims, lifetimes …
	Data          json.RawMessage `gorm:"serializer:document"`
	CodeHash      string          `gorm:"serializer:optional"` // base64url(SHA-256(code)); "" = no code
	CodeExpiresAt time.Time       `gorm:"serializer:micros"`
	CodeUsedAt    time.Time       `gorm:"serializer:micros"`
	Generation    int64           // of the current refresh token; 0 = none issued
	RotatedAt     time.Time       `gorm:"serializer:micros"`
	CreatedAt     time.Time       `gorm:"serializer:micros;autoCreateTime:false"`
	LastUsedAt    time.Time       `gorm:"serializer:micros"`
	ExpiresAt     time.Time       `gorm:"serializer:micros"` // idle limit; until the code is spent: CodeExpiresAt
	EndsAt        time.Time       `gorm:"serializer:micros"` // absolute limit
	RevokedAt     time.Time       `gorm:"serializer:micros"`
	RevokedWhy    string
	StatusIndex   int64 // its place in the status lists; 0 = none
}

// GrantState is a grant together with what the one joined read tells of its person, session and consent.
type GrantState struct {
	Grant
	User           User // the whole row, so that claims need no second read; ID "" = no such person
	SessionFound   bool
	SessionEndedAt time.Time
	ConsentNow     int64 // consents.epoch now; 0 where there is no row
	// Of the agreement with an agent, see Consent.
	AgentUntil, PausedAt time.Time
	AgentCalls           int64
	AgreedAt             time.Time // consents.updated_at, where there is an agreement with an agent
	TokenRevoked         bool      // only set by GrantStateOfToken: the jti is on the deny list
}

// grantColumns are those of Grant.dest, of grants as g. Expressions have names, as SQLite gives every reader the text of those without.
const grantColumns = `g.id, g.client_id, g.user_id, g.session_id, g.offline, g.user_epoch, g.consent_epoch, g.scopes,
	g.resources, g.auth_time, g.acr, g.amr, g.data, g.code_hash, g.code_expires_at, g.code_used_at, g.generation,
	g.rotated_at, g.created_at, g.last_used_at, ` + idleLimit + ` AS i, g.ends_at, g.revoked_at, g.revoked_why, g.status_index`

// idleLimit is when a grant is dead if nobody uses it. The column expires_at may be later: it has an index, and a refresh moves it only
// when that is worth writing the indexes of the row (see rotateGrant).
const idleLimit = `CASE WHEN g.last_used_at + g.idle < g.expires_at THEN g.last_used_at + g.idle ELSE g.expires_at END`

// bearerColumns are those of GrantState.bearerDest: what tokens and claims are made of. Every token request reads them.
const bearerColumns = `u.epoch, u.email, u.email_verified, u.username, u.profile, u.disabled_at, u.updated_at`

// The reads of a grant with all it stands on: one joined SELECT each, by a unique key.
const (
	grantStateColumns = `SELECT ` + grantColumns + `, ` + bearerColumns + `, CASE WHEN s.id IS NOT NULL THEN COALESCE(s.ended_at, 0) END AS s,
	c.epoch, c.agent_until, c.paused_at, c.agent_calls, CASE WHEN c.agent_until IS NOT NULL THEN c.updated_at END AS a`
	grantStateJoins = ` FROM grants g LEFT JOIN users u ON u.id = g.user_id LEFT JOIN sessions s ON s.id = g.session_id
	LEFT JOIN consents c ON c.user_id = g.user_id AND c.client_id = g.client_id `

	grantStateByID    = grantStateColumns + grantStateJoins + `WHERE g.id = $1`
	grantStateByCode  = grantStateColumns + grantStateJoins + `WHERE g.code_hash = $1`
	grantStateOfToken = grantStateColumns + `, EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = $2)` + grantStateJoins + `WHERE g.id = $1`
	tokenRevoked      = `SELECT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = $1)`
)

const insertGrant = `INSERT INTO grants (id, client_id, user_id, session_id, offline, user_epoch, consent_epoch, scopes,
	resources, auth_time, acr, amr, data, code_hash, code_expires_at, code_used_at, generation, rotated_at, created_at,
	last_used_at, expires_at, ends_at, revoked_at, revoked_why, status_index)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)`

// The two statements that decide every race of the protocol. The idle limit never passes the absolute one.
const (
	spendCode = `UPDATE grants SET code_used_at = $3, generation = $2,
	rotated_at = CASE WHEN CAST($2 AS BIGINT) > 0 THEN CAST($3 AS BIGINT) END,
	last_used_at = $3, idle = $5, expires_at = CASE WHEN ends_at < $4 THEN ends_at ELSE $4 END
	WHERE code_hash = $1 AND code_used_at IS NULL AND revoked_at IS NULL`

	// The same, and the facts of the grant, which nothing else changes: from now on they say which key it is bound to.
	spendAndBind = `UPDATE grants SET code_used_at = $3, generation = $2, data = $6,
	rotated_at = CASE WHEN CAST($2 AS BIGINT) > 0 THEN CAST($3 AS BIGINT) END,
	last_used_at = $3, idle = $5, expires_at = CASE WHEN ends_at < $4 THEN ends_at ELSE $4 END
	WHERE code_hash = $1 AND code_used_at IS NULL AND revoked_at IS NULL`

	// expires_at stays where it is if it covers the idle limit ($4) and is not later than it would be moved to ($6): so few refreshes
	// move it that Postgres writes no index for the others (heap-only tuples).
	rotateGrant = `UPDATE grants SET generation = $2 + 1, rotated_at = $3, last_used_at = $3, idle = $5,
	expires_at = CASE WHEN expires_at BETWEEN (CASE WHEN ends_at < $4 THEN ends_at ELSE $4 END) AND $6 THEN expires_at
		WHEN ends_at < $6 THEN ends_at ELSE $6 END
	WHERE id = $1 AND generation <= $2 AND revoked_at IS NULL`

	// The same, and the facts of the grant (see spendAndBind).
	rotateAndBind = `UPDATE grants SET generation = $2 + 1, rotated_at = $3, last_used_at = $3, idle = $5, data = $7,
	expires_at = CASE WHEN expires_at BETWEEN (CASE WHEN ends_at < $4 THEN ends_at ELSE $4 END) AND $6 THEN expires_at
		WHEN ends_at < $6 THEN ends_at ELSE $6 END
	WHERE id = $1 AND generation <= $2 AND revoked_at IS NULL`
)

// What Postgres adds where many callers' statements are one transaction: a row that somebody else holds is passed over, so that nobody's
// statement waits for another's, and no two transactions for one another.
const (
	grantNotLocked = ` AND id = (SELECT id FROM grants WHERE id = $1 FOR UPDATE SKIP LOCKED)`
	codeNotLocked  = ` AND id = (SELECT id FROM grants WHERE code_hash = $1 FOR UPDATE SKIP LOCKED)`
)

// idleSteps is in how many steps expires_at moves through an idle time.
const idleSteps = 8

// revoke sets what revocation sets. The row is dead from now on, so the janitor may count from here.
const revoke = `revoked_at = $1, revoked_why = $2, expires_at = CASE WHEN expires_at < $1 THEN expires_at ELSE $1 END`

// dest are the places grantColumns go to.
func (g *Grant) dest() []any {
	return []any{
		&g.ID, &g.ClientID, &g.UserID, (*optional)(&g.SessionID), (*truth)(&g.Offline), &g.UserEpoch, &g.ConsentEpoch,
		(*words)(&g.Scopes), (*words)(&g.Resources), (*stamp)(&g.AuthTime), &g.ACR, (*words)(&g.AMR), (*document)(&g.Data),
		(*optional)(&g.CodeHash), (*stamp)(&g.CodeExpiresAt), (*stamp)(&g.CodeUsedAt), &g.Generation,
		(*stamp)(&g.RotatedAt), (*stamp)(&g.CreatedAt), (*stamp)(&g.LastUsedAt), (*stamp)(&g.ExpiresAt),
		(*stamp)(&g.EndsAt), (*stamp)(&g.RevokedAt), &g.RevokedWhy, (*number)(&g.StatusIndex),
	}
}

func (s *GrantState) dest() []any {
	dest := make([]any, 0, 48)
	dest = append(dest, s.Grant.dest()...)
	dest = append(dest, s.bearerDest()...)
	return append(dest, (*sessionOf)(s), (*number)(&s.ConsentNow), (*stamp)(&s.AgentUntil), (*stamp)(&s.PausedAt),
		(*number)(&s.AgentCalls), (*stamp)(&s.AgreedAt))
}

// bearerDest are the places bearerColumns go to; the grant's own columns come before.
func (s *GrantState) bearerDest() []any {
	u := &s.User
	return []any{
		(*personOf)(s), (*optional)(&u.Email), (*truth)(&u.EmailVerified), (*optional)(&u.Username), (*document)(&u.Profile),
		(*stamp)(&u.DisabledAt), (*stamp)(&u.UpdatedAt),
	}
}

// personOf takes the epoch of the grant's person, NULL where there is none. A column more that says so would be one more to copy for every
// token request.
type personOf GrantState

// Scan implements sql.Scanner.
func (s *personOf) Scan(v any) error {
	if s.User.ID = ""; v != nil {
		s.User.ID = s.UserID
	}
	return (*number)(&s.User.Epoch).Scan(v)
}

// sessionOf takes when the grant's session ended: NULL = there is none, 0 = it has not.
type sessionOf GrantState

// Scan implements sql.Scanner.
func (s *sessionOf) Scan(v any) error {
	s.SessionFound = v != nil
	if v == int64(0) {
		v = nil
	}
	return (*stamp)(&s.SessionEndedAt).Scan(v)
}

func (db *DB) grantState(ctx context.Context, query, key string) (GrantState, error) {
	var s GrantState
	if key == "" {
		return s, ErrNotFound
	}
	err := db.byKey(ctx, query, []any{key}, s.dest()...)
	return s, err
}

const (
	liveGrants = `SELECT ` + grantColumns + ` FROM grants g WHERE g.id > $2 AND g.revoked_at IS NULL
	AND (g.code_hash IS NULL OR g.code_used_at IS NOT NULL) AND g.expires_at > $3 AND (g.ends_at IS NULL OR g.ends_at > $3)
	AND (g.idle IS NULL OR g.last_used_at + g.idle > $3) AND `
	liveGrantsOfUser   = liveGrants + `g.user_id = $1 ORDER BY g.id LIMIT $4`
	liveGrantsOfClient = liveGrants + `g.client_id = $1 ORDER BY g.id LIMIT $4`
)

func (db *DB) liveGrants(ctx context.Context, query, id string, now time.Time, after string, limit int) ([]Grant, error) {
	var list []Grant
	err := db.many(ctx, query, []any{id, after, micros(now), limit}, func(rows *sql.Rows) error {
		var g Grant
		err := rows.Scan(g.dest()...)
		list = append(list, g)
		return err
	})
	return list, err
}

// InsertGrant writes a new grant row (one INSERT).
func (db *DB) InsertGrant(ctx context.Context, g Grant) error {
	_, err := db.exec(ctx, insertGrant, g.ID, g.ClientID, g.UserID, orNull(g.SessionID), g.Offline, g.UserEpoch, g.ConsentEpoch,
		join(g.Scopes), join(g.Resources), micros(g.AuthTime), g.ACR, join(g.AMR), jsonText(g.Data),
		orNull(g.CodeHash), micros(g.CodeExpiresAt), micros(g.CodeUsedAt), g.Generation, micros(g.RotatedAt), micros(g.CreatedAt),
		micros(g.LastUsedAt), micros(g.ExpiresAt), micros(g.EndsAt), micros(g.RevokedAt), g.RevokedWhy, orNone(g.StatusIndex))
	return err
}

// DeleteUnspentGrant removes a grant of the person and client whose code was never used, and reports whether there was one: a code
// that is being used this very moment is either used up before, or gone.
func (db *DB) DeleteUnspentGrant(ctx context.Context, id, userID, clientID string) (bool, error) {
	n, err := db.exec(ctx,
		"DELETE FROM grants WHERE id = $1 AND user_id = $2 AND client_id = $3 AND code_hash IS NOT NULL AND code_used_at IS NULL",
		id, userID, clientID)
	return n > 0, err
}

// GrantStateByCode reads the grant of a code hash, used or not; ErrNotFound if unknown. One joined SELECT.
func (db *DB) GrantStateByCode(ctx context.Context, codeHash string) (GrantState, error) {
	return db.grantState(ctx, grantStateByCode, codeHash)
}

// GrantStateByID reads a grant by id; ErrNotFound if unknown. One joined SELECT on the primary.
func (db *DB) GrantStateByID(ctx context.Context, id string) (GrantState, error) {
	return db.grantState(ctx, grantStateByID, id)
}

// GrantStateOfToken reads the grant an access token belongs to and whether jti was revoked, in one joined SELECT
// (introspection, userinfo). grantID "" (client credentials): only TokenRevoked is meaningful.
func (db *DB) GrantStateOfToken(ctx context.Context, grantID, jti string) (GrantState, error) {
	var s GrantState
	if grantID == "" {
		err := db.one(ctx, tokenRevoked, []any{jti}, (*truth)(&s.TokenRevoked))
		return s, err
	}
	err := db.byKey(ctx, grantStateOfToken, []any{grantID, jti}, append(s.dest(), (*truth)(&s.TokenRevoked))...)
	return s, err
}

// Spend says how a code is spent.
type Spend struct {
	CodeHash   string
	Generation int64 // 1 when a refresh token is issued with it, else 0
	Now        time.Time
	ExpiresAt  time.Time // new idle limit of the grant
	Data       []byte    // the grant's facts from now on; nil = as they are
}

// SpendCode marks the code used: UPDATE … WHERE code_hash = ? AND code_used_at IS NULL AND revoked_at IS NULL.
// Of concurrent callers exactly one succeeds; the others get ErrStale (RFC 6749 section 4.1.2).
func (db *DB) SpendCode(ctx context.Context, x Spend) error {
	args := []any{x.CodeHash, x.Generation, micros(x.Now), micros(x.ExpiresAt), x.ExpiresAt.Sub(x.Now).Microseconds()}
	if x.Data != nil {
		return db.must(ctx, ErrStale, spendAndBind, append(args, jsonText(x.Data))...)
	}
	return db.mustByKey(ctx, ErrStale, spendCode, spendCode+codeNotLocked, args...)
}

// Rotation says how a refresh token is rotated.
type Rotation struct {
	ID        string
	Presented int64 // generation of the token presented; the row moves to Presented+1
	Now       time.Time
	ExpiresAt time.Time
	Data      []byte // the grant's facts from now on; nil = as they are
}

// RotateGrant moves the row to generation Presented+1: UPDATE … WHERE id = ? AND generation <= Presented AND revoked_at
// IS NULL. 0 rows: ErrStale, the caller reads again and decides again.
func (db *DB) RotateGrant(ctx context.Context, r Rotation) error {
	idle := r.ExpiresAt.Sub(r.Now)
	args := []any{
		r.ID, r.Presented, micros(r.Now), micros(r.ExpiresAt), idle.Microseconds(), micros(r.ExpiresAt.Add(idle / idleSteps)),
	}
	if r.Data != nil {
		return db.must(ctx, ErrStale, rotateAndBind, append(args, jsonText(r.Data))...)
	}
	return db.mustByKey(ctx, ErrStale, rotateGrant, rotateGrant+grantNotLocked, args...)
}

// TouchGrant moves last_used_at and the idle limit of a grant whose client must not rotate; the caller calls it at most
// once an hour. Revoked: ErrStale.
func (db *DB) TouchGrant(ctx context.Context, id string, now, expiresAt time.Time) error {
	return db.must(ctx, ErrStale, `UPDATE grants SET last_used_at = $2, idle = $4, expires_at = CASE WHEN ends_at < $3 THEN ends_at ELSE $3 END
		WHERE id = $1 AND revoked_at IS NULL`, id, micros(now), micros(expiresAt), expiresAt.Sub(now).Microseconds())
}

// RevokeGrant revokes one grant; it reports whether this call did it.
func (db *DB) RevokeGrant(ctx context.Context, id, why string, now time.Time) (bool, error) {
	n, err := db.exec(ctx, "UPDATE grants SET "+revoke+" WHERE id = $3 AND revoked_at IS NULL", micros(now), why, id)
	return n > 0, err
}

// GrantFilter chooses grants to revoke; the set fields are and-ed, at least one of UserID, ClientID, SessionID is set.
type GrantFilter struct {
	UserID, ClientID, SessionID string
	ExceptSessionID             string // leave this session's grants alone
	OnlineOnly                  bool   // leave offline grants alone
}

// RevokeGrants revokes all live grants that fit and returns how many.
func (db *DB) RevokeGrants(ctx context.Context, f GrantFilter, why string, now time.Time) (int64, error) {
	if f.UserID == "" && f.ClientID == "" && f.SessionID == "" {
		return 0, errors.New("revoke grants: name a person, a client or a session")
	}
	query, args := "UPDATE grants SET "+revoke+" WHERE revoked_at IS NULL", []any{micros(now), why}
	and := func(condition, value string) {
		if value != "" {
			args = append(args, value)
			query += " AND " + condition + "$" + strconv.Itoa(len(args))
		}
	}
	and("user_id = ", f.UserID)
	and("client_id = ", f.ClientID)
	and("session_id = ", f.SessionID)
	if f.ExceptSessionID != "" {
		and("COALESCE(session_id, '') <> ", f.ExceptSessionID)
	}
	if f.OnlineOnly {
		query += " AND NOT offline"
	}
	return db.exec(ctx, query, args...)
}

// GrantsOfUser pages through a person's grants that still have life in them at now (not revoked, code spent, idle and
// absolute limits ahead), by id after the given one.
func (db *DB) GrantsOfUser(ctx context.Context, userID string, now time.Time, after string, limit int) ([]Grant, error) {
	return db.liveGrants(ctx, liveGrantsOfUser, userID, now, after, limit)
}

// GrantsOfClient is the same by client.
func (db *DB) GrantsOfClient(ctx context.Context, clientID string, now time.Time, after string, limit int) ([]Grant, error) {
	return db.liveGrants(ctx, liveGrantsOfClient, clientID, now, after, limit)
}
