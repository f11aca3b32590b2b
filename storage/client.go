package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"gorm.io/gorm"
)

// Client is one stored (not declared) client; package clients knows what the metadata means.
type Client struct {
	ID         string
	Metadata   json.RawMessage `gorm:"serializer:document"`
	DisabledAt time.Time       `gorm:"serializer:micros"`
	CreatedAt  time.Time       `gorm:"serializer:micros;autoCreateTime:false"`
	UpdatedAt  time.Time       `gorm:"serializer:micros;autoUpdateTime:false"`
}

// ClientSecret is one live secret of a client, as a MAC, and sealed if the client signs with it.
type ClientSecret struct {
	ID         string
	ClientID   string
	MAC        string    `gorm:"column:mac"` // base64url(HMAC-SHA-256(key from the master key, secret))
	CreatedAt  time.Time `gorm:"serializer:micros;autoCreateTime:false"`
	LastUsedAt time.Time `gorm:"serializer:micros"`
	ExpiresAt  time.Time `gorm:"serializer:micros"` // zero = does not expire
	MasterKey  string    // id of the master key that the MAC's key was derived from; "" = made before this was noted
	Sealed     []byte    // the secret itself; nil = only its MAC is kept
}

const clientByID = `SELECT c.id, c.metadata, c.disabled_at, c.created_at, c.updated_at,
	s.id, s.client_id, s.mac, s.created_at, s.last_used_at, s.expires_at, s.master_key, s.sealed
	FROM clients c LEFT JOIN client_secrets s ON s.client_id = c.id WHERE c.id = $1 ORDER BY s.created_at DESC, s.id`

// versioned runs fn and raises the named version in one transaction, so that replicas drop what they cached.
func (db *DB) versioned(ctx context.Context, name string, fn func(ctx context.Context) error) error {
	return db.Tx(ctx, func(ctx context.Context) error {
		if err := fn(ctx); err != nil {
			return err
		}
		_, err := db.exec(ctx, "UPDATE versions SET version = version + 1 WHERE name = $1", name)
		return err
	})
}

// noteClientChange writes down which client the present version of "clients" is about. The row of versions is locked since it was
// raised, so versions become visible in their order.
const noteClientChange = `INSERT INTO client_changes (version, client_id, at)
	SELECT v.version, $1, CAST($2 AS BIGINT) FROM versions v WHERE v.name = 'clients'`

// clientChanged is versioned for a write of one client.
func (db *DB) clientChanged(ctx context.Context, id string, at time.Time, fn func(ctx context.Context) error) error {
	return db.Tx(ctx, func(ctx context.Context) error {
		if err := db.versioned(ctx, "clients", fn); err != nil {
			return err
		}
		_, err := db.exec(ctx, noteClientChange, id, micros(at))
		return err
	})
}

// ClientChanges calls each for what was written after a version of "clients", in order: the version, and the client as it is now (only
// ID, Metadata and DisabledAt), or that it is deleted. A version that is missing between two is one that a release wrote which does not
// note what it writes, or that was noted too long ago.
func (db *DB) ClientChanges(ctx context.Context, after int64, limit int, each func(version int64, c Client, deleted bool) error) error {
	return db.many(ctx, `SELECT h.version, h.client_id, c.id IS NULL, c.metadata, c.disabled_at
		FROM client_changes h LEFT JOIN clients c ON c.id = h.client_id WHERE h.version > $1 ORDER BY h.version LIMIT $2`,
		[]any{after, limit}, func(rows *sql.Rows) error {
			var version int64
			var c Client
			var deleted truth
			if err := rows.Scan(&version, &c.ID, &deleted, (*document)(&c.Metadata), (*stamp)(&c.DisabledAt)); err != nil {
				return err
			}
			return each(version, c, bool(deleted))
		})
}

