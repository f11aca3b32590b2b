package status

import (
	"context"
	"fmt"
	"time"
)

// read brings the state up to now: what was revoked since it was read last, and which clients are disabled. Nothing is changed if the
// database cannot be read.
func (l *Lists) read(ctx context.Context, now time.Time) error {
	over := now.Add(-l.o.Longest - leeway) // what ended before needs no bit any more
	since, whole := l.newest.Add(-overlap), now.Sub(l.whole) >= anew
	if whole || since.Before(over) {
		since = over
	}
	last, err := l.o.Changes.LastStatus(ctx)
	if err != nil {
		return fmt.Errorf("read the last place: %w", err)
	}
	ended, newest := map[int64]time.Time{}, l.newest
	err = l.o.Changes.EndedStatus(ctx, since, func(index int64, at time.Time) {
		ended[index] = at
		if at.After(newest) && !at.After(now) {
			newest = at
		}
	})
	if err != nil {
		return fmt.Errorf("read what was revoked: %w", err)
	}
	disabled, err := l.readDisabled(ctx, over, now)
	if err != nil {
		return err
	}
	paused := map[int64]bool{}
	if err := l.o.Changes.PausedStatus(ctx, over, func(index int64) { paused[index] = true }); err != nil {
		return fmt.Errorf("read which agents are paused: %w", err)
	}
	l.at, l.last, l.newest = now, last, newest
	if whole {
		l.whole = now
	}
	for index, at := range ended {
		if _, known := l.ended[index]; !known {
			l.set(index, 1)
		}
		l.ended[index] = at
	}
	for index, at := range l.ended {
		if at.Before(over) {
			delete(l.ended, index)
			l.set(index, -1)
		}
	}
	l.replace(disabled)
	l.pause(paused)
	return nil
}

// readDisabled gives the clients that are disabled, with their places. Those of a client are read again until nobody can have made a grant
// for it without knowing.
func (l *Lists) readDisabled(ctx context.Context, over, now time.Time) (map[string]*disabledClient, error) {
	found := map[string]*disabledClient{}
	err := l.o.Changes.DisabledClients(ctx, over, func(id string, at time.Time, index int64) {
		if known := l.disabled[id]; known != nil && known.read && known.at.Equal(at) {
			found[id] = known
			return
		}
		found[id] = &disabledClient{at: at, read: now.Sub(at) >= settled, places: map[int64]bool{}}
		if index != 0 {
			found[id].places[index] = true
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read which clients are disabled: %w", err)
	}
	for id, c := range found {
		if c == l.disabled[id] {
			continue
		}
		if err := l.o.Changes.GrantStatusOfClient(ctx, id, func(index int64) { c.places[index] = true }); err != nil {
			return nil, fmt.Errorf("read the grants of a disabled client: %w", err)
		}
	}
	return found, nil
}

// replace puts the places of the clients that are disabled now in the place of those that were.
func (l *Lists) replace(disabled map[string]*disabledClient) {
	for id, c := range disabled {
		if c == l.disabled[id] {
			continue
		}
		for index := range c.places {
			l.set(index, 1)
		}
	}
	for id, c := range l.disabled {
		if disabled[id] == c {
			continue
		}
		for index := range c.places {
			l.set(index, -1)
		}
	}
	l.disabled = disabled
}

// pause puts the places of the agents that are paused now in the place of those that were.
func (l *Lists) pause(paused map[int64]bool) {
	for index := range paused {
		if !l.paused[index] {
			l.set(index, 1)
		}
	}
	for index := range l.paused {
		if !paused[index] {
			l.set(index, -1)
		}
	}
	l.paused = paused
}

// set notes one more, or one less, reason why a place ended.
func (l *Lists) set(index int64, by int) {
	one, place := l.list(index/perList), index%perList
	before := one.bits[place]
	if one.bits[place] += by; one.bits[place] <= 0 {
		delete(one.bits, place)
	}
	if (before > 0) != (one.bits[place] > 0) {
		one.packed = ""
	}
}
