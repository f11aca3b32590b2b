package keys

import (
	"slices"
	"time"

	"signet/storage"
)

// The states of a signing key, in the order of its life.
const (
	next     = "next"
	active   = "active"
	retiring = "retiring"
	retired  = "retired"
)

// rules are the ring's timetable.
type rules struct {
	algs     []string
	schedule time.Duration // age of replacement; 0 = never
	publish  time.Duration // a key is published at least this long before it signs
	lead     time.Duration // how long before its turn the next key is made
	longest  time.Duration // from the last signature to the death of the token
	hints    time.Duration // from there to the end of the last session
}

// decrypts is how long a key that nobody may encrypt to any more still opens what was encrypted before.
const decrypts = 24 * time.Hour

// kept is how long a retired key is of use.
func (r rules) kept(alg string) time.Duration {
	if encrypts(alg) {
		return decrypts
	}
	return r.hints
}

type act int

const (
	makeKey act = iota
	moveTo
	forget
)

// change is one step of the plan.
type change struct {
	do        act
	row       storage.Key // the row to move or forget
	alg       string      // of the key to make
	state     string
	signsFrom time.Time
	retiresAt time.Time
}

// plan says what is due now: the whole timetable of the ring, pure, so that its test is one table. The ring is settled when
// it has nothing to say.
func plan(rows []storage.Key, r rules, now time.Time) []change {
	var due []change
	for _, alg := range inUse(r.algs, rows) {
		due = append(due, planAlg(rowsOf(rows, alg), alg, r, now)...)
	}
	for _, row := range rows {
		switch {
		case row.Alg == Refresh:
		case row.State == retiring && !now.Before(row.RetiresAt):
			due = append(due, change{do: moveTo, row: row, state: retired, signsFrom: row.SignsFrom, retiresAt: row.RetiresAt})
		case row.State == retired && !now.Before(row.RetiresAt.Add(r.kept(row.Alg))):
			due = append(due, change{do: forget, row: row})
		}
	}
	return due
}

func planAlg(rows []storage.Key, alg string, r rules, now time.Time) []change {
	var signing, waiting *storage.Key
	var due []change
	retire := func(row storage.Key) {
		due = append(due, change{do: moveTo, row: row, state: retiring, signsFrom: row.SignsFrom, retiresAt: now.Add(r.longest)})
	}
	for i, row := range rows {
		switch {
		case row.State == next && waiting == nil:
			waiting = &rows[i]
		case row.State == active && signing == nil:
			signing = &rows[i]
		case row.State == active && newer(row, *signing): // two starts at once after all: the newest signs
			retire(*signing)
			signing = &rows[i]
		case row.State == active:
			retire(row)
		}
	}
	switch {
	case signing == nil && waiting == nil: // the first start: somebody has to sign
		due = append(due, change{do: makeKey, alg: alg, state: active, signsFrom: now})
	case signing == nil && !slices.Contains(r.algs, alg) && now.Before(waiting.SignsFrom): // the first one (Need)
	case signing == nil:
		due = append(due, change{do: moveTo, row: *waiting, state: active, signsFrom: now})
	case waiting != nil && !now.Before(ripe(*waiting, r)) && !now.Before(waiting.SignsFrom):
		due = append(due, change{do: moveTo, row: *waiting, state: active, signsFrom: now})
		retire(*signing)
	case waiting == nil && r.schedule > 0 && !now.Before(signing.SignsFrom.Add(r.schedule-r.lead)):
		turn := signing.SignsFrom.Add(r.schedule)
		if soonest := now.Add(r.publish); turn.Before(soonest) {
			turn = soonest
		}
		due = append(due, change{do: makeKey, alg: alg, state: next, signsFrom: turn})
	}
	return due
}

// ripe is when a published key may sign at the earliest.
func ripe(row storage.Key, r rules) time.Time { return row.MadeAt.Add(r.publish) }

// newer orders two signing keys the same way in every replica.
func newer(a, b storage.Key) bool {
	if c := a.SignsFrom.Compare(b.SignsFrom); c != 0 {
		return c > 0
	}
	return a.KID < b.KID
}

func rowsOf(rows []storage.Key, alg string) []storage.Key {
	return slices.DeleteFunc(slices.Clone(rows), func(k storage.Key) bool { return k.Alg != alg })
}

// complete tells that every algorithm has a signing key and refresh tokens an epoch.
func complete(rows []storage.Key, algs []string) bool {
	has := func(alg string) bool {
		return slices.ContainsFunc(rows, func(k storage.Key) bool { return k.Alg == alg && k.State == active })
	}
	return has(Refresh) && !slices.ContainsFunc(algs, func(a string) bool { return !has(a) })
}
