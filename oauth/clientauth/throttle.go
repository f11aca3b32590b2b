package clientauth

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"signet/oauth/refusal"
)

// failure counts failed authentications of one client id from one network; after some the answers come later and later.
type failure struct {
	mu    sync.Mutex
	count int
	until time.Time
	last  time.Time
}

const (
	freeFailures  = 20
	longestPause  = time.Minute
	failureMemory = 10 * time.Minute
	longestID     = 128 // as clients.Metadata has it
)

// throttle returns the failures of this id and network so far, nil if there were none, and their key.
func (a *Authenticator) throttle(id string, r *http.Request) (*failure, string) {
	key := id
	if len(key) > longestID {
		key = "" // no client has it, and the memory of the table is bounded
	}
	if a.o.Network != nil {
		key += "\x00" + a.o.Network(r)
	}
	f, _ := a.failures.Peek(key)
	return f, key
}

// fail counts one.
func (a *Authenticator) fail(key string, now time.Time) {
	f := &failure{}
	if old, ok, _ := a.failures.PeekOrAdd(key, f); ok {
		f = old
	}
	f.failed(now)
}

// wait is how long the caller has to pause still.
func (f *failure) wait(now time.Time) time.Duration {
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(0, f.until.Sub(now))
}

func (f *failure) failed(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.last) > failureMemory {
		f.count = 0
	}
	f.count, f.last = f.count+1, now
	if over := f.count - freeFailures; over > 0 {
		f.until = now.Add(min(longestPause, time.Second<<min(over-1, 6)))
	}
}

func tooMany(wait time.Duration) error {
	r := *refusal.InvalidClient("Too many failed tries. Wait, then try again.")
	r.Status = http.StatusTooManyRequests
	r.Header = http.Header{"Retry-After": {strconv.Itoa(int(wait/time.Second) + 1)}}
	return &r
}
