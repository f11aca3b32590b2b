package adminapi

import (
	"strconv"
	"sync"
	"time"

	"signet/admin"
	"signet/server/web"
	"signet/server/web/problem"
)

// Rates is how many requests a second a credential may send to one process; 0: as many as it likes.
type Rates struct{ Requests, Writes int }

const (
	atOnce      = 10 * time.Second // what a credential that was quiet may send at once is what it may in so long
	mostCallers = 4096             // credentials that are remembered
)

// rates bounds what each credential sends, so that a program that runs wild holds up nobody else. It counts in this process: what is
// bound is its work, and all processes together take as many times as much. The zero value with no bounds lets everything in.
type rates struct {
	of    Rates
	mu    sync.Mutex
	spent map[string]time.Time // until when what was sent is paid for
}

// charge counts a request, or says how long to wait; then it is not counted.
func (r *rates) charge(caller string, perSecond int) (wait time.Duration) {
	if perSecond <= 0 {
		return 0
	}
	now, each := time.Now(), time.Second/time.Duration(perSecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	until, known := r.spent[caller]
	if until.Before(now) {
		until = now
	}
	if wait = until.Add(each).Sub(now) - atOnce; wait > 0 {
		return wait
	}
	if !known && len(r.spent) >= mostCallers {
		r.forget(now)
	}
	if r.spent == nil {
		r.spent = map[string]time.Time{}
	}
	r.spent[caller] = until.Add(each)
	return 0
}

// forget drops whoever is not behind; where all are, whoever it meets first: an administrator made every credential there is.
func (r *rates) forget(now time.Time) {
	for caller, until := range r.spent {
		if until.Before(now) {
			delete(r.spent, caller)
		}
	}
	for caller := range r.spent {
		if len(r.spent) < mostCallers {
			return
		}
		delete(r.spent, caller)
	}
}

// pay charges a request of somebody who is known.
func (r *rates) pay(who admin.Actor, writes bool) error {
	caller := string(who.Kind) + " " + who.ID
	wait, what := r.charge(caller, r.of.Requests), "requests"
	if wait == 0 && writes {
		wait, what = r.charge("write "+caller, r.of.Writes), "changes"
	}
	if wait == 0 {
		return nil
	}
	seconds := int64((wait + time.Second - 1) / time.Second)
	return web.NewProblem(problem.Throttled, "These credentials send more "+what+" than are taken; wait, and send it again.").
		With("Retry-After", strconv.FormatInt(seconds, 10))
}
