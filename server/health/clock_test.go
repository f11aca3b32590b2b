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

// TestClocksAreCompared: beyond two seconds there is one warning until they agree again; the time that asking takes is no skew.
func TestClocksAreCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var ahead, seen time.Duration
		var down error
		w := health.ClockWatch{
			Clock: func(context.Context) (time.Time, error) {
				time.Sleep(time.Second)
				at := time.Now().Add(ahead)
				time.Sleep(time.Second)
				return at, down
			},
			Note: func(skew time.Duration) { seen = skew },
			Log:  slog.New(slog.NewTextHandler(&out, nil)),
		}
		for _, step := range []struct {
			ahead          time.Duration
			warned, agreed int
		}{
			{0, 0, 0}, {2 * time.Second, 0, 0}, {-2 * time.Second, 0, 0}, {3 * time.Second, 1, 0}, {-3 * time.Second, 1, 0}, {time.Second, 1, 1},
			{-5 * time.Minute, 2, 1},
		} {
			ahead = step.ahead
			if err := w.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if seen != step.ahead {
				t.Errorf("skew %s, want %s", seen, step.ahead)
			}
			if warned, agreed := strings.Count(out.String(), "level=WARN"), strings.Count(out.String(), "agree again"); warned != step.warned ||
				agreed != step.agreed {
				t.Errorf("%s ahead: %d warnings, %d times agreed; want %d, %d", step.ahead, warned, agreed, step.warned, step.agreed)
			}
		}
		down = errors.New("away")
		if err := w.Run(t.Context()); !errors.Is(err, down) {
			t.Errorf("got %v", err)
		}
	})
}

// TestAWrongClockIsNotReady: nobody is served by a replica for which the codes of the others have ended.
func TestAWrongClockIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead time.Duration
		var down error
		fits := health.ClockFits(func(context.Context) (time.Time, error) { return time.Now().Add(ahead), down })
		for _, step := range []struct {
			ahead time.Duration
			fits  bool
		}{{0, true}, {30 * time.Second, true}, {-30 * time.Second, true}, {31 * time.Second, false}, {-5 * time.Minute, false}} {
			ahead = step.ahead
			if err := fits(t.Context()); (err == nil) != step.fits || err != nil && !errors.Is(err, health.ErrClock) {
				t.Errorf("%s ahead: %v", step.ahead, err)
			}
		}
		ahead, down = 0, errors.New("away")
		if err := fits(t.Context()); !errors.Is(err, down) {
			t.Errorf("got %v", err)
		}
	})
}
