// Package expired names the tables whose rows expire. What is expired in each, and its deletion, are storage's: DB.DeleteExpired.
package expired

// Table names a table the janitor clears.
type Table string

// What expires. Grants go when their last access token has been dead for an hour: the caller passes before accordingly
// (rows whose code was never spent, that are revoked, idle or past ends_at).
const (
	Grants        Table = "grants"
	Sessions      Table = "sessions"
	Interactions  Table = "interactions"
	RevokedTokens Table = "revoked_tokens"
	Replay        Table = "replay"
	Counters      Table = "counters"
	Secrets       Table = "client_secrets"
	Tickets       Table = "tickets"
	Messages      Table = "messages"
	Deliveries    Table = "deliveries"
	ClientChanges Table = "client_changes"
	InitialTokens Table = "initial_tokens"
	Waiting       Table = "waiting"
	Status        Table = "ended_status"
	Traces        Table = "traces"
	Answers       Table = "idempotency_keys"
	APIKeys       Table = "api_keys"
)
