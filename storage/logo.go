package storage

import (
	"context"
	"database/sql"
	"time"
)

// Logo is the picture of a client as pages show it.
type Logo struct {
	ClientID string
	URI      string    // where it was fetched
	Hash     string    // of the picture; "" = there is none
	Picture  []byte    // PNG; not read by Logos; nil in PutLogo leaves the one there is
	DueAt    time.Time // when it is to be fetched again
}

// Logos lists all of them without their pictures.
func (db *DB) Logos(ctx context.Context) ([]Logo, error) {
	var list []Logo
	err := db.many(ctx, "SELECT client_id, uri, hash, due_at FROM logos WHERE client_id > '' ORDER BY client_id", nil,
		func(rows *sql.Rows) error {
			var l Logo
			err := rows.Scan(&l.ClientID, &l.URI, &l.Hash, (*stamp)(&l.DueAt))
			list = append(list, l)
			return err
		})
	return list, err
}

// LogoPicture reads a client's picture of the given hash; ErrNotFound.
func (db *DB) LogoPicture(ctx context.Context, clientID, hash string) ([]byte, error) {
	var picture []byte
	err := db.one(ctx, "SELECT picture FROM logos WHERE client_id = $1 AND hash = $2 AND hash <> ''", []any{clientID, hash}, &picture)
	return picture, err
}

// PutLogo writes or replaces a client's.
func (db *DB) PutLogo(ctx context.Context, l Logo) error {
	_, err := db.exec(ctx, `INSERT INTO logos (client_id, uri, hash, picture, due_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (client_id) DO UPDATE SET uri = $2, hash = $3, due_at = $5,
		picture = CASE WHEN $3 = '' THEN NULL WHEN logos.hash = $3 THEN logos.picture ELSE $4 END`,
		l.ClientID, l.URI, l.Hash, l.Picture, micros(l.DueAt))
	return err
}

// DeleteLogo removes a client's; done twice is done.
func (db *DB) DeleteLogo(ctx context.Context, clientID string) error {
	_, err := db.exec(ctx, "DELETE FROM logos WHERE client_id = $1", clientID)
	return err
}
