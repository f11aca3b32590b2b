package keys

import (
	"context"
	"errors"
	"fmt"
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
	if !slices.Contains(r.o.Algs, alg) && !r.seen.Load().has(alg) {
		return Info{}, fmt.Errorf("%w: %q", ErrNoKey, alg)
	}
	var made Info // as it is before anybody else may change the ring
	err := r.change(ctx, func(ctx context.Context) error {
		renew := r.hasten
		if emergency {
			renew = r.replace
		}
		kid, err := renew(ctx, alg, time.Now())
		if err == nil && !emergency {
			err = r.settle(ctx, time.Now())
		}
		if err == nil {
			made, err = r.info(ctx, kid)
		}
		return err
	})
	if err != nil {
		return Info{}, err
	}
	return made, nil
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