// InsertClient; ErrConflict, ErrNameSpace if it is a person's id. All client and secret writes raise the "clients" version in the same
// transaction, and note the client in client_changes.
func (db *DB) InsertClient(ctx context.Context, c Client) error {
	return db.clientChanged(ctx, c.ID, c.UpdatedAt, func(ctx context.Context) error {
		if err := db.unshared(ctx, isUser, c.ID); err != nil {
			return err
		}
		return db.insert(ctx, &c)
	})
}

// UpdateClient replaces the metadata of a client that has the given one still; ErrStale if not.
func (db *DB) UpdateClient(ctx context.Context, id string, old, metadata json.RawMessage, now time.Time) error {
	return db.clientChanged(ctx, id, now, func(ctx context.Context) error {
		return db.must(ctx, ErrStale, "UPDATE clients SET metadata = $3, updated_at = $4 WHERE id = $1 AND metadata = $2",
			id, jsonText(old), jsonText(metadata), micros(now))
	})
}

// SetClientDisabled sets or (zero time) clears disabled_at and leaves the metadata alone; ErrNotFound.
func (db *DB) SetClientDisabled(ctx context.Context, id string, at, now time.Time) error {
	return db.clientChanged(ctx, id, now, func(ctx context.Context) error {
		return db.must(ctx, ErrNotFound, "UPDATE clients SET disabled_at = $2, updated_at = $3 WHERE id = $1", id, micros(at), micros(now))
	})
}

// DeleteClient removes the client, its secrets and consents, and revokes its grants ("client deleted"), one transaction. A
// client that was declared once has no row, only grants and consents; ErrNotFound if there is nothing of all that.
func (db *DB) DeleteClient(ctx context.Context, id string, now time.Time) error {
	return db.clientChanged(ctx, id, now, func(ctx context.Context) error {
		grants, err := db.RevokeGrants(ctx, GrantFilter{ClientID: id}, "client deleted", now)
		if err != nil {
			return err
		}
		// whoever is registered with the id next has not asked for it
		if _, err := db.exec(ctx, "DELETE FROM waiting WHERE client_id = $1", id); err != nil {
			return err
		}
		_, err = db.exec(ctx, `INSERT INTO ended_status (status_index, ended_at)
			SELECT status_index, CAST($2 AS BIGINT) FROM client_status WHERE client_id = $1`, id, micros(now))
		if err != nil {
			return err
		}
		if _, err := db.exec(ctx, "DELETE FROM client_status WHERE client_id = $1", id); err != nil {
			return err
		}
		consents, err := db.exec(ctx, "DELETE FROM consents WHERE client_id = $1", id)
		if err != nil {
			return err
		}
		rows, err := db.exec(ctx, "DELETE FROM clients WHERE id = $1", id) // its secrets go with it
		if err == nil && grants+consents+rows == 0 {
			return ErrNotFound
		}
		return err
	})
}

// UnknownClients lists those of the ids that no client has.
func (db *DB) UnknownClients(ctx context.Context, ids ...string) (unknown []string, err error) {
	for _, id := range ids {
		if _, _, err := db.ClientByID(ctx, id); errors.Is(err, ErrNotFound) {
			unknown = append(unknown, id)
		} else if err != nil {
			return nil, err
		}
	}
	return unknown, nil
}

