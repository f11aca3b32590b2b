// Package janitor runs what has to be done again and again: deleting the expired, rotating keys on schedule.
//
// A job runs on one replica at a time, under a named lock in the database, with a little randomness in its timing so that
// replicas do not crowd. It knows no job itself; server/jobs.go has the timetable. Begin with Job and Run.
package janitor

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"signet/internal/telemetry"
	"signet/internal/tracing"
)

// Job is one thing done again and again.
type Job struct {
	Name  string        // also the lock's: "job." + Name
	Every time.Duration // from the end of one run to the next, give or take a tenth
	First time.Duration // wait before the first run; 0 = about a tenth of Every
	// Alone says that every replica runs it for itself, without a lock (re-reading what others changed).
	Alone bool
	Run   func(ctx context.Context) error
}

// Locks is the part of *storage.DB that the janitor uses.
type Locks interface {
	Lock(ctx context.Context, name, holder string, now, until time.Time) (bool, error)
	Unlock(ctx context.Context, name, holder string) error
}

// Options of New.
type Options struct {
	Locks   Locks
	Log     *slog.Logger       // nil discards
	Metrics *telemetry.Metrics // nil: a registry nobody reads
	Tracer  *tracing.Tracer    // nil: no run is traced
	// Fit keeps this replica from the jobs that are done for all, while it answers an error; nil = nothing does.
	Fit func(ctx context.Context) error
}

// Janitor runs jobs.
type Janitor struct {
	locks   Locks
	log     *slog.Logger
	metrics *telemetry.Metrics
	tracer  *tracing.Tracer
	fit     func(ctx context.Context) error
	holder  string

	mu   sync.Mutex
	told map[string]time.Time // what jobs failed by, and when the log said so
	last map[string]string    // by which of them each job failed last
}

// New makes one; its name as lock holder is random.
func New(o Options) *Janitor {
	j := &Janitor{locks: o.Locks, log: o.Log, metrics: o.Metrics, tracer: o.Tracer, fit: o.Fit, holder: rand.Text(),
		told: map[string]time.Time{}, last: map[string]string{}}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	if j.metrics == nil {
		j.metrics = telemetry.NewMetrics()
	}
	return j
}

// longestRun is how long a job may take; its lock lasts as long, so that a replica that died does not stop the others.
const longestRun = 5 * time.Minute

// Run does the jobs until ctx ends, each at its own times, and waits for those that are running.
func (j *Janitor) Run(ctx context.Context, jobs ...Job) {
	every := make(map[string]time.Duration, len(jobs))
	for _, job := range jobs {
		every[job.Name] = job.Every
	}
	j.metrics.JobsPlanned(every)
	var wg sync.WaitGroup
	for _, job := range jobs {
		wg.Go(func() { j.keep(ctx, job) })
	}
	wg.Wait()
}

func (j *Janitor) keep(ctx context.Context, job Job) {
	wait := job.First
	if wait == 0 {
		wait = job.Every / 10
	}
	timer := time.NewTimer(jitter(wait))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		j.once(ctx, job)
		timer.Reset(jitter(job.Every))
	}
}

// once runs the job if no other replica does.
func (j *Janitor) once(ctx context.Context, job Job) {
	ctx, cancel := context.WithTimeout(ctx, longestRun)
	defer cancel()
	if !job.Alone {
		if j.fit != nil {
			if err := j.fit(ctx); err != nil {
				j.report(ctx, job, 0, fmt.Errorf("left to other replicas: %w", err))
				return
			}
		}
		now := time.Now()
		mine, err := j.locks.Lock(ctx, "job."+job.Name, j.holder, now, now.Add(longestRun))
		if err != nil {
			j.report(ctx, job, 0, fmt.Errorf("take the lock: %w", err))
			return
		}
		if !mine {
			return
		}
		defer func() {
			// The lock is given back although the server stops. If that fails too, it runs out by itself.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := j.locks.Unlock(ctx, "job."+job.Name, j.holder); err != nil {
				j.log.WarnContext(ctx, "job's lock not given back", "job", job.Name, "error", err)
			}
		}()
	}
	began := time.Now()
	err := j.guarded(ctx, job)
	j.report(ctx, job, time.Since(began), err)
}

// guarded turns a panic into an error: one broken job must not end the server.
func (j *Janitor) guarded(ctx context.Context, job Job) (err error) {
	ctx, end := j.tracer.Job(ctx, job.Name)
	defer func() { end(err) }()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return job.Run(ctx)
}

func (j *Janitor) report(ctx context.Context, job Job, took time.Duration, err error) {
	switch {
	case err == nil:
		j.metrics.JobRan(job.Name, "success", took)
		j.tell(job.Name, "")
	case ctx.Err() == context.Canceled:
		// the server stops; the next one goes on
	default:
		j.metrics.JobRan(job.Name, "failure", took)
		if j.tell(job.Name, err.Error()) {
			j.log.WarnContext(ctx, "job failed", "job", job.Name, "error", err)
		}
	}
}

// tellEvery is how often the log says that a job fails by the same thing.
const tellEvery = time.Hour

// tell notes what a job failed by, "" = it did not, and reports whether the log is to say it: once, and then each hour until the job
// succeeds. Texts that differ in their numbers are the same.
func (j *Janitor) tell(job, text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if text == "" {
		if was, failed := j.last[job]; failed {
			delete(j.told, was)
			delete(j.last, job)
		}
		return false
	}
	text = job + ": " + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' {
			return -1
		}
		return r
	}, text)
	j.last[job] = text
	if at, told := j.told[text]; told && time.Since(at) < tellEvery {
		return false
	}
	maps.DeleteFunc(j.told, func(_ string, at time.Time) bool { return time.Since(at) >= tellEvery })
	j.told[text] = time.Now()
	return true
}

// jitter moves a duration by up to a tenth, either way.
func jitter(d time.Duration) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:])
	tenth := int64(d / 10)
	if tenth <= 0 {
		return d
	}
	return d - time.Duration(tenth) + time.Duration(binary.LittleEndian.Uint64(b[:])%uint64(2*tenth))
}

const (
	batch  = 500                   // rows in one statement at most
	fewest = 50                    // and at least
	short  = 25 * time.Millisecond // how long one should take: it holds a write lock meanwhile
	pause  = 50 * time.Millisecond // between batches, so that others get their turn
	most   = 2 * time.Minute       // per table and run; the rest waits for the next
)

// DeleteExpired makes a job's Run that deletes in small batches until nothing is left: remove deletes at most limit rows
// that expired before the given time and tells how many went. keep is how long rows stay after they expired. Rows of a large table lie far
// apart, in it and in its indexes: the batches are as small as it takes for one to be short.
func DeleteExpired(m *telemetry.Metrics, table string, keep time.Duration,
	remove func(ctx context.Context, before time.Time, limit int) (int64, error)) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		start, limit := time.Now(), batch
		for time.Since(start) < most {
			began := time.Now()
			n, err := remove(ctx, began.Add(-keep), limit)
			if err != nil {
				return fmt.Errorf("delete expired %s: %w", table, err)
			}
			if n > 0 && m != nil {
				m.JanitorDeleted(table, n)
			}
			if n < int64(limit) {
				return nil
			}
			if took := time.Since(began); took > short {
				limit = max(fewest, limit/2)
			} else if took < short/3 {
				limit = min(batch, limit*2)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
			}
		}
		return nil
	}
}
