package storage

import (
	"context"
	"database/sql"
	"strconv"
	"time"
)

// A replica that runs has a row among the locks, which it holds from beat to beat: its name after this, its release as the holder.
const replicaPrefix = "replica."

// Beat notes that a replica of a release runs, until the given time at least.
func (db *DB) Beat(ctx context.Context, id, release string, until time.Time) error {
	_, err := db.exec(ctx, `INSERT INTO locks (name, holder, until) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until`, replicaPrefix+id, release, micros(until))
	return err
}

// Replicas are the releases of the replicas that run, one each. Rows of those that ended without EndReplica are
// dropped, and of those whose clock was ahead.
func (db *DB) Replicas(ctx context.Context, now time.Time) (releases []string, err error) {
	var dead []string
	err = db.many(ctx, "SELECT name, holder, until FROM locks WHERE substr(name, 1, 8) = $1 ORDER BY holder, name", []any{replicaPrefix},
		func(rows *sql.Rows) error {
			var name, release string
			var until time.Time
			if err := rows.Scan(&name, &release, (*stamp)(&until)); err != nil {
				return err
			}
			if until.After(now) && !until.After(now.Add(longestLease)) {
				releases = append(releases, release)
			} else {
				dead = append(dead, name)
			}
			return nil
		})
	for _, name := range dead {
		if err != nil || db.readOnly {
			break
		}
		_, err = db.exec(ctx, "DELETE FROM locks WHERE name = $1 AND (until <= $2 OR until > $3)", name, micros(now),
			micros(now.Add(longestLease)))
	}
	return releases, err
}

// EndReplica notes that a replica stops.
func (db *DB) EndReplica(ctx context.Context, id string) error {
	_, err := db.exec(ctx, "DELETE FROM locks WHERE name = $1", replicaPrefix+id)
	return err
}

// clockRow is kept among the locks: its end is when a server was last seen to run, its holder until when nothing is deleted.
const clockRow = "clock"

// ClockSeen is when a server last ran on this database by its own clock, and until when that clock is not trusted to delete anything. Zero
// = not known, and it is.
func (db *DB) ClockSeen(ctx context.Context) (seen, held time.Time, err error) {
	var holder string
	err = db.many(ctx, "SELECT holder, until FROM locks WHERE name = $1", []any{clockRow}, func(rows *sql.Rows) error {
		return rows.Scan(&holder, (*stamp)(&seen))
	})
	if us, wrong := strconv.ParseInt(holder, 10, 64); wrong == nil {
		held = timeOf(us)
	}
	return seen, held, err
}

// NoteClock writes what ClockSeen reads.
func (db *DB) NoteClock(ctx context.Context, seen, held time.Time) error {
	holder := ""
	if !held.IsZero() {
		holder = strconv.FormatInt(held.UnixMicro(), 10)
	}
	_, err := db.exec(ctx, `INSERT INTO locks (name, holder, until) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until`, clockRow, holder, micros(seen))
	return err
}
