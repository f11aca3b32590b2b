package storage

import (
	"context"
	"database/sql"
	"time"
)

// PutUpstreamUse notes when something was last so at an upstream; what is older than what is known changes nothing.
func (db *DB) PutUpstreamUse(ctx context.Context, upstream, outcome string, at time.Time, why string) error {
	_, err := db.exec(ctx, `INSERT INTO upstream_uses (upstream, outcome, at, why) VALUES ($1, $2, $3, $4)
		ON CONFLICT (upstream, outcome) DO UPDATE SET at = excluded.at, why = excluded.why WHERE upstream_uses.at < excluded.at`,
		upstream, outcome, micros(at), why)
	return err
}

// UpstreamUses tells each what is known.
func (db *DB) UpstreamUses(ctx context.Context, each func(upstream, outcome string, at time.Time, why string)) error {
	return db.many(ctx, "SELECT upstream, outcome, at, why FROM upstream_uses", nil, func(rows *sql.Rows) error {
		var upstream, outcome, why string
		var at time.Time
		err := rows.Scan(&upstream, &outcome, (*stamp)(&at), &why)
		each(upstream, outcome, at, why)
		return err
	})
}
