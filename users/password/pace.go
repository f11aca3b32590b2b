package password

import (
	"sync"
	"time"
)

// mostPaced is how many times the places of a calm server there are at most.
const mostPaced = 8

// pace finds how many hashes run at once. A hash takes a core for some 70 ms, and Go's scheduler interrupts it every 10 ms for all other
// goroutines that are ready: beside hundreds of requests for tokens it stands still nearly all of the time, and with it the sign-ins that
// wait for its place (rule V07). So places are added until all hashes together have half of the cores that are meant for them,
// and taken away when they have more. They have what they would have alone where nothing else wants the cores.
type pace struct {
	calm int // places where nothing slows a hash

	mu     sync.Mutex
	least  time.Duration // of all hashes so far: what one takes that is not interrupted
	places int
}

func newPace(calm int) *pace { return &pace{calm: calm, places: calm} }

// done tells of a hash that took so long beside so many others, itself among them, and returns how many there may be.
func (p *pace) done(took time.Duration, running int) (places int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.least == 0 || took < p.least {
		p.least = took
	}
	// What they have of the cores, and what is meant for them, both in cores times the time of this hash.
	have, meant := time.Duration(running)*p.least, time.Duration(p.calm)*took
	switch {
	case 2*have < meant && running >= p.places: // with less running, places are not what is missing
		p.places = min(max(p.places+1, int(meant/(2*p.least))), mostPaced*p.calm) // at once: there are few hashes in a second
	case 4*have > 3*meant:
		p.places = max(p.places-1, p.calm)
	}
	return p.places
}
