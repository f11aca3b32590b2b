package servertest

import (
	"context"
	"slices"
	"time"

	"signet/internal/seal"
	"signet/storage"
)

func parseMaster() (*seal.Master, error) { return seal.Parse(masterKey) }

// memory is a keys.Store and its keys.Locks for one caller.
type memory struct{ rows []storage.Key }

func (m *memory) Keys(context.Context) ([]storage.Key, error) { return slices.Clone(m.rows), nil }

func (m *memory) InsertKey(_ context.Context, k storage.Key) error {
	m.rows = append(m.rows, k)
	return nil
}

func (m *memory) UpdateKey(_ context.Context, _ string, k storage.Key) error {
	i := slices.IndexFunc(m.rows, func(row storage.Key) bool { return row.KID == k.KID })
	if i < 0 {
		return storage.ErrStale
	}
	m.rows[i] = k
	return nil
}

func (m *memory) DeleteKey(_ context.Context, kid string) error {
	m.rows = slices.DeleteFunc(m.rows, func(row storage.Key) bool { return row.KID == kid })
	return nil
}

func (m *memory) Lock(context.Context, string, string, time.Time, time.Time) (bool, error) {
	return true, nil
}
func (m *memory) Unlock(context.Context, string, string) error { return nil }
func (m *memory) Tx(ctx context.Context, fn func(ctx context.Context) error) error {
	return fn(ctx)
}
