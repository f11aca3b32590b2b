package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"signet/internal/seal"
	"signet/storage"
)

// settle carries out the plan until it has nothing more to say, and makes the first refresh epoch. The lock is held.
func (r *Ring) settle(ctx context.Context, now time.Time) error {
	for {
		rows, err := r.o.Store.Keys(ctx)
		if err != nil {
			return err
		}
		if current, _ := currentEpoch(rows); current == 0 {
			row, err := makeEpoch(1, r.o.Master, now)
			if err != nil {
				return err
			}
			if err := r.o.Store.Tx(ctx, func(ctx context.Context) error { return r.insert(ctx, row) }); err != nil {
				return err
			}
		}
		due := plan(rows, r.rules, now)
		if len(due) == 0 {
			return r.reseal(ctx, rows)
		}
		if err := r.carryOut(ctx, due, now); err != nil {
			return err
		}
	}
}

// carryOut does all changes in one transaction; keys are made before it.
func (r *Ring) carryOut(ctx context.Context, due []change, now time.Time) error {
	for i, c := range due {
		if c.do != makeKey {
			continue
		}
		row, err := generate(c.alg, r.o)
		if err != nil {
			return err
		}
		row.State, row.MadeAt, row.SignsFrom = c.state, now, c.signsFrom
		due[i].row = row
	}
	return r.o.Store.Tx(ctx, func(ctx context.Context) error {
		for _, c := range due {
			var err error
			switch c.do {
			case makeKey:
				err = r.insert(ctx, c.row)
			case moveTo:
				err = r.move(ctx, c.row, c)
			case forget:
				err = r.o.Store.DeleteKey(ctx, c.row.KID)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// reseal seals again, with the first master key, what an older one sealed, so that the older one can be taken off the list.
func (r *Ring) reseal(ctx context.Context, rows []storage.Key) error {
	for _, row := range rows {
		if !r.o.Master.Stale(row.Sealed) {
			continue
		}
		plain, err := r.o.Master.Open(row.Sealed, placeOf(row))
		if errors.Is(err, seal.ErrDamaged) {
			continue // Refresh reports it
		}
		if err != nil {
			return fmt.Errorf("open key %q: %w", row.KID, err)
		}
		if row.Sealed, err = r.o.Master.Seal(plain, placeOf(row)); err != nil {
			return err
		}
		if err := r.o.Store.UpdateKey(ctx, row.State, row); err != nil {
			return err
		}
	}
	return nil
}

func (r *Ring) insert(ctx context.Context, row storage.Key) error {
	if err := r.o.Store.InsertKey(ctx, row); err != nil {
		return fmt.Errorf("keep key %q: %w", row.KID, err)
	}
	return r.note(ctx, "key.made", row)
}

func (r *Ring) move(ctx context.Context, row storage.Key, c change) error {
	old := row.State
	row.State, row.SignsFrom, row.RetiresAt = c.state, c.signsFrom, c.retiresAt
	if err := r.o.Store.UpdateKey(ctx, old, row); err != nil {
		return fmt.Errorf("make key %q %s: %w", row.KID, c.state, err)
	}
	switch c.state {
	case active:
		return r.note(ctx, "key.activated", row)
	case retired:
		return r.note(ctx, "key.retired", row)
	}
	return nil
}

func (r *Ring) remove(ctx context.Context, row storage.Key) error {
	if err := r.o.Store.DeleteKey(ctx, row.KID); err != nil {
		return fmt.Errorf("forget key %q: %w", row.KID, err)
	}
	return r.note(ctx, "key.retired", row)
}

func (r *Ring) note(ctx context.Context, event string, row storage.Key) error {
	r.o.Log.LogAttrs(ctx, slog.LevelInfo, event, slog.String("kid", row.KID), slog.String("alg", row.Alg))
	if r.o.Note == nil {
		return nil
	}
	return r.o.Note(ctx, event, row.KID, row.Alg)
}

const (
	lockName = "key ring"
	lockTime = 30 * time.Second // how long a replica that died in the middle holds up the others
	lockPoll = 50 * time.Millisecond
)

// change runs fn under the lock, waiting for it as long as somebody may hold it, and then reads the ring again. ErrBusy.
func (r *Ring) change(ctx context.Context, fn func(ctx context.Context) error) error {
	for deadline := time.Now().Add(lockTime + time.Second); ; {
		err := r.try(ctx, fn)
		if !errors.Is(err, ErrBusy) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}

// try is change without waiting.
func (r *Ring) try(ctx context.Context, fn func(ctx context.Context) error) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	now := time.Now()
	got, err := r.o.Locks.Lock(ctx, lockName, r.holder, now, now.Add(lockTime))
	if err != nil {
		return err
	}
	if !got {
		return ErrBusy
	}
	err = fn(ctx)
	unlocked := r.o.Locks.Unlock(context.WithoutCancel(ctx), lockName, r.holder)
	return errors.Join(err, unlocked, r.Refresh(ctx))
}
