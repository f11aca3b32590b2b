package storage

import (
	"context"
	"time"
)

// Expirable names a table the janitor clears.
type Expirable string

// What expires. Grants go when their last access token has been dead for an hour: the caller passes before accordingly
// (rows whose code was never spent, that are revoked, idle or past ends_at).
const (
	ExpiredGrants        Expirable = "grants"
	ExpiredSessions      Expirable = "sessions"
	ExpiredInteractions  Expirable = "interactions"
	ExpiredRevokedTokens Expirable = "revoked_tokens"
	ExpiredReplay        Expirable = "replay"
	ExpiredCounters      Expirable = "counters"
	ExpiredSecrets       Expirable = "client_secrets"
	ExpiredEvents        Expirable = "events"
)

// Expirables lists them all.
func Expirables() []Expirable {
	return []Expirable{ExpiredGrants, ExpiredSessions, ExpiredInteractions, ExpiredRevokedTokens, ExpiredReplay, ExpiredCounters, ExpiredSecrets, ExpiredEvents}
}

// DeleteExpired removes at most limit rows that expired before the given time and returns how many went.
func (db *DB) DeleteExpired(ctx context.Context, what Expirable, before time.Time, limit int) (int64, error) {
	panic("unbuilt")
}
