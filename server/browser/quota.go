package browser

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"signet/storage"
)

// Shares of the bound of all rows: at most so much of it for one IPv6 site (/48), for one provider (/32), and for whoever comes
// while nothing may give way.
const (
	siteShare     = 8
	providerShare = 4
	newShare      = 16
)

// quota knows, as of a moment ago, how many unexpired rows each network has, and keeps their number bounded: the widest prefix with
// most of them gives way first, within it the one with most, and so on down to the network. What others add is seen at the next
// count; so the bound may be passed by what a second brings, and never by more than as much again.
type quota struct {
	store BoundsStore
	most  int

	mu     sync.Mutex
	at     time.Time
	total  int
	counts map[string]*counted
	wide   map[netip.Prefix]int
	stuck  map[netip.Prefix]bool // where nothing more may give way, as of the last count; the zero prefix is everywhere
}

// counted is a network with its rows, and the prefixes around it, the widest first: none for IPv4.
type counted struct {
	network        string
	live, answered int
	around         []netip.Prefix
}

func (n *counted) rows() int { return n.live + n.answered }

// Counts are this old at most: a second where rows are many, else half a minute.
const (
	freshFor = time.Second
	calmFor  = 30 * time.Second
)

func newQuota(store BoundsStore, most int) *quota { return &quota{store: store, most: most} }

// around lists the IPv6 prefixes above a network that rows are counted for as well.
func around(network string) []netip.Prefix {
	p, err := netip.ParsePrefix(network)
	if err != nil || !p.Addr().Is6() {
		return nil
	}
	list := make([]netip.Prefix, 0, 2)
	for _, bits := range []int{32, 48} {
		if wide, err := p.Addr().Prefix(bits); err == nil {
			list = append(list, wide)
		}
	}
	return list
}

// admit makes space for one more row of the network. storage.ErrTooMany: there is none for it.
func (c *quota) admit(ctx context.Context, network string, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refresh(ctx, now); err != nil {
		return err
	}
	shares := []int{providerShare, siteShare}
	for i, wide := range around(network) {
		if c.wide[wide] >= c.most/shares[i] {
			if err := c.evict(ctx, wide, now); err != nil {
				return err
			}
		}
	}
	if c.total < c.most {
		return nil
	}
	err := c.evict(ctx, netip.Prefix{}, now)
	if errors.Is(err, storage.ErrTooMany) && c.total < 2*c.most && c.weight(network) < max(1, c.most/newShare) {
		return nil // all are young and of few: who has little still comes in
	}
	return err
}

// weight is how many rows the widest prefix of a network has.
func (c *quota) weight(network string) int {
	n := c.counts[network]
	switch {
	case n == nil:
		if list := around(network); len(list) > 0 {
			return c.wide[list[0]]
		}
		return 0
	case len(n.around) > 0:
		return c.wide[n.around[0]]
	}
	return n.rows()
}

// refresh counts again where the count is too old.
func (c *quota) refresh(ctx context.Context, now time.Time) error {
	age := now.Sub(c.at)
	if c.counts != nil && (age < freshFor || age < calmFor && c.total < c.most/2) {
		return nil
	}
	ctx, _ = storage.WithStats(ctx) // it is for all who come until the next: not a statement of this request
	list, err := c.store.CountInteractions(ctx, now)
	if err != nil {
		return err
	}
	c.at, c.total = now, 0
	c.counts, c.wide, c.stuck = make(map[string]*counted, len(list)), map[netip.Prefix]int{}, map[netip.Prefix]bool{}
	for network, rows := range list {
		n := &counted{network, rows[0], rows[1], around(network)}
		c.counts[network] = n
		c.add(n, n.rows())
	}
	return nil
}

func (c *quota) add(n *counted, rows int) {
	c.total += rows
	for _, wide := range n.around {
		c.wide[wide] += rows
	}
}

// evict has rows within a prefix give way, a hundredth of all at once so that not each new one has to look: of the heaviest network of
// the heaviest prefixes, or of the next ones where all of its rows stay.
func (c *quota) evict(ctx context.Context, within netip.Prefix, now time.Time) error {
	if c.stuck[within] {
		return storage.ErrTooMany
	}
	var list []*counted
	for _, n := range c.counts {
		if n.rows() > 0 && (!within.IsValid() || slices.Contains(n.around, within)) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b *counted) int { return slices.Compare(c.weights(b), c.weights(a)) })
	for _, n := range list[:min(len(list), evictFor)] {
		gone, err := c.evictFrom(ctx, n, now)
		if err != nil || gone > 0 {
			return err
		}
	}
	c.stuck[within] = true
	return storage.ErrTooMany
}

// evictFrom takes a quarter of a network's rows at most: answered ones first, which are only for who clicks twice.
func (c *quota) evictFrom(ctx context.Context, n *counted, now time.Time) (int, error) {
	most := max(1, min(c.most/100, n.rows()/4))
	if n.answered > 0 {
		gone, err := c.store.EvictAnswered(ctx, n.network, most, now)
		n.answered -= min(n.answered, gone)
		c.add(n, -gone)
		if err != nil || gone > 0 {
			return gone, err
		}
	}
	gone, err := c.store.EvictInteractions(ctx, storage.Interaction{Network: n.network, CreatedAt: now}, now.Add(-youngFor), 0, most)
	n.live -= min(n.live, gone)
	c.add(n, -gone)
	return gone, err
}

// weights are the counts from the widest prefix of a network down to itself, as many for every network.
func (c *quota) weights(n *counted) []int {
	list := []int{n.rows(), n.rows(), n.rows()}
	for i, wide := range n.around {
		list[i] = c.wide[wide]
	}
	return list
}

// came notes a row that was written.
func (c *quota) came(network string) { c.change(network, 1) }

// left notes a row that gave way.
func (c *quota) left(network string) { c.change(network, -1) }

func (c *quota) change(network string, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		return
	}
	n := c.counts[network]
	if n == nil {
		n = &counted{network: network, around: around(network)}
		c.counts[network] = n
	}
	n.live += by
	c.add(n, by)
}
