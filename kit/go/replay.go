package kit

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	mostProofs = 1 << 20 // in memory at a time
	slot       = 2 * time.Minute
)

// proofs is the memory of one process. Keys are forgotten by their time alone, in slots of two minutes: whoever sends many proofs makes
// nobody forget, and once it is full nothing new is taken.
type proofs struct {
	mu    sync.Mutex
	slots map[int64]map[string]struct{}
	n     int
}

func (p *proofs) Once(_ context.Context, key string, until time.Time) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now().Unix() / int64(slot/time.Second)
	for number, keys := range p.slots {
		if number < now {
			p.n -= len(keys)
			delete(p.slots, number)
		} else if _, used := keys[key]; used {
			return false, nil
		}
	}
	if p.n >= mostProofs {
		return false, errors.New("too many proofs")
	}
	number := until.Unix() / int64(slot/time.Second)
	if p.slots == nil {
		p.slots = map[int64]map[string]struct{}{}
	}
	if p.slots[number] == nil {
		p.slots[number] = map[string]struct{}{}
	}
	p.slots[number][key] = struct{}{}
	p.n++
	return true, nil
}
