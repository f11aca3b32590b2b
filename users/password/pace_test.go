package password

import (
	"testing"
	"time"
)

// A machine of two cores, as pace sees it: a hash is interrupted every 10 ms and then waits for the others that are ready, those of the
// hashes and requests that take so long altogether.
func TestV07_HashesKeepTheirShareBesideOtherWork(t *testing.T) {
	const least = 70 * time.Millisecond
	alone := newPace(1)
	for range 20 {
		if n := alone.done(least, 1); n != 1 {
			t.Fatalf("nothing slows the hashes, and there are %d places", n)
		}
	}

	took := func(places int, others time.Duration) time.Duration {
		const slice = 10 * time.Millisecond
		cycle := slice*time.Duration(places-1)/2 + others // two cores share what is ready
		return least + least/slice*cycle
	}
	p := newPace(1)
	p.done(least, 1)
	places := 1
	for range 50 {
		places = p.done(took(places, 70*time.Millisecond), places)
	}
	if have := float64(places) * float64(least) / float64(took(places, 70*time.Millisecond)); have < 0.5 || have > 0.8 {
		t.Errorf("beside requests for tokens %d hashes at once have %.2f of a core, half of one is meant", places, have)
	}
	for range 50 {
		places = p.done(took(places, 0), places)
	}
	if places != 1 {
		t.Errorf("the requests have ended, and there are still %d places", places)
	}
	for range 100 {
		places = p.done(time.Minute, places)
	}
	if places != mostPaced {
		t.Errorf("a machine that stands still made %d places", places)
	}
	if n := p.done(time.Minute, 1); n != mostPaced {
		t.Errorf("with one running more places were made: %d", n)
	}
}

// Hashes that only slow one another are no reason for more of them.
func TestV07_HashesAloneMakeNoMorePlaces(t *testing.T) {
	const least = 70 * time.Millisecond
	p := newPace(2)
	p.done(least, 1)
	for range 50 {
		if n := p.done(3*least/2, 2); n != 2 { // two of them on a core and a third
			t.Fatalf("%d places", n)
		}
	}
}
