package storage

import (
	"context"
	"fmt"
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
	ExpiredTickets       Expirable = "tickets"
	ExpiredMessages      Expirable = "messages"
	ExpiredDeliveries    Expirable = "deliveries"
	ExpiredClientChanges Expirable = "client_changes"
	ExpiredInitialTokens Expirable = "initial_tokens"
	ExpiredWaiting       Expirable = "waiting"
	ExpiredStatus        Expirable = "ended_status"
	expiredTraces        Expirable = "traces"
	expiredAnswers       Expirable = "idempotency_keys"
	expiredAPIKeys       Expirable = "api_keys"
)

// Expirables lists what DeleteExpired knows.
func (*DB) Expirables() []Expirable {
	return []Expirable{ExpiredGrants, ExpiredSessions, ExpiredInteractions, ExpiredRevokedTokens, ExpiredReplay, ExpiredCounters,
		ExpiredSecrets,
		ExpiredTickets, ExpiredMessages, ExpiredDeliveries, ExpiredClientChanges, ExpiredInitialTokens,
		ExpiredWaiting, ExpiredStatus, expiredTraces, expiredAnswers, expiredAPIKeys}
}

// expired says which rows of a table are expired before $1, and by which key they are deleted.
var expired = map[Expirable]struct{ key, where string }{
	ExpiredGrants:        {"id", "expires_at < $1"}, // revocation and the absolute limit lower expires_at, see grant.go
	ExpiredSessions:      {"id", "expires_at < $1"},
	ExpiredInteractions:  {"id", "expires_at < $1"},
	ExpiredRevokedTokens: {"jti", "expires_at < $1"},
	ExpiredReplay:        {"kind, owner, id_hash", "expires_at < $1"},
	ExpiredCounters:      {"key", "resets_at < $1"},
	ExpiredSecrets:       {"id", "expires_at < $1"},
	ExpiredTickets:       {"id", "expires_at < $1"},
	ExpiredMessages:      {"id", "expires_at < $1"},
	ExpiredDeliveries:    {"id", "expires_at < $1"},
	ExpiredClientChanges: {"version", "at < $1"},
	ExpiredInitialTokens: {"id", "expires_at < $1"},
	ExpiredWaiting:       {"id_hash", "expires_at < $1"},
	ExpiredStatus:        {"status_index", "ended_at < $1"},
	expiredTraces:        {"reference", "expires_at < $1"},
	expiredAnswers:       {"id", "expires_at < $1"},
	expiredAPIKeys:       {"id", "expires_at < $1"},
}

// DeleteExpired removes at most limit rows that expired before the given time and returns how many went. A session that
// merely expired revokes no grant. Events go by DeleteEvents.
func (db *DB) DeleteExpired(ctx context.Context, what Expirable, before time.Time, limit int) (gone int64, err error) {
	x, ok := expired[what]
	if !ok {
		return 0, fmt.Errorf("%q does not expire", what)
	}
	query := fmt.Sprintf("DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE %[3]s LIMIT $2)", what, x.key, x.where)
	return db.exec(ctx, query, micros(before), limit)
}
