package keys

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"signet/storage"
)

// firstLead is how long the first key of an algorithm is published before it signs: as long as replicas need to see it. Nobody has an older
// set of keys for it, as nobody used the algorithm.
const firstLead = 3 * time.Second

// Need makes the first key of each of the algorithms that has none, of those in OnNeed; it signs, or is encrypted to, 3 seconds later
// (Options.Alone: at once). It costs nothing where they are there. ErrNoKey for one that is not known.
func (r *Ring) Need(ctx context.Context, algs ...string) error {
	missing := slices.DeleteFunc(slices.Clone(algs), r.seen.Load().has)
	if len(missing) == 0 {
		return nil
	}
	for _, alg := range missing {
		if algorithms[alg] == nil {
			return fmt.Errorf("%w: %q", ErrNoKey, alg)
		}
	}
	return r.change(ctx, func(ctx context.Context) error {
		rows, err := r.o.Store.Keys(ctx)
		if err != nil {
			return err
		}
		for _, alg := range missing {
			if slices.ContainsFunc(rows, func(k storage.Key) bool { return k.Alg == alg && (k.State == active || k.State == next) }) {
				continue // another replica was quicker
			}
			row, err := generate(alg, r.o)
			if err != nil {
				return err
			}
			now, lead := time.Now(), firstLead
			if r.o.Alone {
				lead = 0
			}
			row.State, row.MadeAt, row.SignsFrom = next, now, now.Add(lead)
			if err := r.o.Store.Tx(ctx, func(ctx context.Context) error { return r.insert(ctx, row) }); err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
}

// Await is Need, and waits until the keys are good for use.
func (r *Ring) Await(ctx context.Context, algs ...string) error {
	if err := r.Need(ctx, algs...); err != nil {
		return err
	}
	var last time.Time
	for _, alg := range algs {
		s := r.seen.Load()
		if first := s.first[alg]; s.signers[alg] == nil && first != nil && first.row.SignsFrom.After(last) {
			last = first.row.SignsFrom
		}
	}
	if !time.Now().Before(last) {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Until(last)):
		return nil
	}
}

// Signs reports whether a key signs with the algorithm now.
func (r *Ring) Signs(alg string) bool { return r.seen.Load().signer(alg) != nil }

// has reports whether there is a key of the algorithm that signs or will.
func (s *snapshot) has(alg string) bool { return s.signers[alg] != nil || s.first[alg] != nil }

// signer is the key that signs with the algorithm; nil = none does.
func (s *snapshot) signer(alg string) *key {
	if a := algorithms[alg]; a == nil || a.sign == nil {
		return nil
	}
	if k := s.signers[alg]; k != nil {
		return k
	}
	if k := s.first[alg]; k != nil && !time.Now().Before(k.row.SignsFrom) {
		return k
	}
	return nil
}

// ranked are the algorithms in the order of the JWKS: the ring's own, then the others.
func ranked(own []string) []string {
	all := slices.Clone(own)
	for _, alg := range order {
		if !slices.Contains(all, alg) {
			all = append(all, alg)
		}
	}
	return all
}

// inUse are the algorithms whose keys are kept by the timetable: the ring's own, and those that somebody needed.
func inUse(own []string, rows []storage.Key) []string {
	return slices.DeleteFunc(ranked(own), func(alg string) bool {
		return !slices.Contains(own, alg) &&
			!slices.ContainsFunc(rows, func(k storage.Key) bool { return k.Alg == alg && (k.State == active || k.State == next) })
	})
}

func byRank(algs []string) func(a, b *key) int {
	place := map[string]int{active: 0, next: 1, retiring: 2, retired: 3}
	return func(a, b *key) int {
		return cmp.Or(
			cmp.Compare(slices.Index(algs, a.row.Alg), slices.Index(algs, b.row.Alg)),
			cmp.Compare(place[a.row.State], place[b.row.State]),
			b.row.MadeAt.Compare(a.row.MadeAt), cmp.Compare(a.row.KID, b.row.KID))
	}
}
