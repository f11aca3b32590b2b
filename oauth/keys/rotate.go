package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"signet/storage"
)

// Info is a key as the operator sees it.
type Info struct {
	KID       string    `json:"kid"`
	Alg       string    `json:"alg"`
	State     string    `json:"state"`
	MadeAt    time.Time `json:"made_at"`
	SignsFrom time.Time `json:"signs_from,omitzero"` // not before
	RetiresAt time.Time `json:"retires_at,omitzero"` // when it leaves the JWKS
}

func infoOf(k storage.Key) Info {
	return Info{k.KID, k.Alg, k.State, k.MadeAt, k.SignsFrom, k.RetiresAt}
}

// List tells of all keys, as storage has them now, oldest first.
func (r *Ring) List(ctx context.Context) ([]Info, error) {
	rows, err := r.o.Store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	infos := make([]Info, len(rows))
	for i, row := range rows {
		infos[i] = infoOf(row)
	}
	return infos, nil
}

// Tick does what the timetable says is due at now: makes the next key, lets it sign, retires and deletes. A job calls it each
// minute. When somebody else is at it, it does nothing.
func (r *Ring) Tick(ctx context.Context, now time.Time) error {
	err := r.try(ctx, func(ctx context.Context) error { return r.settle(ctx, now) })
	if errors.Is(err, ErrBusy) {
		return nil
	}
	return err
}

// Rotate replaces the signing key of an algorithm (or Refresh: see RotateRefresh). Without emergency it makes the next key,
// if there is none, and lets it sign as soon as it has been published for a minute; the returned Info says from when. Until
// then a later Tick, of any replica, has to come. In an emergency a new key signs at once and all older ones of the algorithm are
// forgotten: nothing they signed is accepted any more.
func (r *Ring) Rotate(ctx context.Context, alg string, emergency bool) (Info, error) {
	if alg == Refresh {
		return r.RotateRefresh(ctx, emergency)
	}
	if !slices.Contains(r.o.Algs, alg) {
		return Info{}, fmt.Errorf("%w: %q", ErrNoKey, alg)
	}
	var kid string
	err := r.change(ctx, func(ctx context.Context) (err error) {
		if emergency {
			kid, err = r.replace(ctx, alg, time.Now())
			return err
		}
		if kid, err = r.hasten(ctx, alg, time.Now()); err != nil {
			return err
		}
		return r.settle(ctx, time.Now())
	})
	if err != nil {
		return Info{}, err
	}
	return r.info(ctx, kid)
}

// hasten sees to it that there is a next key and that it signs as soon as it may.
func (r *Ring) hasten(ctx context.Context, alg string, now time.Time) (string, error) {
	rows, err := r.o.Store.Keys(ctx)
	if err != nil {
		return "", err
	}
	rows = rowsOf(rows, alg)
	i := slices.IndexFunc(rows, func(k storage.Key) bool { return k.State == next })
	if i < 0 {
		row, err := generate(alg, r.o)
		if err != nil {
			return "", err
		}
		row.State, row.MadeAt, row.SignsFrom = next, now, now.Add(r.rules.publish)
		return row.KID, r.o.Store.Tx(ctx, func(ctx context.Context) error { return r.insert(ctx, row) })
	}
	row := rows[i]
	soonest := ripe(row, r.rules)
	if soonest.Before(now) {
		soonest = now
	}
	if !row.SignsFrom.After(soonest) {
		return row.KID, nil
	}
	row.SignsFrom = soonest
	return row.KID, r.o.Store.UpdateKey(ctx, next, row)
}

// replace makes a key that signs at once and forgets all others of its algorithm.
func (r *Ring) replace(ctx context.Context, alg string, now time.Time) (string, error) {
	row, err := generate(alg, r.o)
	if err != nil {
		return "", err
	}
	row.State, row.MadeAt, row.SignsFrom = active, now, now
	rows, err := r.o.Store.Keys(ctx)
	if err != nil {
		return "", err
	}
	return row.KID, r.o.Store.Tx(ctx, func(ctx context.Context) error {
		if err := errors.Join(r.insert(ctx, row), r.note(ctx, "key.activated", row)); err != nil {
			return err
		}
		for _, old := range rowsOf(rows, alg) {
			if err := r.remove(ctx, old); err != nil {
				return err
			}
		}
		return nil
	})
}

// Retire takes a key out of the ring at once: nothing it signed is accepted any more. ErrUnknownKey; ErrInUse for a key that
// is signing.
func (r *Ring) Retire(ctx context.Context, kid string) error {
	return r.change(ctx, func(ctx context.Context) error {
		rows, err := r.o.Store.Keys(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rows, func(k storage.Key) bool { return k.KID == kid })
		if i < 0 {
			return fmt.Errorf("%w: %q", ErrUnknownKey, kid)
		}
		if rows[i].State == active {
			return fmt.Errorf("%w: %q", ErrInUse, kid)
		}
		return r.o.Store.Tx(ctx, func(ctx context.Context) error { return r.remove(ctx, rows[i]) })
	})
}

func (r *Ring) info(ctx context.Context, kid string) (Info, error) {
	infos, err := r.List(ctx)
	if err != nil {
		return Info{}, err
	}
	i := slices.IndexFunc(infos, func(k Info) bool { return k.KID == kid })
	if i < 0 {
		return Info{}, fmt.Errorf("%w: %q", ErrUnknownKey, kid)
	}
	return infos[i], nil
}

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
		plain, err := r.o.Master.Open(row.Sealed, placeOf(row.KID))
		if err != nil {
			return fmt.Errorf("open key %q: %w", row.KID, err)
		}
		if row.Sealed, err = r.o.Master.Seal(plain, placeOf(row.KID)); err != nil {
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
	got, err := r.o.Store.Lock(ctx, lockName, r.holder, now, now.Add(lockTime))
	if err != nil {
		return err
	}
	if !got {
		return ErrBusy
	}
	err = fn(ctx)
	unlocked := r.o.Store.Unlock(context.WithoutCancel(ctx), lockName, r.holder)
	return errors.Join(err, unlocked, r.Refresh(ctx))
}
