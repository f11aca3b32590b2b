package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Interaction is a sign-in in progress in one browser: of an authorization request, or for a page of ours.
type Interaction struct {
	ID          string // random, in the URL
	BrowserHash string // SHA-256 of the browser cookie it is bound to
	Network     string // network prefix, /24 or /56, for the bound
	Address     string // client address, an IPv6 one cut to its /64, for the bound within the network
	Holder      string // whose row it is when rows have to give way: a browser's, or an address's
	Request     json.RawMessage
	Facts       json.RawMessage
	CreatedAt   time.Time
	ExpiresAt   time.Time
	Posted      bool // a form of it was sent
}

// fewInteractions is how many rows a holder has at least who may lose a young one.
const fewInteractions = 4

// What stands before the network of a row that does not count as live any more.
const (
	answered = "answered " // the app has its answer
	past     = "past "     // it took too long; what is left of it says where the answer would have gone
)

const insertInteraction = `INSERT INTO interactions (id, browser_hash, network, address, holder, request, facts, created_at, expires_at)
	SELECT $1, $2, $3, $4, $5, $6, $7, CAST($8 AS BIGINT), CAST($9 AS BIGINT)
	FROM (SELECT count(*) AS around, count(CASE WHEN address = $4 THEN 1 END) AS near, count(CASE WHEN holder = $5 THEN 1 END) AS own
		FROM interactions WHERE network = $3 AND expires_at > CAST($8 AS BIGINT)) AS held
	WHERE (CAST($10 AS BIGINT) = 0 OR around < CAST($10 AS BIGINT)) AND (CAST($11 AS BIGINT) = 0 OR near < CAST($11 AS BIGINT))
		AND (CAST($12 AS BIGINT) = 0 OR own < CAST($12 AS BIGINT))`

// Holders of fewer than the fourth parameter keep what they began since the third; the fifth says whose rows are meant where an
// address has as many as the sixth.
const evictInteractions = `DELETE FROM interactions WHERE id IN (SELECT id FROM (
		SELECT id, posted, created_at, address, held, row_number() OVER (PARTITION BY holder ORDER BY posted, created_at, id) AS nth
		FROM (SELECT id, CASE WHEN posted > 0 THEN 1 ELSE 0 END AS posted, created_at, address,
				CASE WHEN holder = '' THEN browser_hash ELSE holder END AS holder,
				count(*) OVER (PARTITION BY CASE WHEN holder = '' THEN browser_hash ELSE holder END) AS held
			FROM interactions WHERE network = $1 AND expires_at > CAST($2 AS BIGINT)) AS live) AS ordered
	WHERE (held - nth + 1 >= CAST($4 AS BIGINT) OR created_at <= CAST($3 AS BIGINT))
		AND (address = $5 OR CAST($6 AS BIGINT) = 0 OR (SELECT count(*)
		FROM interactions WHERE network = $1 AND expires_at > CAST($2 AS BIGINT) AND address = $5) < CAST($6 AS BIGINT))
	ORDER BY posted, held DESC, created_at LIMIT $7)`

const interactionByID = `SELECT browser_hash, network, address, holder, request, facts, created_at, expires_at, posted
	FROM interactions WHERE id = $1 AND expires_at > $2`

const answerInteraction = `UPDATE interactions SET facts = $3, network = $4 WHERE id = $1 AND facts = $2
	AND (network = $4 OR (SELECT count(*) FROM interactions WHERE network = $4 AND expires_at > CAST($5 AS BIGINT)) < CAST($6 AS BIGINT))`

// InsertInteraction writes one unless there are that many live rows of its network, of its address or of its holder in the network
// already (ErrTooMany; 0 = no such bound), in one statement. On SQLite the bounds are exact; on Postgres
// inserts that race may each miss the other, so they may be passed by as many as there are connections.
func (db *DB) InsertInteraction(ctx context.Context, i Interaction, network, address, holder int) error {
	return db.must(ctx, ErrTooMany, insertInteraction, i.ID, i.BrowserHash, i.Network, i.Address, i.Holder, jsonText(i.Request),
		jsonText(i.Facts),
		micros(i.CreatedAt), micros(i.ExpiresAt), network, address, holder)
}

// EvictInteractions deletes at most so many rows of the network that have to give way to a new one, made now, and returns how many
// did: the holder with most rows loses its oldest, one whose form was posted goes last, and a holder of few keeps those made after
// since. Where the address of the new one has bound rows (0 = no such bound), it loses its own only.
func (db *DB) EvictInteractions(ctx context.Context, of Interaction, since time.Time, bound, most int) (int, error) {
	n, err := db.exec(ctx, evictInteractions, of.Network, micros(of.CreatedAt), micros(since), fewInteractions, of.Address, bound, most)
	return int(n), err
}

// EvictAnswered deletes the oldest of a network's rows whose app has its answer: they are for who clicks twice.
func (db *DB) EvictAnswered(ctx context.Context, network string, most int, now time.Time) (int, error) {
	n, err := db.exec(ctx, evictInteractions, answered+network, micros(now), micros(now.Add(time.Hour)), fewInteractions, "", 0, most)
	return int(n), err
}

