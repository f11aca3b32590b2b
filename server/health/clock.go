package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"signet/internal/telemetry"
)

// SkewLimit is how far this machine's clock may be from the database's. Replicas decide by their own clocks what has expired, and a
// difference beyond a grace or a code's lifetime refuses honest callers.
const SkewLimit = 2 * time.Second

// ServeLimit is how far it may be for a replica to serve, and to delete what has expired. Beyond it codes of the others would have ended
// for it, a refresh token used a moment ago would look stolen, and what keeps an assertion from being used twice would go too soon.
const ServeLimit = 30 * time.Second

// ErrClock: this machine's clock is too far from the database's.
var ErrClock = errors.New("this machine's clock is too far from the database's: synchronise both (NTP)")

// ClockFits is ErrClock beyond ServeLimit.
func ClockFits(clock func(ctx context.Context) (time.Time, error)) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		skew, err := Skew(ctx, clock)
		if err == nil && skew.Abs() > ServeLimit {
			err = fmt.Errorf("%w (it is %s ahead)", ErrClock, -skew)
		}
		return err
	}
}

// Skew is how far the database's clock is ahead of this machine's (negative: behind), give or take half the time that asking took.
func Skew(ctx context.Context, clock func(ctx context.Context) (time.Time, error)) (time.Duration, error) {
	before := time.Now()
	theirs, err := clock(ctx)
	if err != nil {
		return 0, err
	}
	return theirs.Sub(before.Add(time.Since(before) / 2)).Round(time.Millisecond), nil
}

// ClockWatch compares the clocks again and again.
type ClockWatch struct {
	Clock func(ctx context.Context) (time.Time, error)
	Note  func(skew time.Duration) // sees every result
	Log   *slog.Logger             // gets a warning when the limit is passed, and a word when it no longer is

	off atomic.Bool
}

// Run compares once.
func (w *ClockWatch) Run(ctx context.Context) error {
	skew, err := Skew(ctx, w.Clock)
	if err != nil {
		return err
	}
	w.Note(skew)
	switch off := skew.Abs() > SkewLimit; {
	case off && !w.off.Swap(true):
		w.Log.WarnContext(ctx, "this machine's clock differs from the database's: synchronise both (NTP)",
			telemetry.Micros("database_ahead_us", skew))
	case !off && w.off.Swap(false):
		w.Log.InfoContext(ctx, "the clocks agree again")
	}
	return nil
}
