package ledger

import (
	"context"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"signet/audit"
	"signet/storage"
)

// Many answers inside the grace window for one grant are a sign that two parties share its tokens (security requirement
// J13). They are counted for all replicas. The first in a process, as an honest app's that lost its answer, writes nothing; nor do those
// after the one too many.
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

// Counters are shared by the replicas; *storage.DB.
type Counters interface {
	AddToCounter(ctx context.Context, key string, n int64, now time.Time, window time.Duration) (storage.Counter, error)
}

// more counts one in this process, and gives how many there are.
func (r *repeats) more(grantID string, now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, _ := r.seen.Get(grantID)
	if now.Sub(t.since) >= repeatsWithin {
		t = tally{since: now}
	}
	t.n++
	r.seen.Add(grantID, t)
	return t.n
}

// repeated counts an answer inside the grace window; the one too many in an hour is an event.
func (l *Ledger) repeated(ctx context.Context, req *Request) error {
	n := int64(l.repeats.more(req.State.ID, req.Now))
	before := n - 1
	if l.o.Counters != nil {
		if n == 1 || n > manyRepeats+1 {
			return nil
		}
		add := int64(1)
		if n == 2 { // and the first
			add = 2
		}
		c, err := l.o.Counters.AddToCounter(ctx, "repeats:"+req.State.ID, add, req.Now, repeatsWithin)
		if err != nil {
			return fmt.Errorf("count repeated answers: %w", err)
		}
		n, before = c.Count, c.Count-add
	}
	if before > manyRepeats || n <= manyRepeats {
		return nil
	}
	return l.o.Events.Record(ctx, req.event(audit.RefreshRepeated, map[string]int{"answers": manyRepeats + 1}))
}
