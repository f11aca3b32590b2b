package kit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// CallLimit is how many calls the API takes of one agent for one person, by whatever grant, in so much time: what the person allowed
// it. The zero CallLimit is none.
type CallLimit struct {
	Calls int64
	Each  time.Duration
}

// Counter counts calls. Several replicas of an API have one for all of them together; without one the limit holds at each.
type Counter interface {
	// Count adds one to the calls of the key, and says how many they are, this one included, and until when they are counted together: so
	// long from the first of them on.
	Count(ctx context.Context, key string, each time.Duration) (calls int64, until time.Time, err error)
}

// mostCounted are as many agents of people as are counted at a time by one process.
const mostCounted = 1 << 17

// counted is the memory of one process. What is counted is forgotten by its time alone; once it is full nothing new is taken.
type counted struct {
	mu    sync.Mutex
	calls map[string]span
	swept time.Time
}

type span struct {
	calls int64
	until time.Time
}

// Count implements Counter.
func (c *counted) Count(_ context.Context, key string, each time.Duration) (int64, time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	w, ok := c.calls[key]
	if ok && !now.Before(w.until) {
		ok = false
	}
	if !ok {
		w = span{until: now.Add(each)}
		if len(c.calls) >= mostCounted && now.Sub(c.swept) >= time.Second {
			maps.DeleteFunc(c.calls, func(_ string, w span) bool { return !now.Before(w.until) })
			c.swept = now
		}
		if _, there := c.calls[key]; !there && len(c.calls) >= mostCounted {
			return 0, now, errors.New("too many agents")
		}
	}
	w.calls++
	if c.calls == nil {
		c.calls = map[string]span{}
	}
	c.calls[key] = w
	return w.calls, w.until, nil
}

// tooMany is that a limit is used up, until a time.
type tooMany struct{ until time.Time }

// Error is for the log.
func (t *tooMany) Error() string { return fmt.Sprintf("%s until %v", ErrCalls, t.until.UTC()) }

// Unwrap makes it ErrCalls.
func (t *tooMany) Unwrap() error { return ErrCalls }

// count counts a request that is good and whose demands are met.
func (a *API) count(ctx context.Context, t *Token) error {
	if t.CallLimit.Calls == 0 {
		return nil
	}
	agent := t.ClientID
	if n := len(t.Actors); n > 0 { // the last is the agent, whoever it handed over to
		agent = t.Actors[n-1].Subject
	}
	calls, until, err := a.o.Calls.Count(ctx, strings.Join([]string{a.resource, agent, t.Subject}, "\n"), t.CallLimit.Each)
	if err != nil {
		return fmt.Errorf("%w: count a call: %w", ErrUnavailable, err)
	}
	if calls > t.CallLimit.Calls {
		return &tooMany{until}
	}
	return nil
}

// limit reads call_limit. One that is not understood may be less than it seems.
func (t *Token) limit(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	var says map[string]float64
	if err := json.Unmarshal(raw, &says); err != nil {
		return fmt.Errorf("%w: call_limit: %w", ErrMalformed, err)
	}
	whole := func(f float64) bool { return f >= 1 && f <= 1e9 && f == math.Trunc(f) }
	if len(says) != 2 || !whole(says["calls"]) || !whole(says["seconds"]) {
		return fmt.Errorf("%w: call_limit is %.200s", ErrMalformed, raw)
	}
	t.CallLimit = CallLimit{int64(says["calls"]), time.Duration(says["seconds"]) * time.Second}
	return nil
}
