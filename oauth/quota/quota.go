// Package quota keeps bounded what strangers may leave here to wait: it knows, as of a moment ago, how many rows there are and whose, and
// at the server's bound makes the oldest of the owner with the largest share give way. Owners are bounded by the insert itself.
//
// What other replicas add is seen at the next count. Begin with Quota.Admit.
package quota

import (
	"context"
	"net/netip"
	"slices"
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
	// Network of an owner, "" = it has none: what an IPv6 site (/48) and a provider (/32) have together counts as one (rule V07).
	Network func(owner string) string
	// Evicted counts one that gave way.
	Evicted func()
}

// Quota counts and evicts. It is safe for concurrent use.
type Quota struct {
	o Options

	mu     sync.Mutex
	at     time.Time
	had    int
	size   int64
	shares map[string]*share
	wide   map[netip.Prefix]int // what the owners within a prefix use
}

// New makes one that has not counted yet.
func New(o Options) *Quota { return &Quota{o: o} }

// Bound sets what the server may keep.
func (q *Quota) Bound(rows int, bytes int64) { q.o.Rows, q.o.Bytes = rows, bytes }

// share is what one owner has.
type share struct {
	owner  string
	rows   int
	bytes  int64
	around [2]netip.Prefix // provider and site; zero = none
}

// most are the owners that give way at once: not each new row has to look for them.
const most = 16

// Counts are this old at most: a second where rows are many, else half a minute.
const (
	freshFor = time.Second
	calmFor  = 30 * time.Second
)

// Admit makes space for one more.
func (q *Quota) Admit(ctx context.Context, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refresh(ctx, now); err != nil {
		return err
	}
	for q.had >= q.o.Rows || q.size >= q.o.Bytes {
		fullest := q.fullest()
		if len(fullest) == 0 { // what others added
			q.at = time.Time{}
			if err := q.refresh(ctx, now); err != nil {
				return err
			}
			if fullest = q.fullest(); len(fullest) == 0 {
				return nil // all are begun or expired meanwhile: nothing waits
			}
		}
		for _, s := range fullest {
			rows, err := q.o.Bounds.Evict(ctx, s.owner, max(1, s.rows/4))
			if err != nil {
				return err
			}
			q.gone(rows)
			if q.left(s.owner, int(rows)); rows == 0 {
				q.left(s.owner, s.rows)
			}
		}
	}
	return nil
}

// fullest are who uses most of their share: of the provider and the site that use most, where there are such, those with most; more than
// one only where they are of one site or provider, which goes on using most without them.
func (q *Quota) fullest() []*share {
	var list []*share
	first, second := [3]int{}, 0
	for _, s := range q.shares {
		if s.rows == 0 {
			continue
		}
		switch used := q.used(s); slices.Compare(used[:], first[:]) {
		case 1:
			if len(list) > 0 && s.around != list[0].around {
				second = max(second, first[0])
			}
			first, list = used, append(list[:0], s)
		case 0:
			if s.around == list[0].around && s.around[0].IsValid() && len(list) < most {
				list = append(list, s)
			} else if s.around != list[0].around {
				second = max(second, used[0])
			}
		default:
			if s.around != list[0].around {
				second = max(second, used[0])
			}
		}
	}
	if len(list) > 1 && first[0]-len(list)*first[2] < second {
		list = list[:1]
	}
	return list
}

// used is what a row's provider, site and owner use.
func (q *Quota) used(s *share) [3]int {
	own := s.rows * q.o.Weight(s.owner)
	used := [3]int{own, own, own}
	for i, wide := range s.around {
		if wide.IsValid() {
			used[i] = q.wide[wide]
		}
	}
	return used
}

// change notes rows that came or went.
func (q *Quota) change(s *share, rows int, bytes int64) {
	s.rows, s.bytes = s.rows+rows, s.bytes+bytes
	q.had, q.size = q.had+rows, q.size+bytes
	for _, wide := range s.around {
		if wide.IsValid() {
			q.wide[wide] += rows * q.o.Weight(s.owner)
		}
	}
	if s.rows == 0 {
		delete(q.shares, s.owner)
	}
}

// share finds or makes that of an owner.
func (q *Quota) share(owner string) *share {
	s := q.shares[owner]
	if s != nil {
		return s
	}
	s = &share{owner: owner}
	q.shares[owner] = s
	if p, err := netip.ParsePrefix(q.o.Network(owner)); err == nil && p.Addr().Is6() {
		for i, bits := range []int{32, 48} {
			s.around[i], _ = p.Addr().Prefix(bits) // it has as many
		}
	}
	return s
}

// refresh counts again where the count is too old.
func (q *Quota) refresh(ctx context.Context, now time.Time) error {
	age := now.Sub(q.at)
	if age < freshFor || age < calmFor && q.had < q.o.Rows/2 && q.size < q.o.Bytes/2 {
		return nil
	}
	ctx, _ = storage.WithStats(ctx) // it is for all who come until the next: not a statement of this request
	list, err := q.o.Bounds.Shares(ctx, now)
	if err != nil {
		return err
	}
	q.at, q.shares, q.wide, q.had, q.size = now, make(map[string]*share, len(list)), map[netip.Prefix]int{}, 0, 0
	for owner, of := range list {
		q.change(q.share(owner), int(of[0]), of[1])
	}
	return nil
}

// Came notes one more.
func (q *Quota) Came(owner string, size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.change(q.share(owner), 1, int64(size))
}

// left notes that so many of an owner's are gone, each of their middle size.
func (q *Quota) left(owner string, rows int) {
	s := q.shares[owner]
	if s == nil || rows == 0 {
		return
	}
	rows = min(rows, s.rows)
	q.change(s, -rows, -(s.bytes * int64(rows) / int64(s.rows)))
}

// Evict makes an owner's oldest give way.
func (q *Quota) Evict(ctx context.Context, owner string, most int) error {
	rows, err := q.o.Bounds.Evict(ctx, owner, most)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left(owner, int(rows))
	q.gone(rows)
	return nil
}

func (q *Quota) gone(n int64) {
	for range n {
		q.o.Evicted()
	}
}
