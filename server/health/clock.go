package health

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"signet/internal/telemetry"
)

// SkewLimit is how far this machine's clock may be from the database's. Replicas decide by their own clocks what has expired, and a
// difference beyond a grace or a code's lifetime refuses honest callers.
const SkewLimit = 2 * time.Second

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
			telemetry.Millis("database_ahead_ms", skew))
	case !off && w.off.Swap(false):
		w.Log.InfoContext(ctx, "the clocks agree again")
	}
	return nil
}
