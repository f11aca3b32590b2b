package storage

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// SealedColumn is a column whose values a master key has sealed, or whose values were made with a key derived from one.
type SealedColumn string

// The columns. What is sealed can be sealed again (ReplaceSealed); what was derived can only be made anew by whoever knows
// the password or secret.
const (
	SealedKeys          SealedColumn = "keys.sealed"
	SealedFurtherKeys   SealedColumn = "further_keys.sealed"
	SealedSecrets       SealedColumn = "client_secrets.sealed"
	SealedMessages      SealedColumn = "messages.sealed"
	SealedDeliveries    SealedColumn = "deliveries.sealed"
	SealedSalts         SealedColumn = "salts.sealed"
	SealedWebhooks      SealedColumn = "webhooks.sealed"
	SealedSettings      SealedColumn = "settings.sealed"
	SealedAuthenticator SealedColumn = "credentials.data"
	SealedTokens        SealedColumn = "identities.tokens"
	SealedIDTokens      SealedColumn = "upstream_sessions.id_token"
	DerivedPasswords    SealedColumn = "credentials.password"
	DerivedSecrets      SealedColumn = "client_secrets.mac"
)

// sealedHead is how many bytes in front of a sealed value name its format and its master key (internal/seal).
const sealedHead = 9

// sealedColumn is how a column is asked. Each statement walks the index "…_master" over (mark, id), but for the few keys.
type sealedColumn struct {
	table, id, value string
	place            string // expression of the row's name in the additional data of the seal
	mark             string // expression of what names the master key
	where            string
	text             bool // base64 in a column of text
	derived          bool
}

var sealedColumns = map[SealedColumn]sealedColumn{
	SealedKeys:        {table: "keys", id: "kid", value: "sealed", place: "kid", mark: "substr(sealed, 1, 9)", where: "kid >= ''"},
	SealedFurtherKeys: {table: "further_keys", id: "kid", value: "sealed", place: "kid", mark: "substr(sealed, 1, 9)", where: "kid >= ''"},
	SealedSecrets: {table: "client_secrets", id: "id", value: "sealed", place: "id", mark: "substr(sealed, 1, 9)",
		where: "sealed IS NOT NULL"},
	SealedMessages:   {table: "messages", id: "id", value: "sealed", place: "id", mark: "substr(sealed, 1, 9)", where: "id >= ''"},
	SealedDeliveries: {table: "deliveries", id: "id", value: "sealed", place: "id", mark: "substr(sealed, 1, 9)", where: "id >= ''"},
	SealedSalts:      {table: "salts", id: "name", value: "sealed", place: "name", mark: "substr(sealed, 1, 9)", where: "name >= ''"},
	SealedWebhooks: {table: "webhooks", id: "id", value: "sealed", place: "id", mark: "substr(sealed, 1, 9)",
		where: "sealed IS NOT NULL"},
	SealedSettings: {table: "settings", id: "id", value: "sealed", place: "id", mark: "substr(sealed, 1, 9)",
		where: "sealed IS NOT NULL"},
	SealedAuthenticator: {table: "credentials", id: "id", value: "data", place: "id", mark: "substr(data, 1, 12)",
		where: "kind = 'totp'", text: true},
	SealedTokens: {table: "identities", id: "id", value: "tokens", place: "id", mark: "substr(tokens, 1, 9)", where: "tokens IS NOT NULL"},
	SealedIDTokens: {table: "upstream_sessions", id: "session_id", value: "id_token", mark: "substr(id_token, 1, 9)",
		place: "upstream || ' ' || issuer || ' ' || subject", where: "id_token IS NOT NULL"},
	DerivedPasswords: {table: "credentials", id: "id", mark: "substr(data, 1, 11)",
		where: "kind = 'password' AND substr(data, 1, 3) = 'v2$'", text: true, derived: true},
	DerivedSecrets: {table: "client_secrets", id: "id", mark: "master_key", where: "id >= ''", text: true, derived: true},
}

// SealedMark is what the values of a column say of the master key that sealed them.
type SealedMark struct {
	Column SealedColumn
	Head   []byte // the first bytes of a sealed value; nil where the value is too short or broken
	Text   string // of a derived value: the id in front of the hash, the key's id beside a MAC
	stored any
}

// SealedMarks lists the different marks of a column's values: an index lookup for each mark, however many rows have it.
func (db *DB) SealedMarks(ctx context.Context, column SealedColumn) ([]SealedMark, error) {
	c := sealedColumns[column]
	var marks []SealedMark
	var after any = []byte{}
	if c.text {
		after = ""
	}
	for sign := ">="; ; sign = ">" {
		query := fmt.Sprintf("SELECT %s FROM %s WHERE %s AND %s %s $1 ORDER BY %s LIMIT 1", c.mark, c.table, c.where, c.mark, sign, c.mark)
		m, err := db.sealedMark(ctx, query, after, column)
		if errors.Is(err, ErrNotFound) {
			return marks, nil
		}
		if err != nil {
			return nil, err
		}
		after = m.stored
		marks = append(marks, m)
	}
}

