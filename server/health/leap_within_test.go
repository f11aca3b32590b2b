package health

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

// nowhere keeps nothing.
type nowhere struct{}

// ClockSeen implements LeapStore.
func (nowhere) ClockSeen(context.Context) (seen, held time.Time, err error) { return }

// NoteClock implements LeapStore.
func (nowhere) NoteClock(context.Context, time.Time, time.Time) error { return nil }

// TestAClockThatLeapsWhileAServerRuns: what it said before is put back by as much here, which looks the same.
func TestAClockThatLeapsWhileAServerRuns(t *testing.T) {
	for leap, trusted := range map[time.Duration]bool{time.Hour: true, 6 * day: true, 8 * day: false, 3650 * day: false, -3650 * day: true} {
		g := &LeapGuard{Store: nowhere{}, Log: slog.New(slog.DiscardHandler)}
		if err := g.Trusted(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.wall, g.high = g.wall.Add(-leap), g.high.Add(-leap)
		if err := g.Trusted(t.Context()); (err == nil) != trusted || err != nil && !errors.Is(err, ErrLeap) {
			t.Errorf("by %s: %v", leap, err)
		}
		if g.wall = g.wall.Add(leap); trusted {
			continue
		}
		if err := g.Trusted(t.Context()); err != nil { // it was set right
			t.Errorf("back by %s: %v", leap, err)
		}
	}
}
