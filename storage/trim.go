package storage

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"
)

// GrantPair is a person and an app. The index grants_user is ordered by them.
type GrantPair struct{ UserID, ClientID string }

// The walk over the pairs reads the index grants_user and nothing else, a part of it at a time.
const (
	pairAfter = `SELECT user_id, client_id FROM grants WHERE (user_id, client_id) > ($1, $2)
		ORDER BY user_id, client_id LIMIT 1 OFFSET $3`
	lastPair = `SELECT user_id, client_id FROM grants ORDER BY user_id DESC, client_id DESC LIMIT 1`

	crowdedPairs = `SELECT user_id, client_id, count(*) FROM grants WHERE (user_id, client_id) > ($1, $2) AND (user_id, client_id) <= ($3, $4)
		GROUP BY user_id, client_id HAVING count(*) > $5`
)

// CrowdedPairs reads about size grants in the order of their pairs, beginning after the given pair, and gives the pairs that have more
// than keep, with how many they have, dead ones counted. next is where to go on; the zero pair at the end.
func (db *DB) CrowdedPairs(ctx context.Context, after GrantPair, size, keep int) (crowded map[GrantPair]int, next GrantPair, err error) {
	crowded = map[GrantPair]int{}
	to, end := GrantPair{}, false
	err = db.one(ctx, pairAfter, []any{after.UserID, after.ClientID, size - 1}, &to.UserID, &to.ClientID)
	if errors.Is(err, ErrNotFound) {
		end = true
		if err = db.one(ctx, lastPair, nil, &to.UserID, &to.ClientID); errors.Is(err, ErrNotFound) {
			return nil, GrantPair{}, nil
		}
	}
	if err != nil {
		return nil, after, err
	}
	err = db.many(ctx, crowdedPairs, []any{after.UserID, after.ClientID, to.UserID, to.ClientID, keep}, func(rows *sql.Rows) error {
		var p GrantPair
		var grants int
		err := rows.Scan(&p.UserID, &p.ClientID, &grants)
		crowded[p] = grants
		return err
	})
	if end {
		to = GrantPair{}
	}
	return crowded, to, err
}

// surplusGrants are the live grants of a pair from the keep-th on, by last use.
const surplusGrants = `SELECT id, COALESCE(last_used_at, created_at) FROM grants
	WHERE user_id = $1 AND client_id = $2 AND revoked_at IS NULL AND expires_at > $3
	ORDER BY COALESCE(last_used_at, created_at) DESC, id LIMIT $4 OFFSET $5`

// revokeSurplus revokes up to trimBatch grants by their ids, but for one that was used after the time it was listed with.
var revokeSurplus = func() string {
	ids := make([]string, trimBatch)
	for i := range ids {
		ids[i] = "$" + strconv.Itoa(4+i)
	}
	return "UPDATE grants SET " + revoke + " WHERE id IN (" + strings.Join(ids, ", ") +
		") AND revoked_at IS NULL AND COALESCE(last_used_at, created_at) <= $3"
}()

const (
	trimBatch = 50     // grants revoked in one statement
	trimList  = 10_000 // surplus grants read at once: each reading goes over all that the pair has
)

// TrimPair revokes ("surplus") all but the keep most recently used live grants of a pair, a small statement at a time, and returns how
// many were revoked.
func (db *DB) TrimPair(ctx context.Context, p GrantPair, keep int, now time.Time) (int64, error) {
	var revoked int64
	for {
		ids, newest, err := db.surplus(ctx, p, keep, now)
		if err != nil || len(ids) == 0 {
			return revoked, err
		}
		before := revoked
		for len(ids) > 0 {
			args := append(make([]any, 0, 3+trimBatch), micros(now), "surplus", newest)
			for i := range trimBatch {
				id := "" // no grant has it
				if i < len(ids) {
					id = ids[i]
				}
				args = append(args, id)
			}
			ids = ids[min(trimBatch, len(ids)):]
			n, err := db.exec(ctx, revokeSurplus, args...)
			if err != nil {
				return revoked, err
			}
			revoked += n
		}
		if revoked == before {
			return revoked, nil // all that were listed are gone or in use by now
		}
	}
}

// surplus lists the next grants to revoke, and when the one of them was used that was used last.
func (db *DB) surplus(ctx context.Context, p GrantPair, keep int, now time.Time) (ids []string, newest int64, err error) {
	err = db.many(ctx, surplusGrants, []any{p.UserID, p.ClientID, micros(now), trimList, keep}, func(rows *sql.Rows) error {
		var id string
		var used int64
		err := rows.Scan(&id, &used)
		ids, newest = append(ids, id), max(newest, used)
		return err
	})
	return ids, newest, err
}
