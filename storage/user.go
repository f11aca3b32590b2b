package storage

import (
	"context"
	"encoding/json"
	"time"
)

// User is one row of users: a person.
type User struct {
	ID            string // random, never reused, the sub claim
	EmailKey      string // normalised address, unique
	Email         string // as typed
	EmailVerified bool
	UsernameKey   string          // normalised user name, unique; "" = none
	Username      string          // as typed
	Profile       json.RawMessage // OIDC standard claims but email and email_verified (users.Profile)
	Epoch         int64           // raised by what ends every grant of the person
	DisabledAt    time.Time
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// InsertUser creates a person; ErrConflict if the address or user name is taken.
func (db *DB) InsertUser(ctx context.Context, u User) error { panic("unbuilt") }

// UserByID; ErrNotFound.
func (db *DB) UserByID(ctx context.Context, id string) (User, error) { panic("unbuilt") }

// UserByKey finds by e-mail key or by user name key (exactly one of them non-empty); ErrNotFound.
func (db *DB) UserByKey(ctx context.Context, emailKey, usernameKey string) (User, error) {
	panic("unbuilt")
}

// SignIn is a person with the password credential, read in one statement for sign-in.
type SignIn struct {
	User
	PasswordID   string // "" = has no password
	PasswordHash string
}

// SignInByKey is UserByKey with the password hash beside it, one SELECT; ErrNotFound.
func (db *DB) SignInByKey(ctx context.Context, emailKey, usernameKey string) (SignIn, error) {
	panic("unbuilt")
}

// SignInByID is the same by id.
func (db *DB) SignInByID(ctx context.Context, id string) (SignIn, error) { panic("unbuilt") }

// UpdateUser writes the given person's Email*, Username*, Profile and UpdatedAt; ErrNotFound, ErrConflict.
func (db *DB) UpdateUser(ctx context.Context, u User) error { panic("unbuilt") }

// RaiseEpoch raises users.epoch by one, which ends every grant read before.
func (db *DB) RaiseEpoch(ctx context.Context, id string, now time.Time) error { panic("unbuilt") }

// SetUserDisabled sets or (zero time) clears disabled_at.
func (db *DB) SetUserDisabled(ctx context.Context, id string, at, now time.Time) error {
	panic("unbuilt")
}

// Users pages through people by id after the given one.
func (db *DB) Users(ctx context.Context, after string, limit int) ([]User, error) { panic("unbuilt") }

// Credential is one way a person proves who they are.
type Credential struct {
	ID         string
	UserID     string
	Kind       string // "password", later "totp", "passkey", "recovery"
	Data       string // for a password: the tagged hash
	CreatedAt  time.Time
	LastUsedAt time.Time
}

// InsertCredential adds one.
func (db *DB) InsertCredential(ctx context.Context, c Credential) error { panic("unbuilt") }

// Credentials lists a person's, of one kind or (kind "") all.
func (db *DB) Credentials(ctx context.Context, userID, kind string) ([]Credential, error) {
	panic("unbuilt")
}

// ReplaceCredentialData is a compare-and-swap of data; ErrStale when it was not old.
func (db *DB) ReplaceCredentialData(ctx context.Context, id, old, data string, now time.Time) error {
	panic("unbuilt")
}

// DeleteCredentials removes a person's credentials of a kind and returns how many.
func (db *DB) DeleteCredentials(ctx context.Context, userID, kind string) (int64, error) {
	panic("unbuilt")
}
