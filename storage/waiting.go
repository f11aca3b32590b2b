package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// Waiting is what an app waits for while a person decides elsewhere (RFC 8628). Of the code that the app polls with only a hash is kept.
type Waiting struct {
	IDHash    string
	Kind      string // how it was asked for: what is of one kind is not found as another
	UserCode  string // what the person types, without separators; "" = none
	ClientID  string
	Owner     string // whom it is counted for
	Request   json.RawMessage
	UserID    string // who decided; "" = nobody yet
	State     string // "pending", "approved" or "denied"
	Interval  time.Duration
	Early     bool   // the last poll came before its time
	Network   string // where the app asked from
	Address   string // … which address of that network: by it those of an owner give way; "" = none
	Agent     string // … and with which program
	CreatedAt time.Time
	ExpiresAt time.Time
}

const waitingColumns = `id_hash, kind, user_code, client_id, owner, request, user_id, state, interval_s, early, network, agent, created_at,
	expires_at, address`

func (w *Waiting) dest() []any {
	return []any{
		&w.IDHash, &w.Kind, (*optional)(&w.UserCode), &w.ClientID, &w.Owner, (*document)(&w.Request), (*optional)(&w.UserID), &w.State,
		(*seconds)(&w.Interval), (*truth)(&w.Early), &w.Network, &w.Agent, (*stamp)(&w.CreatedAt), (*stamp)(&w.ExpiresAt),
		&w.Address,
	}
}

const insertWaiting = `INSERT INTO waiting (id_hash, kind, user_code, client_id, owner, request, state, interval_s, polled_at, network,
	agent, created_at, expires_at, address)
	SELECT $1, $2, CAST($3 AS TEXT), $4, $5, $6, 'pending', CAST($7 AS BIGINT), 0, $8, $9, CAST($10 AS BIGINT), CAST($11 AS BIGINT),
		CAST($13 AS TEXT)
	WHERE (SELECT count(*) FROM waiting WHERE owner = $5 AND kind = $2 AND state = 'pending' AND expires_at > CAST($10 AS BIGINT))
		< CAST($12 AS BIGINT)`

// pollWaiting is the one statement that decides over replicas whether a poll came too soon. One that did moves the interval up to a limit,
// and not the time that is counted from: whoever waits as long as told gets an answer. What is decided is answered at once.
const pollWaiting = `UPDATE waiting SET
	early = CASE WHEN state = 'pending' AND polled_at + interval_s * 1000000 > $4 THEN 1 ELSE 0 END,
	interval_s = CASE WHEN state = 'pending' AND polled_at + interval_s * 1000000 > $4 AND interval_s < $5 THEN interval_s + $6
		ELSE interval_s END,
	polled_at = CASE WHEN state = 'pending' AND polled_at + interval_s * 1000000 > $4 THEN polled_at ELSE $4 END
	WHERE id_hash = $1 AND kind = $2 AND client_id = $3 RETURNING ` + waitingColumns

const (
	slowerBy = 5  // seconds, by which a poll that comes too soon makes the interval longer (RFC 8628 section 3.5)
	slowest  = 60 // seconds, from which on it does not
)

// InsertWaiting writes one that waits for its person, unless its owner has share of the kind that nobody decided; ErrTooMany. ErrConflict
// where the user code is taken. On SQLite the bound is exact, on Postgres inserts that race may each miss the other.
func (db *DB) InsertWaiting(ctx context.Context, w Waiting, share int) error {
	return db.must(ctx, ErrTooMany, insertWaiting, w.IDHash, w.Kind, orNull(w.UserCode), w.ClientID, w.Owner, jsonText(w.Request),
		int64(w.Interval/time.Second), w.Network, w.Agent, micros(w.CreatedAt), micros(w.ExpiresAt), share, w.Address)
}