func (db *DB) sealedMark(ctx context.Context, query string, after any, column SealedColumn) (m SealedMark, err error) {
	c := sealedColumns[column]
	m.Column = column
	var head []byte
	if c.text {
		var text string
		err = db.one(ctx, query, []any{after}, &text)
		m.stored = text
		if c.derived {
			m.Text = text
			return m, err
		}
		head, _ = base64.RawStdEncoding.DecodeString(text) // what cannot be decoded has no head
	} else {
		var raw []byte
		err = db.one(ctx, query, []any{after}, &raw)
		head = append([]byte{}, raw...)
		m.stored = head
	}
	if len(head) == sealedHead {
		m.Head = head
	}
	return m, err
}

// CountSealed is how many values have a mark.
func (db *DB) CountSealed(ctx context.Context, m SealedMark) (n int64, err error) {
	c := sealedColumns[m.Column]
	err = db.one(ctx, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s AND %s = $1", c.table, c.where, c.mark), []any{m.stored}, &n)
	return n, err
}

// SealedValue is one sealed value.
type SealedValue struct {
	Column SealedColumn
	ID     string // of the row
	Place  string // the row's name in the additional data of the seal
	Value  []byte // nil where it cannot be decoded
	stored any
}

// SealedValues pages through the values with a mark, by id after the given one. It never returns derived ones.
func (db *DB) SealedValues(ctx context.Context, m SealedMark, after string, limit int) ([]SealedValue, error) {
	c := sealedColumns[m.Column]
	if c.derived {
		return nil, nil
	}
	query := fmt.Sprintf("SELECT %s, %s, %s FROM %s WHERE %s AND %s = $1 AND %s > $2 ORDER BY %s LIMIT $3",
		c.id, c.place, c.value, c.table, c.where, c.mark, c.id, c.id)
	var list []SealedValue
	err := db.many(ctx, query, []any{m.stored, after, limit}, func(rows *sql.Rows) error {
		v := SealedValue{Column: m.Column}
		if c.text {
			var text string
			if err := rows.Scan(&v.ID, &v.Place, &text); err != nil {
				return err
			}
			v.stored = text
			v.Value, _ = base64.RawStdEncoding.DecodeString(text) // what cannot be decoded is damaged: the caller says so
		} else {
			var raw []byte
			if err := rows.Scan(&v.ID, &v.Place, &raw); err != nil {
				return err
			}
			v.Value = bytes.Clone(raw)
			v.stored = v.Value
		}
		list = append(list, v)
		return nil
	})
	return list, err
}

// ReplaceSealed writes a value anew, compare-and-swap on the one that was read; ErrStale. A nil value forgets it: messages,
// deliveries and salts are deleted, tokens and secrets of webhooks and settings dropped, an authenticator app stays and fits no code.
func (db *DB) ReplaceSealed(ctx context.Context, v SealedValue, sealed []byte) error {
	c := sealedColumns[v.Column]
	where := fmt.Sprintf(" WHERE %s = $1 AND %s = $2", c.id, c.value)
	var value any = sealed
	switch {
	case sealed == nil && (v.Column == SealedKeys || v.Column == SealedFurtherKeys):
		return errors.New("a signing key is not dropped here: rotate it")
	case sealed == nil && (v.Column == SealedMessages || v.Column == SealedDeliveries || v.Column == SealedSalts):
		return db.must(ctx, ErrStale, "DELETE FROM "+c.table+where, v.ID, v.stored)
	case c.text:
		value = base64.RawStdEncoding.EncodeToString(sealed)
	case sealed == nil:
		value = nil
	}
	return db.must(ctx, ErrStale, fmt.Sprintf("UPDATE %s SET %s = $3", c.table, c.value)+where, v.ID, v.stored, value)
}

// UseMasterKey notes that a server signs and seals with a master key at that time.
func (db *DB) UseMasterKey(ctx context.Context, id string, now time.Time) error {
	_, err := db.exec(ctx, `INSERT INTO master_keys (id, used_at) VALUES ($1, $2)
		ON CONFLICT (id) DO UPDATE SET used_at = excluded.used_at WHERE master_keys.used_at < excluded.used_at`, id, micros(now))
	return err
}

// MasterKeys is when servers last used each master key in the first place.
func (db *DB) MasterKeys(ctx context.Context) (map[string]time.Time, error) {
	used := map[string]time.Time{}
	err := db.many(ctx, "SELECT id, used_at FROM master_keys", nil, func(rows *sql.Rows) error {
		var id string
		var at time.Time
		err := rows.Scan(&id, (*stamp)(&at))
		used[id] = at
		return err
	})
	return used, err
}
