package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"signet/internal/seal"
	"signet/storage"
)

// The refresh key is derived from the master key and an epoch. Each epoch that is still accepted has a row "refresh-N" with
// alg "refresh": the highest is current. The row holds no secret, only its own name sealed, which shows at start that the
// master key is the right one. An emergency deletes the rows of the older epochs.

// refreshKey signs and verifies refresh tokens of one epoch under one master key.
type refreshKey struct {
	kid    string
	header string
	secret []byte
}

// epochs are the refresh keys of a snapshot.
type epochs struct {
	current  refreshKey
	accepted map[string]refreshKey // by encoded header
	kids     map[string]bool
}

// newEpochs derives the keys of the given epochs and of the one to come: a replica that has read the ring a moment before us
// may sign with that one already.
func newEpochs(m *seal.Master, known []int64) epochs {
	e := epochs{accepted: map[string]refreshKey{}, kids: map[string]bool{}}
	if len(known) == 0 {
		return e
	}
	current := slices.Max(known)
	for _, n := range append(known, current+1) {
		for i, k := range refreshKeys(m, n) {
			e.accepted[k.header], e.kids[k.kid] = k, true
			if n == current && i == 0 {
				e.current = k
			}
		}
	}
	return e
}

// refreshKeys are the keys of an epoch, one for each master key. The kid names both: the epoch in front, then six bytes
// derived from the master key.
func refreshKeys(m *seal.Master, epoch int64) []refreshKey {
	n := strconv.FormatInt(epoch, 10)
	names := m.DeriveAll("refresh key name " + n)
	keys := make([]refreshKey, len(names))
	for i, secret := range m.DeriveAll("refresh key " + n) {
		kid := n + "." + segment.EncodeToString(names[i][:6])
		keys[i] = refreshKey{kid, encodeHeader("HS256", kid, TypRefresh), secret}
	}
	return keys
}

const epochPrefix = "refresh-"

func epochOf(kid string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(kid, epochPrefix), 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a refresh epoch", kid)
	}
	return n, nil
}

// openEpoch checks an epoch's row; it fails with seal.ErrWrongKey when the master key is another one.
func openEpoch(row storage.Key, m *seal.Master) (int64, error) {
	if _, err := m.Open(row.Sealed, placeOf(row)); err != nil {
		return 0, fmt.Errorf("open %q: %w", row.KID, err)
	}
	return epochOf(row.KID)
}

// makeEpoch is the row of an epoch.
func makeEpoch(epoch int64, m *seal.Master, now time.Time) (storage.Key, error) {
	kid := epochPrefix + strconv.FormatInt(epoch, 10)
	row := storage.Key{KID: kid, Alg: Refresh, State: active, MadeAt: now, SignsFrom: now}
	var err error
	row.Sealed, err = m.Seal([]byte(kid), placeOf(row))
	return row, err
}

// RotateRefresh raises the refresh epoch: new refresh tokens are signed with a new key, older ones stay good until they are
// used (or `key retire` names their epoch). In an emergency the older epochs are forgotten: every refresh token ends.
func (r *Ring) RotateRefresh(ctx context.Context, emergency bool) (Info, error) {
	var made storage.Key
	err := r.change(ctx, func(ctx context.Context) error {
		rows, err := r.o.Store.Keys(ctx)
		if err != nil {
			return err
		}
		current, older := currentEpoch(rows)
		now := time.Now()
		if made, err = makeEpoch(current+1, r.o.Master, now); err != nil {
			return err
		}
		return r.o.Store.Tx(ctx, func(ctx context.Context) error {
			if err := errors.Join(r.insert(ctx, made), r.note(ctx, "key.activated", made)); err != nil {
				return err
			}
			for _, row := range older {
				switch {
				case emergency:
					err = r.remove(ctx, row)
				case row.State == active:
					err = r.move(ctx, row, change{do: moveTo, state: retiring, signsFrom: row.SignsFrom})
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	return infoOf(made), err
}

// currentEpoch is the highest epoch, 0 if there is none, and the rows of all epochs.
func currentEpoch(rows []storage.Key) (current int64, all []storage.Key) {
	for _, row := range rows {
		if row.Alg != Refresh {
			continue
		}
		if n, err := epochOf(row.KID); err == nil {
			current = max(current, n)
		}
		all = append(all, row)
	}
	return current, all
}
