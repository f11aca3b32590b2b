package storage

import (
	"context"
	"time"
)

// Session is one browser in which a person is signed in.
type Session struct {
	ID         string // the public, stable sid
	SecretHash string // base64url(SHA-256(cookie secret)), unique; changes at every sign-in and step-up
	UserID     string
	AuthTime   time.Time
	ACR        string
	AMR        []string
	Agent      string // user agent, cut
	Address    string // network address of the last use
	Remember   bool   // "keep me signed in"
	CreatedAt  time.Time
	SeenAt     time.Time // written at most once a minute
	ExpiresAt  time.Time // min(idle, absolute)
	EndsAt     time.Time // absolute
	EndedAt    time.Time // signed out
}

// SessionUser is a session with its person, one joined read.
type SessionUser struct {
	Session
	User User
}

// InsertSession writes a new session.
func (db *DB) InsertSession(ctx context.Context, s Session) error { panic("unbuilt") }

// SessionBySecret reads the session of a cookie together with its person; ErrNotFound. It returns ended, expired and
// disabled ones too: the caller judges. One joined SELECT.
func (db *DB) SessionBySecret(ctx context.Context, secretHash string) (SessionUser, error) {
	panic("unbuilt")
}

// RenewSession gives a live session a new secret and fresh authentication facts (sign-in again, step-up): compare-and-swap
// on the old secret hash; ErrStale.
func (db *DB) RenewSession(ctx context.Context, oldSecretHash string, s Session) error {
	panic("unbuilt")
}

// TouchSession moves seen_at, address and expires_at.
func (db *DB) TouchSession(ctx context.Context, id, address string, seenAt, expiresAt time.Time) error {
	panic("unbuilt")
}

// EndSession ends one session of a person (userID "" = whosever); reports whether it was live.
func (db *DB) EndSession(ctx context.Context, id, userID string, now time.Time) (bool, error) {
	panic("unbuilt")
}

// EndSessionsOfUser ends all of a person's live sessions but one (except "" = all) and returns their ids.
func (db *DB) EndSessionsOfUser(ctx context.Context, userID, except string, now time.Time) ([]string, error) {
	panic("unbuilt")
}

// SessionsOfUser lists the live ones, most recently seen first, at most limit.
func (db *DB) SessionsOfUser(ctx context.Context, userID string, now time.Time, limit int) ([]Session, error) {
	panic("unbuilt")
}

// Sessions pages through all live sessions by id (CLI).
func (db *DB) Sessions(ctx context.Context, now time.Time, after string, limit int) ([]Session, error) {
	panic("unbuilt")
}
