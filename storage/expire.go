package storage

import (
	"context"
	"fmt"
	"time"

	"signet/storage/expired"
)

// Expirables lists what DeleteExpired knows.
func (*DB) Expirables() []expired.Table {
	return []expired.Table{
		expired.Grants, expired.Sessions, expired.Interactions, expired.RevokedTokens, expired.Replay, expired.Counters, expired.Secrets,
		expired.Tickets, expired.Messages, expired.Deliveries, expired.ClientChanges, expired.InitialTokens, expired.Waiting, expired.Status,
		expired.Traces, expired.Answers, expired.APIKeys,
	}
}

// expirations say which rows of a table are expired before $1, and by which key they are deleted.
var expirations = map[expired.Table]struct{ key, where string }{
	expired.Grants:        {"id", "expires_at < $1"}, // revocation and the absolute limit lower expires_at, see grant.go
	expired.Sessions:      {"id", "expires_at < $1"},
	expired.Interactions:  {"id", "expires_at < $1"},
	expired.RevokedTokens: {"jti", "expires_at < $1"},
	expired.Replay:        {"kind, owner, id_hash", "expires_at < $1"},
	expired.Counters:      {"key", "resets_at < $1"},
	expired.Secrets:       {"id", "expires_at < $1"},
	expired.Tickets:       {"id", "expires_at < $1"},
	expired.Messages:      {"id", "expires_at < $1"},
	expired.Deliveries:    {"id", "expires_at < $1"},
	expired.ClientChanges: {"version", "at < $1"},
	expired.InitialTokens: {"id", "expires_at < $1"},
	expired.Waiting:       {"id_hash", "expires_at < $1"},
	expired.Status:        {"status_index", "ended_at < $1"},
	expired.Traces:        {"reference", "expires_at < $1"},
	expired.Answers:       {"id", "expires_at < $1"},
	expired.APIKeys:       {"id", "expires_at < $1"},
}

// DeleteExpired removes at most limit rows that expired before the given time and returns how many went. A session that
// merely expired revokes no grant. Events go by DeleteEvents.
func (db *DB) DeleteExpired(ctx context.Context, what expired.Table, before time.Time, limit int) (gone int64, err error) {
	x, ok := expirations[what]
	if !ok {
		return 0, fmt.Errorf("%q does not expire", what)
	}
	query := fmt.Sprintf("DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE %[3]s LIMIT $2)", what, x.key, x.where)
	return db.exec(ctx, query, micros(before), limit)
}
