package pushed

import (
	"context"
	"strings"
	"sync"
	"time"

	"signet/storage"
)

// census knows, as of a moment ago, how many requests wait for a browser, and keeps their number and size bounded. What other replicas
// add is seen at the next count.
type census struct {
	bounds Bounds
	rows   int
	bytes  int64
	count  func(outcome string)

	mu     sync.Mutex
	at     time.Time
	had    int
	size   int64
	shares map[string]*share
}

// share is what one owner has.
type share struct {
	owner string
	rows  int
	bytes int64
}

// Counts are this old at most: a second where rows are many, else half a minute.
const (
	freshFor = time.Second
	calmFor  = 30 * time.Second
)

// admit makes space for one more.
func (c *census) admit(ctx context.Context, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refresh(ctx, now); err != nil {
		return err
	}
	for c.had >= c.rows || c.size >= c.bytes {
		fullest := c.fullest()
		if fullest == nil { // what others added
			c.at = time.Time{}
			if err := c.refresh(ctx, now); err != nil {
				return err
			}
			if fullest = c.fullest(); fullest == nil {
				return nil // all are begun or expired meanwhile: nothing waits
			}
		}
		rows, err := c.bounds.EvictPushed(ctx, fullest.owner, max(1, fullest.rows/4))
		if err != nil {
			return err
		}
		c.gone(rows)
		if c.left(fullest.owner, int(rows)); rows == 0 {
			c.left(fullest.owner, fullest.rows)
		}
	}
	return nil
}

// fullest is the owner who uses most of their share.
func (c *census) fullest() (fullest *share) {
	most := 0
	for _, s := range c.shares {
		used := s.rows * (perClient / perNetwork)
		if strings.HasSuffix(s.owner, " ") {
			used = s.rows
		}
		if used > most {
			fullest, most = s, used
		}
	}
	return fullest
}

// refresh counts again where the count is too old.
func (c *census) refresh(ctx context.Context, now time.Time) error {
	age := now.Sub(c.at)
	if age < freshFor || age < calmFor && c.had < c.rows/2 && c.size < c.bytes/2 {
		return nil
	}
	ctx, _ = storage.WithStats(ctx) // it is for all who come until the next: not a statement of this request
	list, err := c.bounds.PushedShares(ctx, now)
	if err != nil {
		return err
	}
	c.at, c.shares, c.had, c.size = now, make(map[string]*share, len(list)), 0, 0
	for owner, of := range list {
		c.shares[owner] = &share{owner: owner, rows: int(of[0]), bytes: of[1]}
		c.had, c.size = c.had+int(of[0]), c.size+of[1]
	}
	return nil
}

// came notes one more.
func (c *census) came(owner string, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.shares[owner]
	if s == nil {
		s = &share{owner: owner}
		c.shares[owner] = s
	}
	s.rows, s.bytes = s.rows+1, s.bytes+int64(size)
	c.had, c.size = c.had+1, c.size+int64(size)
}

// left notes that so many of an owner's are gone, each of their middle size.
func (c *census) left(owner string, rows int) {
	s := c.shares[owner]
	if s == nil || rows == 0 {
		return
	}
	rows = min(rows, s.rows)
	size := s.bytes * int64(rows) / int64(s.rows)
	c.had, c.size = c.had-rows, c.size-size
	if s.rows, s.bytes = s.rows-rows, s.bytes-size; s.rows == 0 {
		delete(c.shares, owner)
	}
}

// evict makes an owner's oldest give way.
func (c *census) evict(ctx context.Context, owner string, most int) error {
	rows, err := c.bounds.EvictPushed(ctx, owner, most)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left(owner, int(rows))
	c.gone(rows)
	return nil
}

func (c *census) gone(n int64) {
	for range n {
		c.count("evicted")
	}
}
