package kit

import (
	"crypto/sha256"
	"sync"
	"time"
)

// most are remembered in a memory; the oldest are forgotten first, in two generations.
const most = 4096

// memory remembers values by the hash of a token, each until a time of its own.
type memory[T any] struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]remembered[T]
}

type remembered[T any] struct {
	value T
	until time.Time
}

func (m *memory[T]) get(token string) (value T, ok bool) { return m.at(sha256.Sum256([]byte(token))) }

func (m *memory[T]) put(token string, value T, until time.Time) {
	m.set(sha256.Sum256([]byte(token)), value, until)
}

// at is get for who has the hash.
func (m *memory[T]) at(key [sha256.Size]byte) (value T, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.young[key]
	if !ok {
		if r, ok = m.old[key]; !ok {
			return value, false
		}
		m.keep(key, r)
	}
	if !time.Now().Before(r.until) {
		return value, false
	}
	return r.value, true
}

// set is put for who has the hash.
func (m *memory[T]) set(key [sha256.Size]byte, value T, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, remembered[T]{value, until})
}

func (m *memory[T]) keep(key [sha256.Size]byte, r remembered[T]) {
	if len(m.young) >= most/2 {
		m.old, m.young = m.young, nil
	}
	if m.young == nil {
		m.young = make(map[[sha256.Size]byte]remembered[T])
	}
	m.young[key] = r
}
