package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// groupMost bounds how many writes share one commit.
const groupMost = 128

// writer owns SQLite's one writing connection and groups concurrent writes into one commit, because what a commit costs
// is the fsync. There is no goroutine behind it: whoever finds the writer free leads. The leader runs every write that
// is waiting, commits, hands the lead to the next in line, and lets its followers answer. A write that comes alone
// takes no group: a statement runs by itself, without BEGIN and COMMIT.
//
// Writes keep apart: a failed statement undoes itself (SQLite's ABORT), a transaction runs inside a savepoint and on
// its own caller's goroutine, so that an error or a panic ends only that one. A failed COMMIT fails them all.
type writer struct {
	on *preparedConn // whoever leads uses it

	mu      sync.Mutex // guards what follows; never held while waiting
	waiting []*job
	led     bool
	closed  bool
	idle    chan struct{} // closed when the last leader leaves after close began
}

// job is one write in line: a statement, or the body of a transaction.
type job struct {
	statement func(ctx context.Context, on executor) error
	body      func(ctx context.Context, on executor) error
	ctx       context.Context // the body's

	err  error
	wake chan signal   // what its goroutine is to do next
	ran  chan struct{} // its body has run
}

type signal int

const (
	lead   signal = iota // the writer is yours
	turn                 // run your body, the savepoint is set
	answer               // it is decided, see err
)

func newWriter(conn *sql.Conn) *writer {
	return &writer{on: &preparedConn{conn: conn, known: make(map[string]*sql.Stmt)}}
}

// do has the job written and returns its error. A caller whose context ends while it waits in line leaves the line; once
// its group has begun it waits for the outcome.
func (w *writer) do(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errClosed
	}
	if !w.led {
		w.led = true
		w.mu.Unlock()
		w.lead([]*job{j})
		return j.err
	}
	j.wake = make(chan signal, 1)
	j.ran = make(chan struct{})
	w.waiting = append(w.waiting, j)
	w.mu.Unlock()
	return w.wait(ctx, j)
}

func (w *writer) wait(ctx context.Context, j *job) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	done := ctx.Done()
	for {
		select {
		case s := <-j.wake:
			switch s {
			case lead:
				w.lead(append([]*job{j}, w.take(groupMost-1)...))
				return j.err
			case turn:
				w.follow(j)
			case answer:
				return j.err
			}
		case <-done:
			if w.leave(j) {
				return ctx.Err()
			}
			done = nil
		}
	}
}

// take removes the first n jobs from the line.
func (w *writer) take(n int) []*job {
	w.mu.Lock()
	defer w.mu.Unlock()
	n = min(n, len(w.waiting))
	taken := append([]*job(nil), w.waiting[:n]...)
	rest := copy(w.waiting, w.waiting[n:])
	clear(w.waiting[rest:])
	w.waiting = w.waiting[:rest]
	return taken
}

// leave takes the job out of the line, if it is still in it.
func (w *writer) leave(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, other := range w.waiting {
		if other == j {
			w.waiting = append(w.waiting[:i], w.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// errAbandoned is what the rest of a group gets when the goroutine that led it ends in the middle.
var errAbandoned = fmt.Errorf("%w: write abandoned", ErrUnavailable)

// lead writes a group whose first job is the caller's own, hands the writer on and answers.
func (w *writer) lead(group []*job) {
	finished := false
	var panicked any
	defer func() {
		if !finished { // runtime.Goexit in the leader's own body
			_ = w.on.run("ROLLBACK")
			fail(group, errAbandoned)
		}
		w.pass()
		for _, j := range group[1:] {
			j.wake <- answer
		}
		if panicked != nil {
			panic(panicked)
		}
	}()
	w.on.broken = nil
	if len(group) == 1 {
		panicked = w.alone(group[0])
	} else {
		panicked = w.together(group)
	}
	finished = true
}

// alone writes one job without a group.
func (w *writer) alone(j *job) (panicked any) {
	if j.statement != nil {
		j.err = j.statement(context.Background(), w.on)
		return nil
	}
	if j.err = w.on.run("BEGIN IMMEDIATE"); j.err != nil {
		return nil
	}
	panicked = w.body(j)
	if j.err == nil && w.on.broken != nil {
		j.err = w.on.broken
	}
	if j.err == nil {
		j.err = w.on.run("COMMIT")
	}
	if j.err != nil {
		_ = w.on.run("ROLLBACK") // SQLite may have rolled back already
	}
	return panicked
}

// together writes several jobs into one commit.
func (w *writer) together(group []*job) (panicked any) {
	err := w.on.run("BEGIN IMMEDIATE")
	if err != nil {
		fail(group, err)
		return nil
	}
	for i, j := range group {
		if j.statement != nil {
			j.err = j.statement(context.Background(), w.on)
		} else if p := w.apart(j, i == 0); p != nil {
			panicked = p
		}
		if err = w.on.broken; err != nil {
			break
		}
	}
	if err == nil {
		err = w.on.run("COMMIT")
	}
	if err != nil {
		_ = w.on.run("ROLLBACK")
		fail(group, err)
	}
	return panicked
}

// apart runs a transaction's body inside a savepoint, on its own goroutine.
func (w *writer) apart(j *job, own bool) (panicked any) {
	if j.err = w.on.run("SAVEPOINT job"); j.err != nil {
		return nil
	}
	if own {
		panicked = w.body(j)
	} else {
		j.wake <- turn
		<-j.ran
	}
	if j.err != nil {
		if err := w.on.run("ROLLBACK TO job"); err != nil && w.on.broken == nil {
			w.on.broken = fmt.Errorf("%w: %w", ErrUnavailable, err)
			return panicked
		}
	}
	if err := w.on.run("RELEASE job"); err != nil && w.on.broken == nil {
		w.on.broken = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return panicked
}

// body runs the leader's own body. Its panic is kept until the others have their answer.
func (w *writer) body(j *job) (panicked any) {
	defer func() {
		if panicked = recover(); panicked != nil {
			j.err = errAbandoned
		}
	}()
	j.err = errAbandoned // should body end the goroutine
	j.err = j.body(j.ctx, w.on)
	return nil
}

// follow runs a follower's body on the follower's goroutine. Whatever becomes of it, the leader goes on.
func (w *writer) follow(j *job) {
	j.err = errAbandoned
	defer func() { j.ran <- struct{}{} }()
	j.err = j.body(j.ctx, w.on)
}

// pass hands the writer to the first in line, or leaves it free.
func (w *writer) pass() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.led = false
		if w.idle != nil {
			close(w.idle)
			w.idle = nil
		}
		return
	}
	next := w.waiting[0]
	rest := copy(w.waiting, w.waiting[1:])
	clear(w.waiting[rest:])
	w.waiting = w.waiting[:rest]
	next.wake <- lead
}

func fail(group []*job, err error) {
	for _, j := range group {
		j.err = err
	}
}

// close lets the queue run dry and closes the connection.
func (w *writer) close() error {
	w.mu.Lock()
	w.closed = true
	var idle chan struct{}
	if w.led {
		idle = make(chan struct{})
		w.idle = idle
	}
	w.mu.Unlock()
	if idle != nil {
		<-idle
	}
	err := w.on.close()
	if errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}
