package storage

import (
	"context"
	"encoding/json"
	"time"
)

// Client is one stored (not declared) client; package clients knows what the metadata means.
type Client struct {
	ID         string
	Metadata   json.RawMessage
	DisabledAt time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// ClientSecret is one live secret of a client, as a MAC.
type ClientSecret struct {
	ID         string
	ClientID   string
	MAC        string // base64url(HMAC-SHA-256(key from the master key, secret))
	CreatedAt  time.Time
	LastUsedAt time.Time
	ExpiresAt  time.Time // zero = does not expire
}

// InsertClient; ErrConflict. All client and secret writes raise the "clients" version in the same transaction.
func (db *DB) InsertClient(ctx context.Context, c Client) error { panic("unbuilt") }

// UpdateClient replaces metadata and disabled_at; ErrNotFound.
func (db *DB) UpdateClient(ctx context.Context, c Client) error { panic("unbuilt") }

// DeleteClient removes the client, its secrets and consents, and revokes its grants ("client deleted"), one transaction.
func (db *DB) DeleteClient(ctx context.Context, id string, now time.Time) error { panic("unbuilt") }

// ClientByID with its secrets (expired ones included); ErrNotFound.
func (db *DB) ClientByID(ctx context.Context, id string) (Client, []ClientSecret, error) {
	panic("unbuilt")
}

// Clients pages by id.
func (db *DB) Clients(ctx context.Context, after string, limit int) ([]Client, error) {
	panic("unbuilt")
}

// InsertClientSecret adds one and (keepUntil) makes all others of the client expire at keepUntil at the latest.
func (db *DB) InsertClientSecret(ctx context.Context, s ClientSecret, keepUntil time.Time) error {
	panic("unbuilt")
}

// TouchClientSecret notes its use (at most once an hour, off the request path; does not raise the version).
func (db *DB) TouchClientSecret(ctx context.Context, id string, now time.Time) error {
	panic("unbuilt")
}

// Resource is one stored API that access tokens are for (RFC 8707).
type Resource struct {
	Identifier     string
	Name           string
	Scopes         []string
	IntrospectedBy []string // client ids
	CreatedAt      time.Time
}

// PutResource inserts or replaces; raises the "resources" version.
func (db *DB) PutResource(ctx context.Context, r Resource) error { panic("unbuilt") }

// DeleteResource; ErrNotFound.
func (db *DB) DeleteResource(ctx context.Context, identifier string) error { panic("unbuilt") }

// Resources lists all (there are few).
func (db *DB) Resources(ctx context.Context) ([]Resource, error) { panic("unbuilt") }

// Versions are the counters that tell replicas to drop what they cached.
type Versions struct{ Clients, Resources, Keys int64 }

// Versions reads them, one SELECT; each replica polls it every second.
func (db *DB) Versions(ctx context.Context) (Versions, error) { panic("unbuilt") }
