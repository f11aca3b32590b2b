package device

import (
	"sync"
	"time"
)

// Wrong codes of everybody are counted in this process: many of them make new codes longer, and refuse nobody.
const (
	wrongWithin = 10 * time.Minute
	wrongMany   = 1000
)

type wrong struct {
	mu    sync.Mutex
	since time.Time
	n     int
}

func (w *wrong) add(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.since) >= wrongWithin {
		w.since, w.n = now, 0
	}
	w.n++
}

// many reports whether somebody seems to guess; it stays so for a while.
func (w *wrong) many(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n >= wrongMany && now.Sub(w.since) < 2*wrongWithin
}
