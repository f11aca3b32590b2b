package storage

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"gorm.io/gorm"
)

// User is one row of users: a person.
type User struct {
	ID            string // random, never reused, the sub claim
	EmailKey      string // normalised address, unique
	Email         string // as typed
	EmailVerified bool
	UsernameKey   string          `gorm:"serializer:optional"` // normalised user name, unique; "" = none
	Username      string          // as typed
	Profile       json.RawMessage `gorm:"serializer:document"` // OIDC standard claims but email and email_verified (users.Profile)
	Epoch         int64           // raised by what ends every grant of the person
	DisabledAt    time.Time       `gorm:"serializer:micros"`
	CreatedAt     time.Time       `gorm:"serializer:micros;autoCreateTime:false"`
	UpdatedAt     time.Time       `gorm:"serializer:micros;autoUpdateTime:false"`
}

// userColumns are those of User.dest, of users as u.
const userColumns = `u.id, u.email_key, u.email, u.email_verified, u.username_key, u.username, u.profile, u.epoch,
	u.disabled_at, u.created_at, u.updated_at`

// dest are the places userColumns go to; they take the NULLs of a person that a LEFT JOIN did not find.
func (u *User) dest() []any {
	return []any{
		(*optional)(&u.ID), (*optional)(&u.EmailKey), (*optional)(&u.Email), (*truth)(&u.EmailVerified),
		(*optional)(&u.UsernameKey), (*optional)(&u.Username), (*document)(&u.Profile), (*number)(&u.Epoch),
		(*stamp)(&u.DisabledAt), (*stamp)(&u.CreatedAt), (*stamp)(&u.UpdatedAt),
	}
}

// keyOf chooses the unique column a person is looked up by. No key at all finds nobody.
func keyOf(emailKey, usernameKey string) (where, key string, err error) {
	switch {
	case emailKey != "" && usernameKey != "":
		return "", "", errors.New("look up a person by one key, not by two")
	case emailKey != "":
		return "u.email_key = $1", emailKey, nil
	case usernameKey != "":
		return "u.username_key = $1", usernameKey, nil
	}
	return "", "", ErrNotFound
}

func (db *DB) signIn(ctx context.Context, where, key string) (SignIn, error) {
	var s SignIn
	err := db.one(ctx, "SELECT "+userColumns+`, c.id, c.data FROM users u
		LEFT JOIN credentials c ON c.user_id = u.id AND c.kind = 'password' WHERE `+where,
		[]any{key}, append(s.dest(), (*optional)(&s.PasswordID), (*optional)(&s.PasswordHash))...)
	return s, err
}

// InsertUser creates a person; ErrConflict if the address or user name is taken.
func (db *DB) InsertUser(ctx context.Context, u User) error {
	return db.insert(ctx, &u)
}

// UserByID; ErrNotFound.
func (db *DB) UserByID(ctx context.Context, id string) (User, error) {
	var u User
	err := db.one(ctx, "SELECT "+userColumns+" FROM users u WHERE u.id = $1", []any{id}, u.dest()...)
	return u, err
}

// UserByKey finds by e-mail key or by user name key (exactly one of them non-empty); ErrNotFound.
func (db *DB) UserByKey(ctx context.Context, emailKey, usernameKey string) (User, error) {
	var u User
	where, key, err := keyOf(emailKey, usernameKey)
	if err != nil {
		return u, err
	}
	err = db.one(ctx, "SELECT "+userColumns+" FROM users u WHERE "+where, []any{key}, u.dest()...)
	return u, err
}

// SignIn is a person with the password credential, read in one statement for sign-in.
type SignIn struct {
	User
	PasswordID   string // "" = has no password
	PasswordHash string
}

// SignInByKey is UserByKey with the password hash beside it, one SELECT; ErrNotFound.
func (db *DB) SignInByKey(ctx context.Context, emailKey, usernameKey string) (SignIn, error) {
	where, key, err := keyOf(emailKey, usernameKey)
	if err != nil {
		return SignIn{}, err
	}
	return db.signIn(ctx, where, key)
}

// SignInByID is the same by id.
func (db *DB) SignInByID(ctx context.Context, id string) (SignIn, error) {
	return db.signIn(ctx, "u.id = $1", id)
}

// UpdateUser writes the given person's Email*, Username*, Profile and UpdatedAt; ErrNotFound, ErrConflict.
func (db *DB) UpdateUser(ctx context.Context, u User) error {
	return db.must(ctx, ErrNotFound, `UPDATE users SET email_key = $2, email = $3, email_verified = $4, username_key = $5,
		username = $6, profile = $7, updated_at = $8 WHERE id = $1`,
		u.ID, u.EmailKey, u.Email, u.EmailVerified, orNull(u.UsernameKey), u.Username, jsonText(u.Profile), micros(u.UpdatedAt))
}

// RaiseEpoch raises users.epoch by one, which ends every grant read before.
func (db *DB) RaiseEpoch(ctx context.Context, id string, now time.Time) error {
	return db.must(ctx, ErrNotFound, "UPDATE users SET epoch = epoch + 1, updated_at = $2 WHERE id = $1", id, micros(now))
}

// SetUserDisabled sets or (zero time) clears disabled_at.
func (db *DB) SetUserDisabled(ctx context.Context, id string, at, now time.Time) error {
	return db.must(ctx, ErrNotFound, "UPDATE users SET disabled_at = $2, updated_at = $3 WHERE id = $1", id, micros(at), micros(now))
}

// Users pages through people by id after the given one.
func (db *DB) Users(ctx context.Context, after string, limit int) ([]User, error) {
	var list []User
	err := db.ask(ctx, func(q *gorm.DB) error {
		return q.Where("id > ?", after).Order("id").Limit(limit).Find(&list).Error
	})
	return list, err
}

// Credential is one way a person proves who they are.
type Credential struct {
	ID         string
	UserID     string
	Kind       string    // "password", later "totp", "passkey", "recovery"
	Data       string    // for a password: the tagged hash
	CreatedAt  time.Time `gorm:"serializer:micros;autoCreateTime:false"`
	LastUsedAt time.Time `gorm:"serializer:micros"`
}

// InsertCredential adds one.
func (db *DB) InsertCredential(ctx context.Context, c Credential) error {
	return db.insert(ctx, &c)
}

// Credentials lists a person's, of one kind or (kind "") all.
func (db *DB) Credentials(ctx context.Context, userID, kind string) ([]Credential, error) {
	var list []Credential
	err := db.ask(ctx, func(q *gorm.DB) error {
		q = q.Where("user_id = ?", userID)
		if kind != "" {
			q = q.Where("kind = ?", kind)
		}
		return q.Order("id").Find(&list).Error
	})
	return list, err
}

// ReplaceCredentialData is a compare-and-swap of data; ErrStale when it was not old.
func (db *DB) ReplaceCredentialData(ctx context.Context, id, old, data string, now time.Time) error {
	return db.must(ctx, ErrStale, "UPDATE credentials SET data = $3, last_used_at = $4 WHERE id = $1 AND data = $2",
		id, old, data, micros(now))
}

// DeleteCredentials removes a person's credentials of a kind and returns how many.
func (db *DB) DeleteCredentials(ctx context.Context, userID, kind string) (int64, error) {
	return db.exec(ctx, "DELETE FROM credentials WHERE user_id = $1 AND kind = $2", userID, kind)
}
