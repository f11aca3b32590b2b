package health_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/server/health"
)

// ran is what a database knows of the clock.
type ran struct{ seen, held time.Time }

// ClockSeen implements health.LeapStore.
func (r *ran) ClockSeen(context.Context) (seen, held time.Time, err error) {
	return r.seen, r.held, nil
}

// NoteClock implements health.LeapStore.
func (r *ran) NoteClock(_ context.Context, seen, held time.Time) error {
	r.seen, r.held = seen, held
	return nil
}

// TestAClockThatLeaptIsNotTrustedForADay: whoever starts a server by a clock that is years ahead has a day to see it, however often the
// server starts again; and one that was put back is trusted at once.
func TestAClockThatLeaptIsNotTrustedForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		db := &ran{}
		var g *health.LeapGuard
		start := func() { g = &health.LeapGuard{Store: db, Log: slog.New(slog.NewTextHandler(&out, nil))} }
		look := func(what string, trusted bool) {
			t.Helper()
			if err := g.Trusted(t.Context()); (err == nil) != trusted || err != nil && !errors.Is(err, health.ErrLeap) {
				t.Errorf("%s: %v, want trusted: %v", what, err, trusted)
			}
			if err := health.Leapt(db.seen, db.held, time.Now()); (err == nil) != trusted {
				t.Errorf("%s: the doctor says %v, want trusted: %v", what, err, trusted)
			}
		}
		const years = 10 * 365 * 24 * time.Hour
		start()
		look("first start", true)
		time.Sleep(years)
		look("a server that runs", true)
		start()
		look("started at once", true)
		db.seen = db.seen.Add(-29 * 24 * time.Hour)
		start()
		look("rested for a month", true)
		db.seen = db.seen.Add(-years) // the clock is ahead by so much
		start()
		look("ten years later", false)
		time.Sleep(time.Hour)
		start()
		look("started again", false)
		time.Sleep(22 * time.Hour)
		look("a day is not over", false)
		time.Sleep(2 * time.Hour)
		look("nobody put it back for a day", true)

		db.seen = db.seen.Add(-years)
		start()
		look("ten years later again", false)
		db.seen, db.held = db.seen.Add(years), db.held.Add(years) // now it was put back
		if err := health.Leapt(db.seen, db.held, time.Now()); err == nil || !strings.Contains(err.Error(), "still to come") {
			t.Errorf("the doctor says %v", err)
		}
		start()
		look("put back", true)
		if got := strings.Count(out.String(), "level=ERROR"); got != 2 {
			t.Errorf("%d errors in the log, want one each time:\n%s", got, &out)
		}
	})
}
