package pushed

import (
	"slices"
	"sync"
	"time"
)

// How many requests may wait, in this process. At a bound the oldest that nobody has opened gives way: a holder's own at its bound, at the
// server's that of the holder who has most of what it may have.
const (
	perClient  = 1_000 // of a client that proved to be itself
	perNetwork = 50    // of a public client, from one network
	perServer  = 20_000
)

// Holder is who a pushed request is counted for.
type Holder struct {
	ClientID string
	Network  string // of the caller, where the client did not prove to be itself; else ""
}

func (h Holder) bound() int {
	if h.Network == "" {
		return perClient
	}
	return perNetwork
}

// shares count what waits. Another replica counts for itself.
type shares struct {
	mu    sync.Mutex
	held  map[Holder][]waiting
	total int
	// byShare are the holders by how much of their bound they have, so that a flood does not make anybody search.
	byShare [steps + 1]map[Holder]struct{}
	swept   time.Time
}

type waiting struct {
	id     string
	ends   time.Time
	opened bool
}

// steps of a share, and how often all are looked through for those whose time is up.
const (
	steps      = 100
	sweepEvery = 10 * time.Second
)

func newShares() *shares {
	s := &shares{held: map[Holder][]waiting{}}
	for i := range s.byShare {
		s.byShare[i] = map[Holder]struct{}{}
	}
	return s
}

// add counts one and says which have to go for it. False: there is no place, for all are being signed in to.
func (s *shares) add(h Holder, id string, now time.Time) (gone []string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(h, now)
	if len(s.held[h]) >= h.bound() {
		old, ok := s.oldest(h)
		if !ok {
			return nil, false
		}
		gone = append(gone, old)
	}
	if s.total >= perServer && now.Sub(s.swept) >= sweepEvery {
		s.swept = now
		for one := range s.held {
			s.sweep(one, now)
		}
	}
	if s.total >= perServer {
		old, ok := s.oldest(s.fullest())
		if !ok {
			return gone, false
		}
		gone = append(gone, old)
	}
	s.keep(h, append(s.held[h], waiting{id: id, ends: now.Add(kept)}))
	return gone, true
}

// opened notes that a sign-in was begun.
func (s *shares) opened(h Holder, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.held[h]
	if i := slices.IndexFunc(list, func(w waiting) bool { return w.id == id }); i >= 0 {
		list[i].opened = true
	}
}

// oldest takes out the oldest that nobody has opened.
func (s *shares) oldest(h Holder) (id string, ok bool) {
	list := s.held[h]
	i := slices.IndexFunc(list, func(w waiting) bool { return !w.opened })
	if i < 0 {
		return "", false
	}
	id = list[i].id
	s.keep(h, slices.Delete(slices.Clone(list), i, i+1))
	return id, true
}

// sweep forgets those whose time is up; they are in the order in which they end.
func (s *shares) sweep(h Holder, now time.Time) {
	list := s.held[h]
	if len(list) == 0 || now.Before(list[0].ends) {
		return
	}
	s.keep(h, slices.DeleteFunc(slices.Clone(list), func(w waiting) bool { return !now.Before(w.ends) }))
}

// keep is what a holder has from now on.
func (s *shares) keep(h Holder, list []waiting) {
	before := len(s.held[h])
	delete(s.byShare[share(h, before)], h)
	s.total += len(list) - before
	if len(list) == 0 {
		delete(s.held, h)
		return
	}
	s.held[h] = list
	s.byShare[share(h, len(list))][h] = struct{}{}
}

func share(h Holder, n int) int { return min(n*steps/h.bound(), steps) }

// fullest is a holder with the largest share.
func (s *shares) fullest() Holder {
	for i := steps; i >= 0; i-- {
		for h := range s.byShare[i] {
			return h
		}
	}
	return Holder{}
}
