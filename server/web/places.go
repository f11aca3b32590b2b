package web

import (
	"net/netip"
	"sync"
)

// places are what requests are worked on in (V07). While more than half are free, whoever comes may have one. Beyond that a kind of
// route may take no more than three quarters of all, so that pages go on while tokens are asked for without end, and the other way
// round; and no network more than an eighth, no IPv6 /48 more than a sixth and no /32 more than a quarter.
type places struct {
	mu    sync.Mutex
	all   int
	taken int
	kinds [sides]int
	nets  map[netip.Prefix]int
}

func newPlaces(all int) *places { return &places{all: all, nets: map[netip.Prefix]int{}} }

// netWidths are the prefixes that an address is charged by, and the part of all places each may have where they are scarce.
var (
	netWidths4 = []netShare{{24, 8}}
	netWidths6 = []netShare{{56, 8}, {48, 6}, {32, 4}}
)

// adminPart is the part of all places that administrators' requests may have: one in so many.
const adminPart = 8

type netShare struct{ bits, part int }

func sharesOf(a netip.Addr) []netShare {
	if a.Is4() {
		return netWidths4
	}
	return netWidths6
}

// enter takes a place for a request of a kind and an address; false where it may have none. leave gives it back.
func (p *places) enter(kind side, a netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.all {
		return false
	}
	if kind == adminSide && adminPart*p.kinds[kind] >= p.all { // administrators never starve people and apps
		return false
	}
	if 2*p.taken >= p.all {
		if 4*p.kinds[kind] >= 3*p.all {
			return false
		}
		for _, s := range sharesOf(a) {
			if net, err := a.Prefix(s.bits); err == nil && p.nets[net] >= max(1, p.all/s.part) {
				return false
			}
		}
	}
	p.change(kind, a, 1)
	return true
}

func (p *places) leave(kind side, a netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.change(kind, a, -1)
}

func (p *places) change(kind side, a netip.Addr, by int) {
	p.taken += by
	p.kinds[kind] += by
	for _, s := range sharesOf(a) {
		net, err := a.Prefix(s.bits)
		if err != nil {
			continue
		}
		if n := p.nets[net] + by; n > 0 {
			p.nets[net] = n
		} else {
			delete(p.nets, net)
		}
	}
}

func (p *places) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}
