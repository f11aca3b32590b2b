package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// connWait is how long a call waits for a connection that others hold.
	connWait = time.Second
	// silentFor is how long nothing was answered where a call that timed out means that the database hangs, not that it is busy.
	silentFor = time.Second
	// retryEvery is how often a database that hangs is tried again.
	retryEvery = time.Second
)

var (
	errNoConnection = fmt.Errorf("%w: no connection became free", ErrUnavailable)
	errHangs        = fmt.Errorf("%w: it has stopped answering", ErrUnavailable)
)

// breaker has calls fail at once while the database hangs, so that they hold no place of what goes on without it. One call a second
// tries.
type breaker struct {
	answered atomic.Int64 // unix nanoseconds of the last answer
	retryAt  atomic.Int64 // 0 = it answers
}

// pass lets a call through, or says that the database hangs. One that only tries whether it still does must not take long.
func (b *breaker) pass() (tries bool, err error) {
	at := b.retryAt.Load()
	if at == 0 {
		return false, nil
	}
	now := time.Now()
	if now.UnixNano() < at || !b.retryAt.CompareAndSwap(at, now.Add(callTimeout).UnixNano()) {
		return false, errHangs
	}
	return true, nil
}

// note takes in what became of a call that passed.
func (b *breaker) note(err error, began time.Time) {
	now := time.Now()
	if errors.Is(err, context.Canceled) { // the caller left: the next one may try
		if b.retryAt.Load() != 0 {
			b.retryAt.Store(now.UnixNano())
		}
		return
	}
	if err == nil || !hung(err) {
		if now.UnixNano()-b.answered.Load() > int64(silentFor/8) {
			b.answered.Store(now.UnixNano()) // not at each call: processors would wait for one another
		}
		if b.retryAt.Load() != 0 {
			b.retryAt.Store(0)
		}
		return
	}
	if b.retryAt.Load() != 0 || now.Sub(began) >= silentFor && now.UnixNano()-b.answered.Load() > int64(silentFor) {
		b.retryAt.Store(now.Add(retryEvery).UnixNano())
	}
}

// hung reports whether an error is that of a database that did not answer in time. A caller who left says nothing about it.
func hung(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errNoConnection)
}

// slots are as many as there are connections: whoever finds none waits for connWait, not for as long as a call may take.
type slots struct {
	taken chan struct{}
	wait  time.Duration // connWait, but where Options say something else
}

func newSlots(n int, wait time.Duration) *slots {
	return &slots{make(chan struct{}, n), cmp.Or(wait, connWait)}
}

func (s *slots) take(ctx context.Context) error {
	select {
	case s.taken <- struct{}{}:
		return nil
	default:
	}
	late := time.NewTimer(s.wait)
	defer late.Stop()
	select {
	case s.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return fmt.Errorf("%w in %s", errNoConnection, s.wait)
	}
}

func (s *slots) give() { <-s.taken }

func (s *slots) used() int { return len(s.taken) }

func (s *slots) most() int { return cap(s.taken) }
