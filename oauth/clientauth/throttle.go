package clientauth

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"signet/clients"
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
	maxFailures   = 8192
)

// throttle remembers failures, in this process. Ids that nobody has are remembered apart: however many are made up, they push out
// no count of a client.
type throttle struct {
	network        func(r *http.Request) string
	known, unknown *lru.Cache[string, *failure]
}

func newThrottle(network func(r *http.Request) string) (*throttle, error) {
	known, err := lru.New[string, *failure](maxFailures)
	if err != nil {
		return nil, err
	}
	unknown, err := lru.New[string, *failure](maxFailures)
	if network == nil {
		network = func(*http.Request) string { return "" }
	}
	return &throttle{network: network, known: known, unknown: unknown}, err
}

// judged runs a check of a credential, under the limit of its client id and network (rule V05). What cannot be guessed is checked
// first: only a failure can be told to wait, so nobody else's failures refuse the client, and a success forgets them. What can be
// guessed is checked only while nobody has to wait, one at a time, so that no number of guesses at once runs past the limit; a success
// forgets nothing, or a guesser in the client's network would begin anew each time the client comes.
func (t *throttle) judged(r *http.Request, c *clients.Client, cred credentials, check func() (string, error)) (why string, err error) {
	cache, key := t.place(r, c, cred)
	if c == nil || !cred.isSecret() || !c.GuessableSecret() {
		why, err = check()
		if err != nil {
			return "", err
		}
		if why == "" {
			cache.Remove(key)
			return "", nil
		}
		return why, entry(cache, key).failed(time.Now())
	}
	f := entry(cache, key)
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if err := f.pause(now); err != nil {
		return "", err
	}
	if why, err = check(); err == nil && why != "" {
		f.add(now)
	}
	return why, err
}

// place is where the failures of a client id and network are counted.
func (t *throttle) place(r *http.Request, c *clients.Client, cred credentials) (cache *lru.Cache[string, *failure], key string) {
	key = cred.id
	if len(key) > longestID {
		key = "" // no client has it, and the memory of the table is bounded
	}
	key += "\x00" + t.network(r)
	if c == nil {
		return t.unknown, key
	}
	return t.known, key
}

// entry finds or makes the count of a key.
func entry(cache *lru.Cache[string, *failure], key string) *failure {
	if f, ok := cache.Get(key); ok {
		return f
	}
	f := &failure{}
	if old, ok, _ := cache.PeekOrAdd(key, f); ok {
		return old
	}
	return f
}

// failed counts one failure, unless the caller has to wait: then that is the answer.
func (f *failure) failed(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.pause(now); err != nil {
		return err
	}
	f.add(now)
	return nil
}

// pause tells a caller who has to wait how long.
func (f *failure) pause(now time.Time) error {
	if wait := f.until.Sub(now); wait > 0 {
		return tooMany(wait)
	}
	return nil
}

func (f *failure) add(now time.Time) {
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
