// Package turns shares what is slow among those who wait for it: each network and each known browser waits in a line of its own, the lines
// take turns, and known browsers have every other turn. So whoever sends most waits longest, and nobody waits for all that others sent
// (rules V06 and V07). Begin with Queue.Enter.
package turns

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrBusy: the turn did not come in time, or too many wait.
var ErrBusy = errors.New("too many wait")

// Caller is who waits.
type Caller struct {
	Key   string // of the line: a network, or the id of a known browser
	Known bool   // the browser is known to an account
}

func (c Caller) line() string {
	if c.Known {
		return "known " + c.Key
	}
	return c.Key
}

// Shares bound how many wait at once. While less than half of them do, whoever comes may; beyond that nobody with more than a sixteenth,
// and of those who are not known no more than three quarters.
type Shares struct {
	mu      sync.Mutex
	all     int
	taken   int
	unknown int
	of      map[string]int
}

// NewShares makes them for so many.
func NewShares(all int) *Shares { return &Shares{all: all, of: map[string]int{}} }

// Enter reports whether one more may wait; then Leave has to be called.
func (s *Shares) Enter(c Caller) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.all || 2*s.taken >= s.all && s.of[c.line()] >= max(1, s.all/16) || !c.Known && 4*s.unknown >= 3*s.all {
		return false
	}
	s.change(c, 1)
	return true
}

// Leave gives it back.
func (s *Shares) Leave(c Caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change(c, -1)
}

func (s *Shares) change(c Caller, by int) {
	s.taken += by
	if !c.Known {
		s.unknown += by
	}
	if s.of[c.line()] += by; s.of[c.line()] == 0 {
		delete(s.of, c.line())
	}
}

// Queue gives out a number of places. It is safe for concurrent use.
type Queue struct {
	wait   time.Duration
	shares *Shares

	mu     sync.Mutex
	places int
	taken  int
	sides  [2]side // who is not known, and who is
	next   int     // the side whose turn it is
}

// side are the lines that take turns.
type side struct {
	order []string // of the lines that somebody waits in
	lines map[string][]chan struct{}
}

// New makes a queue for so many places, in which one waits so long at most, and no more than most at once.
func New(places, most int, wait time.Duration) *Queue {
	q := &Queue{wait: wait, shares: NewShares(most), places: places}
	for i := range q.sides {
		q.sides[i].lines = map[string][]chan struct{}{}
	}
	return q
}

// Enter waits for the caller's turn; leave gives the place on. ErrBusy, or why the context ended.
func (q *Queue) Enter(ctx context.Context, c Caller) (leave func(), err error) {
	q.mu.Lock()
	if q.taken < q.places {
		q.taken++
		q.mu.Unlock()
		return q.leave, nil
	}
	if !q.shares.Enter(c) {
		q.mu.Unlock()
		return nil, ErrBusy
	}
	defer q.shares.Leave(c)
	turn := make(chan struct{})
	s := q.side(c)
	if len(s.lines[c.Key]) == 0 {
		s.order = append(s.order, c.Key)
	}
	s.lines[c.Key] = append(s.lines[c.Key], turn)
	q.mu.Unlock()

	late := time.NewTimer(q.wait)
	defer late.Stop()
	select {
	case <-turn:
		return q.leave, nil
	case <-late.C:
		err = ErrBusy
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if !q.gone(c, turn) { // the turn came at the same moment
		q.leave()
	}
	return nil, err
}

func (q *Queue) side(c Caller) *side {
	if c.Known {
		return &q.sides[1]
	}
	return &q.sides[0]
}

// gone takes one who waited out of the line; false where they are not in it any more.
func (q *Queue) gone(c Caller, turn chan struct{}) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.side(c)
	line := s.lines[c.Key]
	i := slices.Index(line, turn)
	if i < 0 {
		return false
	}
	if line = slices.Delete(line, i, i+1); len(line) > 0 {
		s.lines[c.Key] = line
		return true
	}
	delete(s.lines, c.Key)
	s.order = slices.DeleteFunc(s.order, func(key string) bool { return key == c.Key })
	return true
}

// Taken is how many have a place.
func (q *Queue) Taken() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken
}

// Waiting is how many wait for one.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, s := range q.sides {
		for _, line := range s.lines {
			n += len(line)
		}
	}
	return n
}

// Resize changes the number of places. Nobody loses theirs: where there are fewer now, those who leave give theirs to nobody.
func (q *Queue) Resize(places int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.places = places
	q.fill()
}

func (q *Queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken--
	q.fill()
}

// fill gives the places that are free to those whose turn it is.
func (q *Queue) fill() {
	for q.taken < q.places {
		turn := q.pop()
		if turn == nil {
			return
		}
		q.taken++
		close(turn)
	}
}

// pop is the first of the next line of the side whose turn it is; nil where nobody waits.
func (q *Queue) pop() chan struct{} {
	for range q.sides {
		s := &q.sides[q.next]
		q.next = 1 - q.next
		if turn := s.pop(); turn != nil {
			return turn
		}
	}
	return nil
}

// pop is the first of the next line, which goes to the end.
func (s *side) pop() chan struct{} {
	if len(s.order) == 0 {
		return nil
	}
	key := s.order[0]
	s.order = s.order[1:]
	line := s.lines[key]
	if len(line) > 1 {
		s.lines[key], s.order = line[1:], append(s.order, key)
	} else {
		delete(s.lines, key)
	}
	return line[0]
}
