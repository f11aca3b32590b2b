package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
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
	Profile       json.RawMessage `gorm:"serializer:document"` // OIDC standard claims but email and email_verified (users/profile)
	Epoch         int64           // raised by what ends every grant of the person
	DisabledAt    time.Time       `gorm:"serializer:micros"`
	FrozenAt      time.Time       `gorm:"serializer:micros"` // "this wasn't me": no sign-in until the password is reset
	EraseAt       time.Time       `gorm:"serializer:micros"` // when the deletion that was asked for is carried out; zero = not asked
	Terms         string          // version of the terms of service accepted last
	TermsAt       time.Time       `gorm:"serializer:micros"`
	CreatedAt     time.Time       `gorm:"serializer:micros;autoCreateTime:false"`
	UpdatedAt     time.Time       `gorm:"serializer:micros;autoUpdateTime:false"`
}

// userColumns are those of User.dest, of users as u.
const userColumns = `u.id, u.email_key, u.email, u.email_verified, u.username_key, u.username, u.profile, u.epoch,
	u.disabled_at, u.frozen_at, u.erase_at, u.terms, u.terms_at, u.created_at, u.updated_at`

// dest are the places userColumns go to; they take the NULLs of a person that a LEFT JOIN did not find.
func (u *User) dest() []any {
	return []any{
		(*optional)(&u.ID), (*optional)(&u.EmailKey), (*optional)(&u.Email), (*truth)(&u.EmailVerified),
		(*optional)(&u.UsernameKey), (*optional)(&u.Username), (*document)(&u.Profile), (*number)(&u.Epoch),
		(*stamp)(&u.DisabledAt), (*stamp)(&u.FrozenAt), (*stamp)(&u.EraseAt), (*optional)(&u.Terms), (*stamp)(&u.TermsAt),
		(*stamp)(&u.CreatedAt), (*stamp)(&u.UpdatedAt),
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

// UpdateUser writes the given person's Username*, Profile and UpdatedAt if the first two are as they were read still (old); ErrStale if
// not, ErrConflict. A picture here that the profile names no more goes: run it in a transaction.
func (db *DB) UpdateUser(ctx context.Context, old, u User) error {
	err := db.must(ctx, ErrStale, `UPDATE users SET username_key = $2, username = $3, profile = $4, updated_at = $5
		WHERE id = $1 AND profile = $6 AND username = $7`,
		u.ID, orNull(u.UsernameKey), u.Username, jsonText(u.Profile), micros(u.UpdatedAt), jsonText(old.Profile), old.Username)
	if err != nil {
		return err
	}
	return db.keepPicture(ctx, u.ID, old.Profile, u.Profile)
}

// UpdateUserEmail writes the given person's Email* and UpdatedAt if the address is as it was read still (old); ErrStale if not,
// ErrConflict.
func (db *DB) UpdateUserEmail(ctx context.Context, old, u User) error {
	return db.must(ctx, ErrStale, `UPDATE users SET email_key = $2, email = $3, email_verified = $4, updated_at = $5
		WHERE id = $1 AND email_key = $6 AND email = $7 AND email_verified = $8`,
		u.ID, u.EmailKey, u.Email, u.EmailVerified, micros(u.UpdatedAt), old.EmailKey, old.Email, old.EmailVerified)
}

// RaiseEpoch raises users.epoch by one, which ends every grant read before.
func (db *DB) RaiseEpoch(ctx context.Context, id string, now time.Time) error {
	return db.must(ctx, ErrNotFound, "UPDATE users SET epoch = epoch + 1, updated_at = $2 WHERE id = $1", id, micros(now))
}

// SetUserDisabled sets or (zero time) clears disabled_at.
func (db *DB) SetUserDisabled(ctx context.Context, id string, at, now time.Time) error {
	return db.must(ctx, ErrNotFound, "UPDATE users SET disabled_at = $2, updated_at = $3 WHERE id = $1", id, micros(at), micros(now))
}

// SetUserFrozen sets or (zero time) clears frozen_at.
func (db *DB) SetUserFrozen(ctx context.Context, id string, at, now time.Time) error {
	return db.must(ctx, ErrNotFound, "UPDATE users SET frozen_at = $2, updated_at = $3 WHERE id = $1", id, micros(at), micros(now))
}

// SetUserErase sets or (zero time) clears when the person is to be erased.
func (db *DB) SetUserErase(ctx context.Context, id string, at, now time.Time) error {
	return db.must(ctx, ErrNotFound, "UPDATE users SET erase_at = $2, updated_at = $3 WHERE id = $1", id, micros(at), micros(now))
}

// SetUserTerms notes which version of the terms of service was accepted.
func (db *DB) SetUserTerms(ctx context.Context, id, version string, now time.Time) error {
	return db.must(ctx, ErrNotFound, "UPDATE users SET terms = $2, terms_at = $3 WHERE id = $1", id, version, micros(now))
}

// HoldUser makes the rest of the transaction run before or after anything that ends everything of the person (RaiseEpoch,
// SetUserDisabled …), never at the same time: ErrStale if the epoch is not the given one any more or the person may not sign in.
func (db *DB) HoldUser(ctx context.Context, id string, epoch int64) error {
	return db.must(ctx, ErrStale, `UPDATE users SET epoch = epoch WHERE id = $1 AND epoch = $2 AND disabled_at IS NULL
		AND frozen_at IS NULL`, id, epoch)
}

// LockUser reads a person and makes the rest of the transaction run before or after anything that ends everything of theirs, never at
// the same time: ErrStale if there is no such person or the epoch is not the given one any more (negative = whichever it is).
func (db *DB) LockUser(ctx context.Context, id string, epoch int64) (User, error) {
	var u User
	err := db.returning(ctx, `UPDATE users SET epoch = epoch WHERE id = $1 AND (CAST($2 AS BIGINT) < 0 OR epoch = $2)
		RETURNING id, email_key, email, email_verified, username_key, username, profile, epoch, disabled_at, frozen_at, erase_at, terms,
		terms_at, created_at, updated_at`, []any{id, epoch}, func(rows *sql.Rows) error { return rows.Scan(u.dest()...) })
	if err == nil && u.ID == "" {
		err = ErrStale
	}
	return u, err
}

// UsersToErase lists people whose deletion is due.
func (db *DB) UsersToErase(ctx context.Context, now time.Time, limit int) ([]User, error) {
	var list []User
	err := db.ask(ctx, func(q *gorm.DB) error {
		return q.Where("erase_at <= ?", micros(now)).Order("erase_at").Limit(limit).Find(&list).Error
	})
	return list, err
}

// clearBatch is how many rows one statement of ClearUser deletes.
const clearBatch = 500

// ClearUser deletes a person's grants and sessions that have ended, which may be many, a batch a transaction, and returns how many. It
// comes before EraseUser, whose transaction then has little to do.
func (db *DB) ClearUser(ctx context.Context, id string, now time.Time) (gone int64, err error) {
	if err := db.keepStatus(ctx, id, now); err != nil {
		return 0, err
	}
	for _, query := range []string{
		`DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE user_id = $1 AND (revoked_at IS NOT NULL OR expires_at <= $2) LIMIT $3)`,
		`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user_id = $1 AND (ended_at IS NOT NULL OR expires_at <= $2) LIMIT $3)`,
	} {
		for {
			n, err := db.exec(ctx, query, id, micros(now), clearBatch)
			if gone += n; err != nil {
				return gone, err
			}
			if n < clearBatch {
				break
			}
		}
	}
	return gone, nil
}

// EraseUser deletes a person with all rows that are about them but audit events, in the caller's transaction. ErrNotFound.
func (db *DB) EraseUser(ctx context.Context, id string) error {
	if err := db.keepStatus(ctx, id, time.Now()); err != nil {
		return err
	}
	for _, query := range []string{
		// Person and credentials first: a sign-in that runs at the same time holds on to one of them, so its session is either
		// among those deleted below or never made.
		"UPDATE users SET epoch = epoch + 1 WHERE id = $1", "DELETE FROM credentials WHERE user_id = $1",
		"DELETE FROM sessions WHERE user_id = $1", "DELETE FROM grants WHERE user_id = $1",
		"DELETE FROM consents WHERE user_id = $1", "DELETE FROM tickets WHERE owner = $1",
		"DELETE FROM tickets WHERE owner IN (SELECT email_key FROM users WHERE id = $1)",
		"DELETE FROM role_holders WHERE holder_kind = 'user' AND holder = $1",
	} {
		if _, err := db.exec(ctx, query, id); err != nil {
			return err
		}
	}
	// Sign-ins that name the person, also those that are answered.
	quoted, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("erase person: %w", err)
	}
	if _, err := db.exec(ctx, "DELETE FROM interactions WHERE user_id = $1", string(quoted)); err != nil {
		return err
	}
	return db.must(ctx, ErrNotFound, "DELETE FROM users WHERE id = $1", id) // identities and memberships follow
}

// Users pages through people by id after the given one.
func (db *DB) Users(ctx context.Context, after string, limit int) ([]User, error) {
	var list []User
	err := db.ask(ctx, func(q *gorm.DB) error {
		return q.Where("id > ?", after).Order("id").Limit(limit).Find(&list).Error
	})
	return list, err
}
