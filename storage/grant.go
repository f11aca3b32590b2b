package storage

import (
	"context"
	"encoding/json"
	"time"
)

// Grant is one row of grants: everything that descends from one authorization of one client by one person (RFC 6749
// section 1.3). Code, PKCE, OpenID Connect and refresh state are columns of it; tokens are not stored.
type Grant struct {
	ID            string // random text, the grant_id claim
	ClientID      string
	UserID        string
	SessionID     string // "" = made without a session (password grant, device)
	Offline       bool   // offline_access was granted: outlives the session
	UserEpoch     int64  // users.epoch as read at the authorization
	ConsentEpoch  int64  // consents.epoch as read at the authorization; 0 where no consent row was needed
	Scopes        []string
	Resources     []string // identifiers named at authorize (RFC 8707), spelled as registered
	AuthTime      time.Time
	ACR           string
	AMR           []string
	Data          json.RawMessage // the ledger's typed facts: nonce, redirect_uri, code_challenge, claims, lifetimes …
	CodeHash      string          // base64url(SHA-256(code)); "" = no code
	CodeExpiresAt time.Time
	CodeUsedAt    time.Time
	Generation    int64 // of the current refresh token; 0 = none issued
	RotatedAt     time.Time
	CreatedAt     time.Time
	LastUsedAt    time.Time
	ExpiresAt     time.Time // idle limit; until the code is spent: CodeExpiresAt
	EndsAt        time.Time // absolute limit
	RevokedAt     time.Time
	RevokedWhy    string
}

// Standing is a grant together with what the one joined read tells of its person, session and consent.
type Standing struct {
	Grant
	User           User // the whole row, so that claims need no second read; ID "" = no such person
	SessionFound   bool
	SessionEndedAt time.Time
	ConsentNow     int64 // consents.epoch now; 0 where there is no row
	TokenRevoked   bool  // only set by StandingOfToken: the jti is on the deny list
}

// InsertGrant writes a new grant row (one INSERT).
func (db *DB) InsertGrant(ctx context.Context, g Grant) error { panic("unbuilt") }

// StandingByCode reads the grant of a code hash, used or not; ErrNotFound if unknown. One joined SELECT.
func (db *DB) StandingByCode(ctx context.Context, codeHash string) (Standing, error) {
	panic("unbuilt")
}

// StandingByID reads a grant by id; ErrNotFound if unknown. One joined SELECT on the primary.
func (db *DB) StandingByID(ctx context.Context, id string) (Standing, error) { panic("unbuilt") }

// StandingOfToken reads the grant an access token belongs to and whether jti was revoked, in one joined SELECT
// (introspection, userinfo). grantID "" (client credentials): only TokenRevoked is meaningful.
func (db *DB) StandingOfToken(ctx context.Context, grantID, jti string) (Standing, error) {
	panic("unbuilt")
}

// Spend says how a code is spent.
type Spend struct {
	CodeHash   string
	Generation int64 // 1 when a refresh token is issued with it, else 0
	Now        time.Time
	ExpiresAt  time.Time // new idle limit of the grant
}

// SpendCode marks the code used: UPDATE … WHERE code_hash = ? AND code_used_at IS NULL AND revoked_at IS NULL.
// Of concurrent callers exactly one succeeds; the others get ErrStale (RFC 6749 section 4.1.2).
func (db *DB) SpendCode(ctx context.Context, s Spend) error { panic("unbuilt") }

// Rotation says how a refresh token is rotated.
type Rotation struct {
	ID        string
	Presented int64 // generation of the token presented; the row moves to Presented+1
	Now       time.Time
	ExpiresAt time.Time
}

// RotateGrant moves the row to generation Presented+1: UPDATE … WHERE id = ? AND generation <= Presented AND revoked_at
// IS NULL. 0 rows: ErrStale, the caller reads again and decides again.
func (db *DB) RotateGrant(ctx context.Context, r Rotation) error { panic("unbuilt") }

// TouchGrant moves last_used_at and the idle limit of a grant whose client must not rotate; the caller calls it at most
// once an hour. Revoked: ErrStale.
func (db *DB) TouchGrant(ctx context.Context, id string, now, expiresAt time.Time) error {
	panic("unbuilt")
}

// RevokeGrant revokes one grant; it reports whether this call did it.
func (db *DB) RevokeGrant(ctx context.Context, id, why string, now time.Time) (bool, error) {
	panic("unbuilt")
}

// GrantFilter chooses grants to revoke; the set fields are and-ed, at least one of UserID, ClientID, SessionID is set.
type GrantFilter struct {
	UserID, ClientID, SessionID string
	ExceptSessionID             string // leave this session's grants alone
	OnlineOnly                  bool   // leave offline grants alone
}

// RevokeGrants revokes all live grants that fit and returns how many.
func (db *DB) RevokeGrants(ctx context.Context, f GrantFilter, why string, now time.Time) (int64, error) {
	panic("unbuilt")
}

// GrantsOfUser pages through a person's grants that still have life in them at now (not revoked, code spent, idle and
// absolute limits ahead), by id after the given one.
func (db *DB) GrantsOfUser(ctx context.Context, userID string, now time.Time, after string, limit int) ([]Grant, error) {
	panic("unbuilt")
}

// GrantsOfClient is the same by client.
func (db *DB) GrantsOfClient(ctx context.Context, clientID string, now time.Time, after string, limit int) ([]Grant, error) {
	panic("unbuilt")
}

// TrimGrants revokes ("surplus") all but the keep most recently used live grants of each person and client, at most
// limit pairs a call, and returns how many were revoked. The janitor's.
func (db *DB) TrimGrants(ctx context.Context, keep, limit int, now time.Time) (int64, error) {
	panic("unbuilt")
}
