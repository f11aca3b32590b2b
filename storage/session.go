package storage

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"
)

// Session is one browser in which a person is signed in.
type Session struct {
	ID         string // the public, stable sid
	SecretHash string // base64url(SHA-256(cookie secret)), unique; changes at every sign-in and step-up
	UserID     string
	AuthTime   time.Time `gorm:"serializer:micros"`
	ACR        string
	AMR        []string  `gorm:"serializer:words"`
	Agent      string    // user agent, cut
	Address    string    // network address of the last use
	Remember   bool      // "keep me signed in"
	CreatedAt  time.Time `gorm:"serializer:micros;autoCreateTime:false"`
	SeenAt     time.Time `gorm:"serializer:micros"` // written at most once a minute
	ExpiresAt  time.Time `gorm:"serializer:micros"` // min(idle, absolute)
	EndsAt     time.Time `gorm:"serializer:micros"` // absolute
	EndedAt    time.Time `gorm:"serializer:micros"` // signed out
}

// SessionUser is a session with its person, one joined read.
type SessionUser struct {
	Session
	User User
}

const sessionBySecret = `SELECT s.id, s.auth_time, s.acr, s.amr, s.agent, s.address, s.remember,
	s.created_at, s.seen_at, s.expires_at, s.ends_at, s.ended_at, ` + userColumns + `
	FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.secret_hash = $1`

// InsertSession writes a new session.
func (db *DB) InsertSession(ctx context.Context, s Session) error {
	return db.insert(ctx, &s)
}

// SessionBySecret reads the session of a cookie together with its person; ErrNotFound. It returns ended, expired and
// disabled ones too: the caller judges. One joined SELECT.
func (db *DB) SessionBySecret(ctx context.Context, secretHash string) (SessionUser, error) {
	var s SessionUser
	err := db.byKey(ctx, sessionBySecret, []any{secretHash}, s.dest()...)
	if err == nil {
		s.SecretHash, s.UserID = secretHash, s.User.ID // by which they were found: every request with a cookie reads them
	}
	return s, err
}

// dest are the places the columns of sessionBySecret go to.
func (s *SessionUser) dest() []any {
	return append([]any{
		&s.Session.ID, (*stamp)(&s.AuthTime), &s.ACR, (*words)(&s.AMR), &s.Agent, &s.Address, &s.Remember,
		(*stamp)(&s.Session.CreatedAt), (*stamp)(&s.SeenAt), (*stamp)(&s.ExpiresAt), (*stamp)(&s.EndsAt),
		(*stamp)(&s.EndedAt),
	}, s.User.dest()...)
}

// RenewSession gives a live session a new secret and fresh authentication facts (sign-in again, step-up): compare-and-swap
// on the old secret hash; ErrStale.
func (db *DB) RenewSession(ctx context.Context, oldSecretHash string, s Session) error {
	return db.must(ctx, ErrStale, `UPDATE sessions SET secret_hash = $2, auth_time = $4, acr = $5, amr = $6, agent = $7,
		address = $8, remember = $9, seen_at = $10, expires_at = $11, ends_at = $12
		WHERE secret_hash = $1 AND user_id = $3 AND ended_at IS NULL`,
		oldSecretHash, s.SecretHash, s.UserID, micros(s.AuthTime), s.ACR, join(s.AMR), s.Agent,
		s.Address, s.Remember, micros(s.SeenAt), micros(s.ExpiresAt), micros(s.EndsAt))
}

// TouchSession moves seen_at, address and expires_at.
func (db *DB) TouchSession(ctx context.Context, id, address string, seenAt, expiresAt time.Time) error {
	_, err := db.exec(ctx, "UPDATE sessions SET address = $2, seen_at = $3, expires_at = $4 WHERE id = $1 AND ended_at IS NULL",
		id, address, micros(seenAt), micros(expiresAt))
	return err
}

// EndSession ends one session of a person (userID "" = whosever); reports whether it had not been ended before.
func (db *DB) EndSession(ctx context.Context, id, userID string, now time.Time) (bool, error) {
	n, err := db.exec(ctx, "UPDATE sessions SET ended_at = $3 WHERE id = $1 AND ($2 = '' OR user_id = $2) AND ended_at IS NULL",
		id, userID, micros(now))
	return n > 0, err
}

// EndSessionsOfUser ends all of a person's live sessions but one (except "" = all) and returns their ids.
func (db *DB) EndSessionsOfUser(ctx context.Context, userID, except string, now time.Time) ([]string, error) {
	var ids []string
	err := db.returning(ctx, "UPDATE sessions SET ended_at = $3 WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL RETURNING id",
		[]any{userID, except, micros(now)}, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
	return ids, err
}

// SessionsOfUser lists the live ones, most recently seen first, at most limit.
func (db *DB) SessionsOfUser(ctx context.Context, userID string, now time.Time, limit int) ([]Session, error) {
	var list []Session
	err := db.ask(ctx, func(q *gorm.DB) error {
		return q.Where("user_id = ? AND ended_at IS NULL AND expires_at > ?", userID, micros(now)).
			Order("seen_at DESC, id").Limit(limit).Find(&list).Error
	})
	return list, err
}

// Sessions pages through all live sessions by id (CLI).
func (db *DB) Sessions(ctx context.Context, now time.Time, after string, limit int) ([]Session, error) {
	var list []Session
	err := db.ask(ctx, func(q *gorm.DB) error {
		return q.Where("id > ? AND ended_at IS NULL AND expires_at > ?", after, micros(now)).
			Order("id").Limit(limit).Find(&list).Error
	})
	return list, err
}
