// Package keystest gives tests a key ring on a memory store.
package keystest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"signet/internal/seal"
	"signet/oauth/keys"
	"signet/storage"
)

// Master is a master key of 32 bytes that depend on b.
func Master(t testing.TB, b ...byte) *seal.Master {
	t.Helper()
	var all [][]byte
	for _, v := range append(b, 7)[:max(1, len(b))] {
		k := bytes.Repeat([]byte{v}, seal.KeySize)
		k[0]++
		all = append(all, k)
	}
	m, err := seal.New(all...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Ring is a ring of its own, with the given algorithms (none = ES256 only, which is quick to make).
func Ring(t testing.TB, algs ...string) *keys.Ring {
	t.Helper()
	if len(algs) == 0 {
		algs = []string{keys.ES256}
	}
	store := &Store{}
	return Open(t, keys.Options{Store: store, Locks: store, Master: Master(t), Algs: algs})
}

// Open is keys.Open that fails the test.
func Open(t testing.TB, o keys.Options) *keys.Ring {
	t.Helper()
	r, err := keys.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Store is a keys.Store and its keys.Locks in memory. It does what storage promises for keys and locks; its transactions do not roll back.
type Store struct {
	mu    sync.Mutex
	rows  []storage.Key
	locks map[string]lock
	// Err, when set, is what every call answers.
	Err error
}

type lock struct {
	holder string
	until  time.Time
}

// Keys lists the rows, oldest first.
func (s *Store) Keys(context.Context) ([]storage.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rows), s.Err
}

// InsertKey adds a row.
func (s *Store) InsertKey(_ context.Context, k storage.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index(k.KID) >= 0 {
		return storage.ErrConflict
	}
	s.rows = append(s.rows, k)
	return s.Err
}

// UpdateKey replaces a row that is in the old state.
func (s *Store) UpdateKey(_ context.Context, oldState string, k storage.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(k.KID)
	if i < 0 || s.rows[i].State != oldState {
		return storage.ErrStale
	}
	s.rows[i] = k
	return s.Err
}

// DeleteKey removes a row.
func (s *Store) DeleteKey(_ context.Context, kid string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = slices.DeleteFunc(s.rows, func(k storage.Key) bool { return k.KID == kid })
	return s.Err
}

// Lock takes the named lock.
func (s *Store) Lock(_ context.Context, name, holder string, now, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.locks[name]; ok && l.holder != holder && now.Before(l.until) {
		return false, s.Err
	}
	if s.locks == nil {
		s.locks = map[string]lock{}
	}
	s.locks[name] = lock{holder, until}
	return true, s.Err
}

// Unlock gives it back.
func (s *Store) Unlock(_ context.Context, name, holder string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks[name].holder == holder {
		delete(s.locks, name)
	}
	return s.Err
}

// Tx runs fn.
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context) error) error { return fn(ctx) }

func (s *Store) index(kid string) int {
	return slices.IndexFunc(s.rows, func(k storage.Key) bool { return k.KID == kid })
}