// ClientByID with its secrets (expired ones included); ErrNotFound.
func (db *DB) ClientByID(ctx context.Context, id string) (Client, []ClientSecret, error) {
	var c Client
	var secrets []ClientSecret
	found := false
	err := db.many(ctx, clientByID, []any{id}, func(rows *sql.Rows) error {
		var s ClientSecret
		found = true
		err := rows.Scan(&c.ID, (*document)(&c.Metadata), (*stamp)(&c.DisabledAt), (*stamp)(&c.CreatedAt), (*stamp)(&c.UpdatedAt),
			(*optional)(&s.ID), (*optional)(&s.ClientID), (*optional)(&s.MAC),
			(*stamp)(&s.CreatedAt), (*stamp)(&s.LastUsedAt), (*stamp)(&s.ExpiresAt), (*optional)(&s.MasterKey), &s.Sealed)
		if s.ID != "" {
			secrets = append(secrets, s)
		}
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return c, secrets, err
}

// Clients pages by id.
func (db *DB) Clients(ctx context.Context, after string, limit int) ([]Client, error) {
	var list []Client
	err := db.many(ctx, "SELECT id, metadata, disabled_at, created_at, updated_at FROM clients WHERE id > $1 ORDER BY id LIMIT $2",
		[]any{after, limit}, func(rows *sql.Rows) error {
			var c Client
			err := rows.Scan(&c.ID, (*document)(&c.Metadata), (*stamp)(&c.DisabledAt), (*stamp)(&c.CreatedAt), (*stamp)(&c.UpdatedAt))
			list = append(list, c)
			return err
		})
	return list, err
}

// InsertClientSecret adds one and (keepUntil) makes all others of the client expire at keepUntil at the latest.
// A zero keepUntil ends the others at once.
func (db *DB) InsertClientSecret(ctx context.Context, s ClientSecret, keepUntil time.Time) error {
	return db.clientChanged(ctx, s.ClientID, s.CreatedAt, func(ctx context.Context) error {
		_, err := db.exec(ctx, "UPDATE client_secrets SET expires_at = $2 WHERE client_id = $1 AND (expires_at IS NULL OR expires_at > $2)",
			s.ClientID, keepUntil.UnixMicro())
		if err != nil {
			return err
		}
		if err := db.insert(ctx, &s); err != nil {
			return err
		}
		_, err = db.exec(ctx, `DELETE FROM client_secrets WHERE client_id = $1 AND id NOT IN
			(SELECT id FROM client_secrets WHERE client_id = $1 ORDER BY created_at DESC, id LIMIT $2)`, s.ClientID, mostSecrets)
		return err
	})
}

// RemoveClientSecret deletes one. ErrNotFound; ErrConflict where it is the last that is valid.
func (db *DB) RemoveClientSecret(ctx context.Context, clientID, id string, now time.Time) error {
	return db.clientChanged(ctx, clientID, now, func(ctx context.Context) error {
		// whoever removes another one at the same time waits here, and then sees that this one is gone
		if err := db.must(ctx, ErrNotFound, "UPDATE clients SET updated_at = $2 WHERE id = $1", clientID, micros(now)); err != nil {
			return err
		}
		removed, err := db.exec(ctx, `DELETE FROM client_secrets WHERE client_id = $1 AND id = $2 AND (expires_at <= $3 OR EXISTS
			(SELECT 1 FROM client_secrets o WHERE o.client_id = $1 AND o.id <> $2 AND (o.expires_at IS NULL OR o.expires_at > $3)))`,
			clientID, id, now.UnixMicro())
		if err != nil || removed > 0 {
			return err
		}
		found := ""
		err = db.one(ctx, "SELECT id FROM client_secrets WHERE client_id = $1 AND id = $2", []any{clientID, id}, &found)
		if err == nil {
			err = ErrConflict
		}
		return err
	})
}

// mostSecrets is how many an app has: each request that authenticates reads them all, and who rotates by a clock keeps them for long.
const mostSecrets = 20

// TouchClientSecret notes its use (off the request path; does not raise the version). With the MAC that was read it also writes a
// new one, made under another master key, unless the secret was changed meanwhile.
func (db *DB) TouchClientSecret(ctx context.Context, s ClientSecret, oldMAC string) error {
	if oldMAC == "" {
		_, err := db.exec(ctx, "UPDATE client_secrets SET last_used_at = $2 WHERE id = $1", s.ID, micros(s.LastUsedAt))
		return err
	}
	_, err := db.exec(ctx, `UPDATE client_secrets SET last_used_at = $2, mac = CASE WHEN mac = $3 THEN $4 ELSE mac END,
		master_key = CASE WHEN mac = $3 THEN $5 ELSE master_key END WHERE id = $1`, s.ID, micros(s.LastUsedAt), oldMAC, s.MAC, s.MasterKey)
	return err
}

// Resource is one stored API that access tokens are for (RFC 8707).
type Resource struct {
	Identifier     string `gorm:"primaryKey"`
	Name           string
	Scopes         []string  `gorm:"serializer:words"`
	ScopeDetails   string    // JSON, "" = none: what it says about its scopes
	IntrospectedBy []string  `gorm:"serializer:words"` // client ids
	ExchangedBy    []string  `gorm:"serializer:words"` // client ids
	SignIn         string    // JSON, "" = none: how people have to sign in for it
	DetailsTypes   string    // JSON, "" = none: the types of authorization details that it takes
	IsOpen         bool      // for clients that nobody registered, known by their metadata documents
	CreatedAt      time.Time `gorm:"serializer:micros;autoCreateTime:false"`
}

// InsertResource; ErrConflict. Resource writes raise the "resources" version.
func (db *DB) InsertResource(ctx context.Context, r Resource) error {
	return db.versioned(ctx, "resources", func(ctx context.Context) error {
		return db.must(ctx, ErrConflict, `INSERT INTO resources
			(identifier, name, scopes, introspected_by, created_at, scope_details, exchanged_by, sign_in, details_types, is_open)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			r.Identifier, r.Name, join(r.Scopes), join(r.IntrospectedBy), micros(r.CreatedAt), r.ScopeDetails, join(r.ExchangedBy), r.SignIn,
			r.DetailsTypes, r.IsOpen)
	})
}

// UpdateResource writes all but identifier and created_at of a resource that is as it was read still (old); ErrStale if not.
func (db *DB) UpdateResource(ctx context.Context, old, r Resource) error {
	return db.versioned(ctx, "resources", func(ctx context.Context) error {
		return db.must(ctx, ErrStale, `UPDATE resources
			SET name = $10, scopes = $11, introspected_by = $12, scope_details = $13, exchanged_by = $14, sign_in = $15, details_types = $16,
			is_open = $17
			WHERE identifier = $1 AND name = $2 AND scopes = $3 AND introspected_by = $4 AND scope_details = $5 AND exchanged_by = $6
			AND sign_in = $7 AND details_types = $8 AND is_open = $9`,
			old.Identifier, old.Name, join(old.Scopes), join(old.IntrospectedBy), old.ScopeDetails, join(old.ExchangedBy), old.SignIn,
			old.DetailsTypes, old.IsOpen,
			r.Name, join(r.Scopes), join(r.IntrospectedBy), r.ScopeDetails, join(r.ExchangedBy), r.SignIn, r.DetailsTypes, r.IsOpen)
	})
}

// DeleteResource; ErrNotFound.
func (db *DB) DeleteResource(ctx context.Context, identifier string) error {
	return db.versioned(ctx, "resources", func(ctx context.Context) error {
		return db.must(ctx, ErrNotFound, "DELETE FROM resources WHERE identifier = $1", identifier)
	})
}

// Resources lists all (there are few).
func (db *DB) Resources(ctx context.Context) ([]Resource, error) {
	var list []Resource
	err := db.ask(ctx, func(q *gorm.DB) error { return q.Order("identifier").Find(&list).Error })
	return list, err
}

// Versions are the counters that tell replicas to drop what they cached.
type Versions struct{ Clients, Resources, Keys, Settings int64 }

// Versions reads them, one SELECT; each replica polls it every second.
func (db *DB) Versions(ctx context.Context) (Versions, error) {
	var v Versions
	err := db.many(ctx, "SELECT name, version FROM versions", nil, func(rows *sql.Rows) error {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return err
		}
		switch name {
		case "clients":
			v.Clients = n
		case "resources":
			v.Resources = n
		case "keys":
			v.Keys = n
		case "settings":
			v.Settings = n
		}
		return nil
	})
	return v, err
}
