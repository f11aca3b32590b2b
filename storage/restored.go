package storage

import (
	"context"
	"database/sql"
	"time"
)

// heldText marks what a restore holds back, in last_error.
const heldText = "held by a restore: `signet delivery release` sends it, `signet delivery drop` does not"

// epochsAhead is by how much a restore raises epochs: by more than they can have been raised since the backup, so that nothing that was
// made meanwhile fits again.
const epochsAhead = 1000

// SchemaVersion is the newest applied migration; 0 for an empty database.
func (db *DB) SchemaVersion(ctx context.Context) (int64, error) { return db.schemaVersion(ctx) }

// EndAllAfterRestore ends in a restored database what must not come back to life with it: sessions, everything that people's epochs
// guard (grants, trusted browsers, links), sign-ins and requests in progress, tokens for registration. It returns how many of each kind.
func (db *DB) EndAllAfterRestore(ctx context.Context, now time.Time) (map[string]int64, error) {
	return db.counted(ctx, []countedStatement{
		{"sessions", "UPDATE sessions SET ended_at = $1 WHERE ended_at IS NULL", []any{micros(now)}},
		{"people", "UPDATE users SET epoch = epoch + $1", []any{epochsAhead}},
		{"grants", "UPDATE grants SET revoked_at = $1, revoked_why = 'restored' WHERE revoked_at IS NULL", []any{micros(now)}},
		{"tickets", "DELETE FROM tickets", nil},
		{"tickets", "UPDATE first_run SET state = '', expires_at = NULL WHERE id = 1 AND expires_at IS NOT NULL", nil},
		{"interactions", "DELETE FROM interactions", nil},
		{"waiting", "DELETE FROM waiting", nil},
		{"initial_tokens", "DELETE FROM initial_tokens", nil},
	})
}

// HoldAllAfterRestore keeps a restored database from sending what had waited when the backup was made: it may have been sent since. Emails
// of the given kinds, which hold links and codes, are dropped. Locks of the server that was are given
// back; when it last ran is kept, so that a machine whose clock is years ahead deletes nothing of it.
func (db *DB) HoldAllAfterRestore(ctx context.Context, dropped []string, now time.Time) (map[string]int64, error) {
	var statements []countedStatement
	for _, kind := range dropped {
		statements = append(statements, countedStatement{"emails_dropped", "DELETE FROM messages WHERE kind = $1", []any{kind}})
	}
	for what, table := range map[string]string{"emails_held": "messages", "deliveries_held": "deliveries"} {
		statements = append(statements, countedStatement{what,
			"UPDATE " + table + " SET failed_at = $1, last_error = $2 WHERE failed_at IS NULL", []any{micros(now), heldText}})
	}
	return db.counted(ctx, append(statements, countedStatement{"locks", "DELETE FROM locks WHERE name <> $1", []any{clockRow}}))
}

// EndSecrets ends all secrets of a client; reports how many.
func (db *DB) EndSecrets(ctx context.Context, clientID string) (int64, error) {
	return db.exec(ctx, "DELETE FROM client_secrets WHERE client_id = $1", clientID)
}

// EndSecret is EndSecrets for one.
func (db *DB) EndSecret(ctx context.Context, clientID, id string) (int64, error) {
	return db.exec(ctx, "DELETE FROM client_secrets WHERE client_id = $1 AND id = $2", clientID, id)
}

// DropPassword takes a person's password away; reports how many.
func (db *DB) DropPassword(ctx context.Context, userID string) (int64, error) {
	return db.exec(ctx, "DELETE FROM credentials WHERE user_id = $1 AND kind = 'password'", userID)
}

type countedStatement struct {
	what, query string
	args        []any
}

// counted runs statements in one transaction.
func (db *DB) counted(ctx context.Context, statements []countedStatement) (counts map[string]int64, err error) {
	return counts, db.Tx(ctx, func(ctx context.Context) error {
		counts = map[string]int64{}
		for _, s := range statements {
			n, err := db.exec(ctx, s.query, s.args...)
			if err != nil {
				return err
			}
			counts[s.what] += n
		}
		return nil
	})
}

// heldTables are the tables of what can be held, by what each is called.
var heldTables = map[string]string{"email": "messages", "delivery": "deliveries"}

// Held counts what a restore holds back, by "email KIND" or "delivery KIND".
func (db *DB) Held(ctx context.Context) (map[string]int64, error) {
	counts := map[string]int64{}
	for what, table := range heldTables {
		query := "SELECT kind, count(*) FROM " + table + " WHERE failed_at IS NOT NULL AND last_error = $1 GROUP BY kind"
		err := db.many(ctx, query, []any{heldText}, func(rows *sql.Rows) error {
			var kind string
			var n int64
			err := rows.Scan(&kind, &n)
			counts[what+" "+kind] = n
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// ReleaseHeld has what a restore holds back of a kind sent after all ("" = of every kind), as far as it is not too old, and returns how
// many.
func (db *DB) ReleaseHeld(ctx context.Context, kind string, now time.Time) (int64, error) {
	return db.ofHeld(ctx, "UPDATE ", " SET failed_at = NULL, last_error = '', due_at = $3 WHERE failed_at IS NOT NULL AND last_error = $1 "+
		"AND ($2 = '' OR kind = $2) AND expires_at > $3", heldText, kind, micros(now))
}

// DropHeld deletes what a restore holds back of a kind ("" = of every kind), and returns how many.
func (db *DB) DropHeld(ctx context.Context, kind string) (int64, error) {
	return db.ofHeld(ctx, "DELETE FROM ", " WHERE failed_at IS NOT NULL AND last_error = $1 AND ($2 = '' OR kind = $2)", heldText, kind)
}

func (db *DB) ofHeld(ctx context.Context, verb, rest string, args ...any) (total int64, err error) {
	return total, db.Tx(ctx, func(ctx context.Context) error {
		total = 0
		for _, table := range heldTables {
			n, err := db.exec(ctx, verb+table+rest, args...)
			if err != nil {
				return err
			}
			total += n
		}
		return nil
	})
}
