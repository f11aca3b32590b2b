package storage

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"
)

// Credential is one way a person proves who they are.
type Credential struct {
	ID         string
	UserID     string
	Kind       string    // "password", "totp", "passkey", "recovery"
	Data       string    // for a password: the tagged hash; for others what users/** keep
	Handle     string    `gorm:"serializer:optional"` // unique of its kind: a passkey's credential id, a recovery code's hash; "" = none
	Name       string    // what the person calls it
	Counter    int64     // only grows: the last TOTP step used, a passkey's sign count
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

// CredentialByHandle finds one by its handle; ErrNotFound.
func (db *DB) CredentialByHandle(ctx context.Context, kind, handle string) (Credential, error) {
	var list []Credential
	if handle == "" {
		return Credential{}, ErrNotFound
	}
	err := db.ask(ctx, func(q *gorm.DB) error {
		return q.Where("kind = ? AND handle = ?", kind, handle).Limit(1).Find(&list).Error
	})
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Credential{}, err
	}
	return list[0], nil
}

// CountCredentials tells how many of each kind a person has.
func (db *DB) CountCredentials(ctx context.Context, userID string) (map[string]int, error) {
	counts := map[string]int{}
	err := db.many(ctx, "SELECT kind, count(*) FROM credentials WHERE user_id = $1 GROUP BY kind", []any{userID}, func(rows *sql.Rows) error {
		var kind string
		var n int
		err := rows.Scan(&kind, &n)
		counts[kind] = n
		return err
	})
	return counts, err
}

// SpendCounter moves a credential's counter up and notes its use; of concurrent callers with one value exactly one
// succeeds, and none with a value used before or lower: ErrStale.
func (db *DB) SpendCounter(ctx context.Context, id string, counter int64, now time.Time) error {
	return db.must(ctx, ErrStale, "UPDATE credentials SET counter = $2, last_used_at = $3 WHERE id = $1 AND counter < $2",
		id, counter, micros(now))
}

// UseCredential writes what a use changed (data, counter) if the counter is still the old one; ErrStale.
func (db *DB) UseCredential(ctx context.Context, id, data string, old, counter int64, now time.Time) error {
	return db.must(ctx, ErrStale, "UPDATE credentials SET data = $2, counter = $4, last_used_at = $5 WHERE id = $1 AND counter = $3",
		id, data, old, counter, micros(now))
}

// RenameCredential gives one of the person's a name; ErrNotFound.
func (db *DB) RenameCredential(ctx context.Context, id, userID, name string) error {
	return db.must(ctx, ErrNotFound, "UPDATE credentials SET name = $3 WHERE id = $1 AND user_id = $2", id, userID, name)
}

// DeleteCredential removes one of the person's; of concurrent callers one succeeds, the others get ErrNotFound.
func (db *DB) DeleteCredential(ctx context.Context, id, userID string) error {
	return db.must(ctx, ErrNotFound, "DELETE FROM credentials WHERE id = $1 AND user_id = $2", id, userID)
}

// SpendHandle removes the person's credential of a handle (a recovery code is used once); ErrNotFound.
func (db *DB) SpendHandle(ctx context.Context, userID, kind, handle string) error {
	if handle == "" {
		return ErrNotFound
	}
	return db.must(ctx, ErrNotFound, "DELETE FROM credentials WHERE kind = $2 AND handle = $3 AND user_id = $1", userID, kind, handle)
}

// DeleteFactors removes the credentials of a person but the password, and the linked logins, that were made since a time (zero
// = all); it returns how many.
func (db *DB) DeleteFactors(ctx context.Context, userID string, since time.Time) (int64, error) {
	from := int64(0)
	if !since.IsZero() {
		from = since.UnixMicro()
	}
	n, err := db.exec(ctx, "DELETE FROM credentials WHERE user_id = $1 AND kind <> 'password' AND created_at >= $2", userID, from)
	if err != nil {
		return n, err
	}
	linked, err := db.exec(ctx, "DELETE FROM identities WHERE user_id = $1 AND created_at >= $2", userID, from)
	return n + linked, err
}