// PollWaiting notes that the app asked, and tells what it is told: State, and Early where it asked too soon. What is over is told, too,
// until it is deleted. ErrNotFound where it is another client's or kind. One statement, whatever the answer.
func (db *DB) PollWaiting(ctx context.Context, kind, idHash, clientID string, now time.Time) (Waiting, error) {
	var w Waiting
	found := false
	err := db.returning(ctx, pollWaiting, []any{idHash, kind, clientID, micros(now), slowest, slowerBy}, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(w.dest()...)
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return w, err
}

// WaitingByUserCode reads a live one that nobody decided yet, by what the person typed; ErrNotFound.
func (db *DB) WaitingByUserCode(ctx context.Context, kind, code string, now time.Time) (Waiting, error) {
	var w Waiting
	if code == "" {
		return w, ErrNotFound
	}
	err := db.one(ctx, "SELECT "+waitingColumns+" FROM waiting WHERE user_code = $1 AND kind = $2 AND state = 'pending' AND expires_at > $3",
		[]any{code, kind, micros(now)}, w.dest()...)
	return w, err
}

// askLock is the first key of the advisory locks under which an owner's are counted and written, on Postgres.
const askLock = 0x7369

// InsertAsked writes one that was asked of its owner, who is a person: the one that the same client asked of them before, if it is live, is
// over by that, and with share others live it is ErrTooMany. Both bounds are exact, also where replicas race.
func (db *DB) InsertAsked(ctx context.Context, w Waiting, share int) error {
	return db.Tx(ctx, func(ctx context.Context) error {
		if db.dialect == Postgres { // SQLite has one writer
			if _, err := db.exec(ctx, "SELECT pg_advisory_xact_lock($1, hashtext($2))", askLock, w.Owner); err != nil {
				return err
			}
		}
		_, err := db.exec(ctx, `UPDATE waiting SET expires_at = $4 WHERE owner = $1 AND kind = $2 AND client_id = $3
			AND state = 'pending' AND expires_at > $4`, w.Owner, w.Kind, w.ClientID, micros(w.CreatedAt))
		if err != nil {
			return err
		}
		return db.InsertWaiting(ctx, w, share)
	})
}

// WaitingOf lists the live ones of a kind and owner that nobody decided, the oldest first. Its caller bounds how many there are.
func (db *DB) WaitingOf(ctx context.Context, kind, owner string, now time.Time) ([]Waiting, error) {
	var list []Waiting
	err := db.many(ctx, "SELECT "+waitingColumns+` FROM waiting WHERE owner = $1 AND kind = $2 AND state = 'pending' AND expires_at > $3
		ORDER BY created_at`, []any{owner, kind, micros(now)}, func(rows *sql.Rows) error {
		var w Waiting
		err := rows.Scan(w.dest()...)
		list = append(list, w)
		return err
	})
	return list, err
}

// WaitingDenied counts those of a kind that their owner denied to a client, as long as they are kept.
func (db *DB) WaitingDenied(ctx context.Context, kind, owner, clientID string, now time.Time) (n int, err error) {
	err = db.one(ctx, `SELECT count(*) FROM waiting WHERE owner = $1 AND kind = $2 AND client_id = $3 AND state = 'denied'
		AND user_id = $1 AND expires_at > $4`, []any{owner, kind, clientID, micros(now)}, &n)
	return n, err
}

// DecideWaiting notes what the person decided: once, and in time. Of concurrent callers exactly one succeeds, the others get ErrStale. The
// user code is free again; the row is kept until the given time at least.
func (db *DB) DecideWaiting(ctx context.Context, idHash, userID string, approved bool, until, now time.Time) error {
	state := "denied"
	if approved {
		state = "approved"
	}
	return db.must(ctx, ErrStale, `UPDATE waiting SET state = $3, user_id = $2, user_code = NULL,
		expires_at = CASE WHEN expires_at < CAST($5 AS BIGINT) THEN CAST($5 AS BIGINT) ELSE expires_at END
		WHERE id_hash = $1 AND state = 'pending' AND expires_at > $4`, idHash, userID, state, micros(now), micros(until))
}

// EvictWaiting deletes at most so many of an owner's live ones that nobody decided: of the address that has most, the oldest first.
func (db *DB) EvictWaiting(ctx context.Context, kind, owner string, most int, now time.Time) (int64, error) {
	return db.exec(ctx, `DELETE FROM waiting WHERE id_hash IN (SELECT id_hash FROM (
		SELECT id_hash, created_at, count(*) OVER (PARTITION BY address) -
			row_number() OVER (PARTITION BY address ORDER BY created_at, id_hash) AS younger
		FROM waiting WHERE owner = $1 AND kind = $2 AND state = 'pending' AND expires_at > $4) AS live
		ORDER BY younger DESC, created_at, id_hash LIMIT $3)`,
		owner, kind, most, micros(now))
}

// WaitingShares counts the live ones of a kind that nobody decided, by owner: rows and bytes. Its caller bounds how many there are.
func (db *DB) WaitingShares(ctx context.Context, kind string, now time.Time) (map[string][2]int64, error) {
	all := map[string][2]int64{}
	err := db.many(ctx, `SELECT owner, count(*), sum(length(request)) FROM waiting
		WHERE kind = $1 AND state = 'pending' AND expires_at > $2 GROUP BY owner`,
		[]any{kind, micros(now)}, func(rows *sql.Rows) error {
			var owner string
			var n, bytes int64
			err := rows.Scan(&owner, &n, &bytes)
			all[owner] = [2]int64{n, bytes}
			return err
		})
	return all, err
}

// seconds is a BIGINT column of a time.Duration.
type seconds time.Duration

// Scan implements sql.Scanner.
func (s *seconds) Scan(v any) error {
	var n number
	err := n.Scan(v)
	*s = seconds(time.Duration(n) * time.Second)
	return err
}
