package storage

import (
	"context"
	"database/sql"
	"time"
)

// NoteSessionClient writes that a client was used in a session. The first time counts; of a session that is gone nothing is written.
func (db *DB) NoteSessionClient(ctx context.Context, sessionID, clientID string, now time.Time) error {
	_, err := db.exec(ctx, `INSERT INTO session_clients (session_id, client_id, since)
		SELECT id, CAST($2 AS TEXT), CAST($3 AS BIGINT) FROM sessions WHERE id = $1 ON CONFLICT DO NOTHING`, sessionID, clientID, micros(now))
	return err
}

// ClientsOfSession lists the clients that were used in a session, ended or not, with its person, the latest first, at most limit.
func (db *DB) ClientsOfSession(ctx context.Context, sessionID string, limit int) ([]GrantPair, error) {
	var list []GrantPair
	err := db.many(ctx, `SELECT s.user_id, c.client_id FROM session_clients c JOIN sessions s ON s.id = c.session_id
		WHERE c.session_id = $1 ORDER BY c.since DESC, c.client_id LIMIT $2`, []any{sessionID, limit}, func(rows *sql.Rows) error {
		var p GrantPair
		err := rows.Scan(&p.UserID, &p.ClientID)
		list = append(list, p)
		return err
	})
	return list, err
}

// TakeSessionsOfClient removes a client from a person's sessions that have not ended and returns their ids.
func (db *DB) TakeSessionsOfClient(ctx context.Context, p GrantPair) ([]string, error) {
	var ids []string
	err := db.returning(ctx, `DELETE FROM session_clients WHERE client_id = $2 AND session_id IN
		(SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL) RETURNING session_id`,
		[]any{p.UserID, p.ClientID}, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
	return ids, err
}
