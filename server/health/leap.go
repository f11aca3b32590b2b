package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	day       = 24 * time.Hour
	leapLimit = 7 * day          // by how much a clock may be put forward while a server runs, or is suspended, and still be believed
	restLimit = 30 * day         // how long servers may rest, and their clock still be believed at the start
	leapHold  = day              // how long it is not, from then on
	backLimit = time.Hour        // by how much it is put back at least for what it said before to have been wrong
	noteEvery = 15 * time.Second // how old what is known of it may be
)

// ErrLeap: this machine's clock was put forward by more than a week, or by more than 30 days while no server ran.
var ErrLeap = errors.New("this machine's clock is days ahead of when a server last ran on this database, so nothing " +
	"is deleted for a day; if it is wrong, set it (NTP) and restart the server; if it is right, nothing is to be done")

// LeapStore is the part of *storage.DB that LeapGuard uses.
type LeapStore interface {
	ClockSeen(ctx context.Context) (seen, held time.Time, err error)
	NoteClock(ctx context.Context, seen, held time.Time) error
}

// LeapGuard keeps a clock that leapt ahead from what cannot be undone: for a day nothing is deleted and no key is replaced. One that was
// put back is believed at once.
type LeapGuard struct {
	Store LeapStore
	Log   *slog.Logger

	mu         sync.Mutex
	wall, mono time.Time // when it was last looked at: what the clock said, and what passes whatever the clock says
	high       time.Time // the latest that was ever believed
	held       time.Time
	noted      time.Time // as mono
}

// Trusted is ErrLeap while the clock is not believed.
func (g *LeapGuard) Trusted(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	mono := time.Now()
	now, leap, most, write := mono.Round(0), time.Duration(0), leapLimit, false
	if g.mono.IsZero() {
		seen, held, err := g.Store.ClockSeen(ctx)
		if err != nil {
			return fmt.Errorf("read when a server last ran: %w", err)
		}
		if g.held = held; !seen.IsZero() {
			leap, most, g.high = now.Sub(seen), restLimit, seen
		} else {
			g.high = now
		}
	} else {
		leap = now.Sub(g.wall) - mono.Sub(g.mono)
	}
	g.wall, g.mono = now, mono
	switch {
	case leap > most && now.Sub(g.high) > most:
		write, g.held = true, now.Add(leapHold)
		g.Log.ErrorContext(ctx, ErrLeap.Error(), "last_ran", g.high.UTC(), "clock", now.UTC(), "until", g.held.UTC())
	case leap < -backLimit:
		write = true
		if !g.held.IsZero() {
			g.held, g.high = time.Time{}, now
		}
		g.Log.WarnContext(ctx, "this machine's clock was put back, or a server ran on this database whose clock was ahead", "last_ran",
			now.Add(-leap).UTC(), "clock", now.UTC())
	}
	if !now.Before(g.held) {
		g.held = time.Time{}
		if now.After(g.high) {
			g.high = now
		}
	}
	if write || mono.Sub(g.noted) >= noteEvery {
		if err := g.Store.NoteClock(ctx, now, g.held); err != nil {
			return fmt.Errorf("note that this server runs: %w", err)
		}
		g.noted = mono
	}
	if !g.held.IsZero() {
		return fmt.Errorf("%w (until %s)", ErrLeap, g.held.UTC().Format(time.RFC3339))
	}
	return nil
}

// Leapt is what ClockSeen says of a clock, for whoever looks at it: nil, or what is wrong with it.
func Leapt(seen, held, now time.Time) error {
	switch {
	case seen.Sub(now) > backLimit:
		return fmt.Errorf("a server ran on this database at %s, which is still to come: its clock was ahead, or this one is behind; set it "+
			"(NTP) and restart the server", seen.UTC().Format(time.RFC3339))
	case now.Before(held):
		return fmt.Errorf("%w (until %s)", ErrLeap, held.UTC().Format(time.RFC3339))
	}
	return nil
}
