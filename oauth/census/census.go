// Package census keeps bounded what strangers may leave here to wait: it knows, as of a moment ago, how many rows there are and whose, and
// at the server's bound makes the oldest of the owner with the largest share give way. Owners are bounded by the insert itself.
//
// What other replicas add is seen at the next count. Begin with Census.Admit.
package census

import (
	"context"
	"sync"
	"time"

	"signet/storage"
)

// Bounds tell how many rows wait, and make some give way.
type Bounds interface {
	// Shares are rows and bytes, by owner.
	Shares(ctx context.Context, now time.Time) (map[string][2]int64, error)
	// Evict deletes at most so many of an owner's, the oldest first.
	Evict(ctx context.Context, owner string, most int) (int64, error)
}

// Options of New. All are required.
type Options struct {
	Bounds Bounds
	Rows   int   // that the server keeps
	Bytes  int64 // that they may have together
	// Weight of an owner's row: who may have few of them uses more of their share with one.
	Weight func(owner string) int
	// Evicted counts one that gave way.
	Evicted func()
}

// Census is the count. It is safe for concurrent use.
type Census struct {
	o Options

	mu     sync.Mutex
	at     time.Time
	had    int
	size   int64
	shares map[string]*share
}

// New makes one that has not counted yet.
func New(o Options) *Census { return &Census{o: o} }

// Bound sets what the server may keep.
func (c *Census) Bound(rows int, bytes int64) { c.o.Rows, c.o.Bytes = rows, bytes }

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

// Admit makes space for one more.
func (c *Census) Admit(ctx context.Context, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refresh(ctx, now); err != nil {
		return err
	}
	for c.had >= c.o.Rows || c.size >= c.o.Bytes {
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
		rows, err := c.o.Bounds.Evict(ctx, fullest.owner, max(1, fullest.rows/4))
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
func (c *Census) fullest() (fullest *share) {
	most := 0
	for _, s := range c.shares {
		if used := s.rows * c.o.Weight(s.owner); used > most {
			fullest, most = s, used
		}
	}
	return fullest
}

// refresh counts again where the count is too old.
func (c *Census) refresh(ctx context.Context, now time.Time) error {
	age := now.Sub(c.at)
	if age < freshFor || age < calmFor && c.had < c.o.Rows/2 && c.size < c.o.Bytes/2 {
		return nil
	}
	ctx, _ = storage.WithStats(ctx) // it is for all who come until the next: not a statement of this request
	list, err := c.o.Bounds.Shares(ctx, now)
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

// Came notes one more.
func (c *Census) Came(owner string, size int) {
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
func (c *Census) left(owner string, rows int) {
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

// Evict makes an owner's oldest give way.
func (c *Census) Evict(ctx context.Context, owner string, most int) error {
	rows, err := c.o.Bounds.Evict(ctx, owner, most)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left(owner, int(rows))
	c.gone(rows)
	return nil
}

func (c *Census) gone(n int64) {
	for range n {
		c.o.Evicted()
	}
}
