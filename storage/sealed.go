package storage

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"signet/storage/sealed"
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

var sealedColumns = map[sealed.Column]sealedColumn{
	sealed.Keys:        {table: "keys", id: "kid", value: "sealed", place: "kid", mark: "substr(sealed, 1, 9)", where: "kid >= ''"},
	sealed.FurtherKeys: {table: "further_keys", id: "kid", value: "sealed", place: "kid", mark: "substr(sealed, 1, 9)", where: "kid >= ''"},
	sealed.Secrets: {table: "client_secrets", id: "id", value: "sealed", place: "id", mark: "substr(sealed, 1, 9)",
		where: "sealed IS NOT NULL"},
	sealed.Messages:   {table: "messages", id: "id", value: "sealed", place: "id", mark: "substr(sealed, 1, 9)", where: "id >= ''"},
	sealed.Deliveries: {table: "deliveries", id: "id", value: "sealed", place: "id", mark: "substr(sealed, 1, 9)", where: "id >= ''"},
	sealed.Salts:      {table: "salts", id: "name", value: "sealed", place: "name", mark: "substr(sealed, 1, 9)", where: "name >= ''"},
	sealed.Webhooks: {table: "webhooks", id: "id", value: "sealed", place: "id", mark: "substr(sealed, 1, 9)",
		where: "sealed IS NOT NULL"},
	sealed.Settings: {table: "settings", id: "id", value: "sealed", place: "id", mark: "substr(sealed, 1, 9)",
		where: "sealed IS NOT NULL"},
	sealed.Authenticator: {table: "credentials", id: "id", value: "data", place: "id", mark: "substr(data, 1, 12)",
		where: "kind = 'totp'", text: true},
	sealed.Tokens: {table: "identities", id: "id", value: "tokens", place: "id", mark: "substr(tokens, 1, 9)", where: "tokens IS NOT NULL"},
	sealed.IDTokens: {table: "upstream_sessions", id: "session_id", value: "id_token", mark: "substr(id_token, 1, 9)",
		place: "upstream || ' ' || issuer || ' ' || subject", where: "id_token IS NOT NULL"},
	sealed.DerivedPasswords: {table: "credentials", id: "id", mark: "substr(data, 1, 11)",
		where: "kind = 'password' AND substr(data, 1, 3) = 'v2$'", text: true, derived: true},
	sealed.DerivedSecrets: {table: "client_secrets", id: "id", mark: "master_key", where: "id >= ''", text: true, derived: true},
}

// SealedMarks lists the different marks of a column's values: an index lookup for each mark, however many rows have it.
func (db *DB) SealedMarks(ctx context.Context, column sealed.Column) ([]sealed.Mark, error) {
	c := sealedColumns[column]
	var marks []sealed.Mark
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
		after = m.Stored
		marks = append(marks, m)
	}
}

func (db *DB) sealedMark(ctx context.Context, query string, after any, column sealed.Column) (m sealed.Mark, err error) {
	c := sealedColumns[column]
	m.Column = column
	var head []byte
	if c.text {
		var text string
		err = db.one(ctx, query, []any{after}, &text)
		m.Stored = text
		if c.derived {
			m.Text = text
			return m, err
		}
		head, _ = base64.RawStdEncoding.DecodeString(text) // what cannot be decoded has no head
	} else {
		var raw []byte
		err = db.one(ctx, query, []any{after}, &raw)
		head = append([]byte{}, raw...)
		m.Stored = head
	}
	if len(head) == sealedHead {
		m.Head = head
	}
	return m, err
}

// CountSealed is how many values have a mark.
func (db *DB) CountSealed(ctx context.Context, m sealed.Mark) (n int64, err error) {
	c := sealedColumns[m.Column]
	err = db.one(ctx, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s AND %s = $1", c.table, c.where, c.mark), []any{m.Stored}, &n)
	return n, err
}

// SealedValues pages through the values with a mark, by id after the given one. It never returns derived ones.
func (db *DB) SealedValues(ctx context.Context, m sealed.Mark, after string, limit int) ([]sealed.Value, error) {
	c := sealedColumns[m.Column]
	if c.derived {
		return nil, nil
	}
	query := fmt.Sprintf("SELECT %s, %s, %s FROM %s WHERE %s AND %s = $1 AND %s > $2 ORDER BY %s LIMIT $3",
		c.id, c.place, c.value, c.table, c.where, c.mark, c.id, c.id)
	var list []sealed.Value
	err := db.many(ctx, query, []any{m.Stored, after, limit}, func(rows *sql.Rows) error {
		v := sealed.Value{Column: m.Column}
		if c.text {
			var text string
			if err := rows.Scan(&v.ID, &v.Place, &text); err != nil {
				return err
			}
			v.Stored = text
			v.Value, _ = base64.RawStdEncoding.DecodeString(text) // what cannot be decoded is damaged: the caller says so
		} else {
			var raw []byte
			if err := rows.Scan(&v.ID, &v.Place, &raw); err != nil {
				return err
			}
			v.Value = bytes.Clone(raw)
			v.Stored = v.Value
		}
		list = append(list, v)
		return nil
	})
	return list, err
}

// ReplaceSealed writes a value anew, compare-and-swap on the one that was read; ErrStale. A nil value forgets it: messages,
// deliveries and salts are deleted, tokens and secrets of webhooks and settings dropped, an authenticator app stays and fits no code.
func (db *DB) ReplaceSealed(ctx context.Context, v sealed.Value, anew []byte) error {
	c := sealedColumns[v.Column]
	where := fmt.Sprintf(" WHERE %s = $1 AND %s = $2", c.id, c.value)
	var value any = anew
	switch {
	case anew == nil && (v.Column == sealed.Keys || v.Column == sealed.FurtherKeys):
		return errors.New("a signing key is not dropped here: rotate it")
	case anew == nil && (v.Column == sealed.Messages || v.Column == sealed.Deliveries || v.Column == sealed.Salts):
		return db.must(ctx, ErrStale, "DELETE FROM "+c.table+where, v.ID, v.Stored)
	case c.text:
		value = base64.RawStdEncoding.EncodeToString(anew)
	case anew == nil:
		value = nil
	}
	return db.must(ctx, ErrStale, fmt.Sprintf("UPDATE %s SET %s = $3", c.table, c.value)+where, v.ID, v.Stored, value)
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