// CountInteractions counts the unexpired rows by network, the live and the answered. It reads those by the index of
// their expiry: grouped by the bare column it would walk all of another. Its caller bounds how many there are.
func (db *DB) CountInteractions(ctx context.Context, now time.Time) (map[string][2]int, error) {
	all := map[string][2]int{}
	err := db.many(ctx, "SELECT network || '', count(*) FROM interactions WHERE expires_at > $1 GROUP BY network || ''", []any{micros(now)},
		func(rows *sql.Rows) error {
			var network string
			var n int
			if err := rows.Scan(&network, &n); err != nil {
				return err
			}
			bare, done := strings.CutPrefix(network, answered)
			counts := all[bare]
			if done {
				counts[1] = n
			} else {
				counts[0] = n
			}
			all[bare] = counts
			return nil
		})
	return all, err
}

// PostInteraction notes that a form of it was sent.
func (db *DB) PostInteraction(ctx context.Context, id string, now time.Time) error {
	_, err := db.exec(ctx, "UPDATE interactions SET posted = $2 WHERE id = $1 AND posted = 0", id, micros(now))
	return err
}

// InteractionByID reads one that had not expired by the given time; ErrNotFound. The caller compares BrowserHash.
func (db *DB) InteractionByID(ctx context.Context, id string, by time.Time) (Interaction, error) {
	i := Interaction{ID: id}
	var posted int64
	err := db.one(ctx, interactionByID, []any{id, micros(by)}, &i.BrowserHash, &i.Network, &i.Address, &i.Holder, (*document)(&i.Request),
		(*document)(&i.Facts), (*stamp)(&i.CreatedAt), (*stamp)(&i.ExpiresAt), &posted)
	i.Posted = posted > 0
	return i, err
}

// UpdateInteractionFacts is a compare-and-swap on the old facts; ErrStale.
func (db *DB) UpdateInteractionFacts(ctx context.Context, id string, old, facts json.RawMessage) error {
	return db.must(ctx, ErrStale, "UPDATE interactions SET facts = $3 WHERE id = $1 AND facts = $2", id, jsonText(old), jsonText(facts))
}

// AnswerInteraction is a compare-and-swap on the facts of the row as it was read that takes it out of the bound of its network: its
// app has an answer. It stays until it expires, unless the network has max of those already: then it is deleted. ErrStale.
func (db *DB) AnswerInteraction(ctx context.Context, i Interaction, facts json.RawMessage, max int, now time.Time) error {
	network := i.Network
	if len(network) < len(answered) || network[:len(answered)] != answered {
		network = answered + network
	}
	err := db.must(ctx, ErrStale, answerInteraction, i.ID, jsonText(i.Facts), jsonText(facts), network, micros(now), max)
	if !errors.Is(err, ErrStale) {
		return err
	}
	return db.must(ctx, ErrStale, "DELETE FROM interactions WHERE id = $1 AND facts = $2", i.ID, jsonText(i.Facts))
}

// SpendInteraction deletes it; of concurrent callers exactly one succeeds, the others get ErrStale.
func (db *DB) SpendInteraction(ctx context.Context, id string) error {
	return db.must(ctx, ErrStale, "DELETE FROM interactions WHERE id = $1", id)
}

// Answered reports whether the app got its answer.
func (i Interaction) Answered() bool { return strings.HasPrefix(i.Network, answered) }

// ExpiredInteractions lists at most limit that have expired and are whole still: PutPastInteraction or SpendInteraction is next.
func (db *DB) ExpiredInteractions(ctx context.Context, now time.Time, limit int) ([]Interaction, error) {
	var list []Interaction
	err := db.many(ctx, `SELECT id, network, request FROM interactions WHERE expires_at <= $1 AND network NOT LIKE 'past %'
		ORDER BY expires_at LIMIT $2`, []any{micros(now), limit}, func(rows *sql.Rows) error {
		var i Interaction
		err := rows.Scan(&i.ID, &i.Network, (*document)(&i.Request))
		list = append(list, i)
		return err
	})
	return list, err
}

// CountPast counts what PutPastInteraction has left of those that have expired.
func (db *DB) CountPast(ctx context.Context, now time.Time) (n int, err error) {
	err = db.one(ctx, "SELECT count(*) FROM interactions WHERE expires_at <= $1 AND network LIKE 'past %'", []any{micros(now)}, &n)
	return n, err
}

// PutPastInteraction leaves of an expired row what request holds, unless its network has max of those already: then it is deleted.
func (db *DB) PutPastInteraction(ctx context.Context, i Interaction, max int) error {
	network := strings.TrimPrefix(i.Network, answered)
	n, err := db.exec(ctx, `UPDATE interactions SET request = $2, facts = '{}', network = $3
		WHERE id = $1 AND (SELECT count(*) FROM interactions WHERE network = $3) < CAST($4 AS BIGINT)`,
		i.ID, jsonText(i.Request), past+network, max)
	if err != nil || n > 0 {
		return err
	}
	_, err = db.exec(ctx, "DELETE FROM interactions WHERE id = $1", i.ID)
	return err
}
