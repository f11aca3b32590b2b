package storagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"signet/storage"
)

// waitingOf makes one of the kind device, of the client and owner tv.
func waitingOf(id string, at time.Time) storage.Waiting {
	return storage.Waiting{
		IDHash: id, Kind: "device", UserCode: "CODE" + id, ClientID: "tv", Owner: "tv 192.0.2.0/24", Request: json.RawMessage(`{"a":1}`),
		Interval: 5 * time.Second, Network: "192.0.2.0/24", Address: "192.0.2.7", Agent: "curl", CreatedAt: at,
		ExpiresAt: at.Add(10 * time.Minute),
	}
}

// waiting: apps that wait while a person decides on another device (RFC 8628).
func waiting(t *testing.T, db *storage.DB) {
	waitingPolls(t, db)
	waitingDecisions(t, db)
	waitingBounds(t, db)
	waitingAddresses(t, db)
	waitingAsked(t, db)
	waitingDenied(t, db)
}

// waitingDenied: what the owner denied to a client is counted as long as it is kept, and nothing else.
func waitingDenied(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for i, c := range []struct{ client, by, kind string }{{"robot", "eve", "k"}, {"robot", "eve", "k"}, {"other", "eve", "k"},
		{"robot", "ada", "k"}, {"robot", "eve", "l"}, {"robot", "", "k"}} {
		w := waitingOf(fmt.Sprintf("denied%d", i), now)
		w.Kind, w.UserCode, w.ClientID, w.Owner = c.kind, "", c.client, "eve"
		ok(t, db.InsertWaiting(ctx, w, 10))
		if c.by != "" {
			ok(t, db.DecideWaiting(ctx, w.IDHash, c.by, false, now.Add(time.Hour), now))
		}
	}
	w := waitingOf("denied", now)
	w.Kind, w.UserCode, w.ClientID, w.Owner = "k", "", "robot", "eve"
	ok(t, db.InsertWaiting(ctx, w, 10))
	ok(t, db.DecideWaiting(ctx, w.IDHash, "eve", true, now.Add(time.Hour), now))
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{0, 2}, {time.Hour - time.Microsecond, 2}, {time.Hour, 0}} {
		n, err := db.WaitingDenied(ctx, "k", "eve", "robot", now.Add(c.at))
		ok(t, err)
		same(t, n, c.want)
	}
}

// waitingAsked: of what is asked of a person one of each client is live, the one that was asked last, and so many of all.
func waitingAsked(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ask := func(id, client string, at time.Time) error {
		w := waitingOf(id, at)
		w.Kind, w.UserCode, w.ClientID, w.Owner = "ciba", "", client, "ada"
		return db.InsertAsked(ctx, w, 2)
	}
	ok(t, ask("a1", "bank", now))
	ok(t, ask("a2", "bank", now.Add(time.Second)))
	ok(t, ask("a3", "shop", now.Add(2*time.Second)))
	fails(t, ask("a4", "phone", now.Add(2*time.Second)), storage.ErrTooMany)
	list, err := db.WaitingOf(ctx, "ciba", "ada", now.Add(3*time.Second))
	ok(t, err)
	same(t, len(list), 2)
	same(t, []string{list[0].IDHash, list[1].IDHash}, []string{"a2", "a3"})
	list, err = db.WaitingOf(ctx, "device", "ada", now)
	ok(t, err)
	same(t, len(list), 0)
	fails(t, db.DecideWaiting(ctx, "a1", "ada", true, now, now.Add(3*time.Second)), storage.ErrStale) // it is over
	got, err := db.PollWaiting(ctx, "ciba", "a1", "bank", now.Add(3*time.Second))
	ok(t, err)
	same(t, []any{got.State, got.ExpiresAt}, []any{"pending", now.Add(time.Second)})
	ok(t, ask("a5", "phone", now.Add(time.Hour))) // the others are over
}

// waitingPolls: too soon is told by one statement, which makes the interval longer; what is decided is told at once.
func waitingPolls(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	w := waitingOf("polled", now)
	ok(t, db.InsertWaiting(ctx, w, 10))
	for _, step := range []struct {
		after    time.Duration
		early    bool
		interval time.Duration
	}{
		{0, false, 5 * time.Second},
		{4 * time.Second, true, 10 * time.Second},
		{9 * time.Second, true, 15 * time.Second}, // it is kept
		{15 * time.Second, false, 15 * time.Second},
		{29 * time.Second, true, 20 * time.Second},
		{35 * time.Second, false, 20 * time.Second},
	} {
		got, err := db.PollWaiting(ctx, "device", "polled", "tv", now.Add(step.after))
		ok(t, err)
		same(t, []any{got.Early, got.Interval, got.State}, []any{step.early, step.interval, "pending"})
	}
	for range 20 { // whoever never waits is not locked out: the interval has a limit
		_, err := db.PollWaiting(ctx, "device", "polled", "tv", now.Add(36*time.Second))
		ok(t, err)
	}
	got, err := db.PollWaiting(ctx, "device", "polled", "tv", now.Add(95*time.Second))
	ok(t, err)
	same(t, []any{got.Early, got.Interval}, []any{false, time.Minute})
	w.State, w.Interval = "pending", time.Minute
	same(t, got, w)
	for _, other := range [][3]string{{"ciba", "polled", "tv"}, {"device", "polled", "radio"}, {"device", "other", "tv"}} {
		_, err := db.PollWaiting(ctx, other[0], other[1], other[2], now)
		fails(t, err, storage.ErrNotFound)
	}
	ok(t, db.DecideWaiting(ctx, "polled", "ada", false, w.ExpiresAt, now.Add(96*time.Second)))
	got, err = db.PollWaiting(ctx, "device", "polled", "tv", now.Add(97*time.Second))
	ok(t, err)
	same(t, []any{got.State, got.UserID, got.Early}, []any{"denied", "ada", false})
}

