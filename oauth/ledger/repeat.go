package ledger

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"signet/audit"
)

// Many answers inside the grace window for one grant are a sign that two parties share its tokens (security requirement
// J13). They are counted here, in this process and within bounds, because a repeated answer writes nothing.
const (
	manyRepeats   = 5
	repeatsWithin = time.Hour
	repeatsKept   = 8192
)

type repeats struct {
	mu   sync.Mutex
	seen *lru.Cache[string, tally]
}

type tally struct {
	since time.Time
	n     int
}

func newRepeats() (*repeats, error) {
	seen, err := lru.New[string, tally](repeatsKept)
	return &repeats{seen: seen}, err
}

// more counts one and reports whether it is the one too many.
func (r *repeats) more(grantID string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, _ := r.seen.Get(grantID)
	if now.Sub(t.since) >= repeatsWithin {
		t = tally{since: now}
	}
	t.n++
	r.seen.Add(grantID, t)
	return t.n == manyRepeats+1
}

// repeated counts an answer inside the grace window; the one too many in an hour is an event.
func (l *Ledger) repeated(ctx context.Context, req *Request) error {
	if !l.repeats.more(req.State.ID, req.Now) {
		return nil
	}
	return l.o.Events.Record(ctx, req.event(audit.RefreshRepeated, map[string]int{"answers": manyRepeats + 1}))
}