// waitingDecisions: in time, by the code that the device shows, and once.
func waitingDecisions(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	w := waitingOf("decided", now)
	ok(t, db.InsertWaiting(ctx, w, 10))
	same2 := waitingOf("second", now)
	same2.UserCode = w.UserCode
	fails(t, db.InsertWaiting(ctx, same2, 10), storage.ErrConflict)
	got, err := db.WaitingByUserCode(ctx, "device", w.UserCode, now)
	ok(t, err)
	same(t, []any{got.IDHash, got.Network, got.Address, got.Agent, string(got.Request)},
		[]any{"decided", w.Network, w.Address, "curl", `{"a":1}`})
	for _, wrong := range []struct {
		kind, code string
		at         time.Time
	}{{"ciba", w.UserCode, now}, {"device", "OTHER", now}, {"device", "", now}, {"device", w.UserCode, w.ExpiresAt}} {
		_, err := db.WaitingByUserCode(ctx, wrong.kind, wrong.code, wrong.at)
		fails(t, err, storage.ErrNotFound)
	}
	none := waitingOf("no code", now)
	none.UserCode = ""
	ok(t, db.InsertWaiting(ctx, none, 10))
	none.IDHash = "no code either"
	ok(t, db.InsertWaiting(ctx, none, 10))
	fails(t, db.DecideWaiting(ctx, "decided", "ada", true, w.ExpiresAt, w.ExpiresAt), storage.ErrStale)
	ok(t, db.DecideWaiting(ctx, "decided", "ada", true, w.ExpiresAt.Add(time.Minute), now))
	got, err = db.PollWaiting(ctx, "device", "decided", "tv", now)
	ok(t, err)
	same(t, got.ExpiresAt, w.ExpiresAt.Add(time.Minute)) // there is time to fetch it
	fails(t, db.DecideWaiting(ctx, "decided", "bob", false, w.ExpiresAt, now), storage.ErrStale)
	_, err = db.WaitingByUserCode(ctx, "device", w.UserCode, now)
	fails(t, err, storage.ErrNotFound)
	ok(t, db.InsertWaiting(ctx, same2, 10)) // the user code is free again
}

// waitingBounds: what nobody decided is counted, and the oldest gives way.
func waitingBounds(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	put := func(id string, at time.Time) error {
		w := waitingOf(id, at)
		w.Owner = "full"
		return db.InsertWaiting(ctx, w, 2)
	}
	ok(t, put("b1", now))
	ok(t, put("b2", now.Add(time.Second)))
	fails(t, put("b3", now.Add(time.Second)), storage.ErrTooMany)
	shares, err := db.WaitingShares(ctx, "device", now)
	ok(t, err)
	same(t, shares["full"], [2]int64{2, 14})
	ok(t, db.DecideWaiting(ctx, "b1", "ada", true, now, now))
	ok(t, put("b3", now.Add(2*time.Second))) // what is decided is not counted
	n, err := db.EvictWaiting(ctx, "device", "full", 1, now.Add(2*time.Second))
	ok(t, err)
	same(t, n, int64(1))
	_, err = db.WaitingByUserCode(ctx, "device", "CODEb2", now)
	fails(t, err, storage.ErrNotFound)
	_, err = db.WaitingByUserCode(ctx, "device", "CODEb3", now)
	ok(t, err)
	_, err = db.PollWaiting(ctx, "device", "b1", "tv", now) // what is decided does not give way
	ok(t, err)
	ok(t, put("b4", now.Add(time.Hour))) // the others are over
}

// waitingAddresses: within an owner the address that has most gives way first, the oldest of its own; what is over is not counted.
func waitingAddresses(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for i, address := range []string{"192.0.2.9", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.9", "192.0.2.9"} {
		w := waitingOf(fmt.Sprintf("from%d", i), now.Add(time.Duration(i)*time.Second))
		w.Owner, w.Address = "shared", address
		if i > 3 {
			w.ExpiresAt = now.Add(-time.Second)
		}
		ok(t, db.InsertWaiting(ctx, w, 10))
	}
	n, err := db.EvictWaiting(ctx, "device", "shared", 2, now)
	ok(t, err)
	same(t, n, int64(2))
	for i, live := range []bool{true, false, false, true} {
		_, err := db.WaitingByUserCode(ctx, "device", fmt.Sprintf("CODEfrom%d", i), now)
		same(t, err == nil, live)
	}
}

// raceWaiting: of polls at the same moment one is in time, of decisions one holds.
func raceWaiting(t *testing.T, db *storage.DB) {
	ok(t, db.InsertWaiting(t.Context(), waitingOf("raced", now), 1))
	onlyOne(t, raced(t, 20, errLost, func(ctx context.Context, _ int) error {
		got, err := db.PollWaiting(ctx, "device", "raced", "tv", now)
		if err == nil && got.Early {
			return errLost
		}
		return err
	}))
	onlyOne(t, raced(t, 20, storage.ErrStale, func(ctx context.Context, i int) error {
		return db.DecideWaiting(ctx, "raced", fmt.Sprint(i), true, now, now)
	}))
}
