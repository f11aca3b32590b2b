package ratelimit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"signet/storage"
)

// Store is the part of *storage.DB that the limiter uses.
type Store interface {
	AddToCounter(ctx context.Context, key string, n int64, now time.Time, window time.Duration) (storage.Counter, error)
	CountersOf(ctx context.Context, keys []string, now time.Time) (map[string]storage.Counter, error)
	ResetCounter(ctx context.Context, key string) error
}

// Forgiveness is what a success does to a lane.
type Forgiveness int

const (
	// OwnTry takes back the charge of the try that succeeded, no more.
	OwnTry Forgiveness = iota
	// WholeStreak empties the lane.
	WholeStreak
	// FirstLane takes back as many as the first lane of the charge held.
	FirstLane
	// Never takes nothing back: successes are counted, too.
	Never
)

// Lane is one count and the waits that follow from it.
type Lane struct {
	Key       string        // what is counted
	Per       string        // who has to wait; "" = all who are counted wait for one turn
	Free      int64         // failures that cost nothing
	Window    time.Duration // failures are forgotten this long after the first
	First     time.Duration // the first wait; it doubles with each further failure
	Max       time.Duration // the longest wait
	Shut      int64         // failures after which the lane lets nobody through (ErrShut); 0 = never
	OnSuccess Forgiveness
	// Rows that the count is spread over, where so many are counted that one row would hold them up: each try of a transaction's length
	// locks the row that it adds to. The sum counts, and may be a few behind. 0 = one row, which is exact; not for lanes with Shut.
	Rows int

	row string // what the charge is added to, and taken back from; "" = the one row
}

func (l Lane) countKey() string {
	if l.row != "" {
		return l.row
	}
	return "n:" + l.Key
}

func (l Lane) waitKey() string { return "w:" + l.Key + "|" + l.Per }

// rows are all that the count is in: the one row is among them, for a release that knows of no others may run beside.
func (l Lane) rows() []string {
	keys := []string{"n:" + l.Key}
	for i := range l.Rows {
		keys = append(keys, l.rowOf(i))
	}
	return keys
}

func (l Lane) rowOf(i int) string { return "n:" + l.Key + " #" + strconv.Itoa(i) }

// count is the sum of what was read.
func (l Lane) count(read map[string]storage.Counter) (n int64) {
	for _, key := range l.rows() {
		n += read[key].Count
	}
	return n
}

// spread chooses the row of a charge whose first lane is given: by its key, so that whoever tries again meets the same one.
func (l Lane) spread(first Lane) Lane {
	if l.Rows > 0 {
		sum := sha256.Sum256([]byte(first.Key + "|" + l.Per))
		l.row = l.rowOf(int(binary.BigEndian.Uint32(sum[:]) % uint32(l.Rows)))
	}
	return l
}

// delay is the wait after count failures.
func (l Lane) delay(count int64) time.Duration {
	d := l.First
	for range count - l.Free {
		if d *= 2; d >= l.Max {
			return l.Max
		}
	}
	return min(d, l.Max)
}

// keep is how long a wait that is over is remembered: whoever comes back within it goes straight in.
const keep = time.Hour

// ErrShut: a lane with an end is full; there must be another way.
var ErrShut = errors.New("lane is shut")

// Throttled says how long to wait. It is an error.
type Throttled struct {
	RetryAfter time.Duration // rounded up to whole seconds, at least one
	Lane       string        // Key of the lane that said so
}

// Error is for the log.
func (t *Throttled) Error() string { return fmt.Sprintf("throttled for %s", t.RetryAfter) }

// Limiter charges tries.
type Limiter struct{ store Store }

// New returns a limiter over the store.
func New(store Store) *Limiter { return &Limiter{store} }

// Charge is a try that was let through and is paid for.
type Charge struct {
	limiter *Limiter
	lanes   []Lane
	counts  []int64 // after the charge
}

// Charge pays for one try in every lane, or returns ErrShut or *Throttled and charges nothing. A try that is turned away
// costs one read.
func (l *Limiter) Charge(ctx context.Context, lanes ...Lane) (*Charge, error) {
	now := time.Now()
	keys := make([]string, 0, 2*len(lanes))
	for _, lane := range lanes {
		keys = append(append(keys, lane.rows()...), lane.waitKey())
	}
	rows, err := l.store.CountersOf(ctx, keys, now)
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	if shut(lanes, rows) {
		return nil, ErrShut
	}
	if err := l.due(ctx, lanes, rows, now); err != nil {
		return nil, err
	}
	c := &Charge{limiter: l}
	for _, lane := range lanes {
		lane = lane.spread(lanes[0])
		count, err := l.pay(ctx, lane, rows, now)
		if err != nil {
			return nil, errors.Join(err, c.Refund(ctx))
		}
		c.lanes = append(c.lanes, lane)
		c.counts = append(c.counts, count)
	}
	return c, nil
}

// ChargeOr is Charge of lanes that many share. Where those say wait, the caller's own lane, which nobody else can fill, may let the try
// through, as often as it is free; one without a Key lets nobody through.
func (l *Limiter) ChargeOr(ctx context.Context, own Lane, shared ...Lane) (*Charge, error) {
	c, err := l.Charge(ctx, shared...)
	if _, late := errors.AsType[*Throttled](err); !late || own.Key == "" {
		return c, err
	}
	own.Shut = own.Free
	mine, ownErr := l.Charge(ctx, own)
	if errors.Is(ownErr, ErrShut) {
		return nil, err
	}
	return mine, ownErr
}

// Shut reports whether a lane that has an end is full.
func (l *Limiter) Shut(ctx context.Context, lane Lane) (bool, error) {
	rows, err := l.store.CountersOf(ctx, lane.rows(), time.Now())
	if err != nil {
		return false, fmt.Errorf("read counters: %w", err)
	}
	return shut([]Lane{lane}, rows), nil
}

func shut(lanes []Lane, rows map[string]storage.Counter) bool {
	return slices.ContainsFunc(lanes, func(l Lane) bool { return l.Shut > 0 && l.count(rows) >= l.Shut })
}

// Forget empties a lane, in the transaction of ctx if there is one.
func (l *Limiter) Forget(ctx context.Context, lane Lane) error {
	for _, key := range lane.rows() {
		if err := l.store.ResetCounter(ctx, key); err != nil {
			return fmt.Errorf("forget tries: %w", err)
		}
	}
	return nil
}

// due reports whether the wait of every lane that wants one is over; waits that were not running begin.
func (l *Limiter) due(ctx context.Context, lanes []Lane, rows map[string]storage.Counter, now time.Time) error {
	var late *Throttled
	for _, lane := range lanes {
		count := lane.count(rows)
		if count < lane.Free {
			continue
		}
		wait, running := rows[lane.waitKey()]
		if !running {
			var err error
			if wait, err = l.wait(ctx, lane, count, now); err != nil {
				return err
			}
			rows[lane.waitKey()] = wait
		}
		if left := over(wait).Sub(now); left > 0 && (late == nil || late.RetryAfter < left) {
			late = &Throttled{left, lane.Key}
		}
	}
	if late != nil {
		late.RetryAfter = wholeSeconds(late.RetryAfter)
		return late
	}
	return nil
}

// over is when a wait is over.
func over(wait storage.Counter) time.Time { return wait.ResetsAt.Add(-keep) }

func wholeSeconds(d time.Duration) time.Duration {
	return max(time.Second, (d + time.Second - 1).Truncate(time.Second))
}

// wait begins the wait of a lane, unless another replica did so.
func (l *Limiter) wait(ctx context.Context, lane Lane, count int64, now time.Time) (storage.Counter, error) {
	c, err := l.store.AddToCounter(ctx, lane.waitKey(), 1, now, lane.delay(count)+keep)
	if err != nil {
		return c, fmt.Errorf("begin wait: %w", err)
	}
	return c, nil
}

// pay counts one try in a lane and returns the count. Beyond the free tries it takes the turn that a wait gave.
func (l *Limiter) pay(ctx context.Context, lane Lane, rows map[string]storage.Counter, now time.Time) (int64, error) {
	used := lane.count(rows)
	if used >= lane.Free {
		if err := l.turn(ctx, lane, rows[lane.waitKey()], used, now); err != nil {
			return 0, err
		}
	}
	c, err := l.store.AddToCounter(ctx, lane.countKey(), 1, now, lane.Window)
	if err != nil {
		return 0, fmt.Errorf("count try: %w", err)
	}
	c.Count += used - rows[lane.countKey()].Count // what the other rows had
	if lane.Shut > 0 && c.Count > lane.Shut {     // others filled it since it was read
		_, err := l.store.AddToCounter(ctx, lane.countKey(), -1, now, lane.Window)
		return 0, cmp.Or(err, ErrShut)
	}
	if used < lane.Free && c.Count > lane.Free {
		// Others used up the free tries since they were read.
		_, err := l.store.AddToCounter(ctx, lane.countKey(), -1, now, lane.Window)
		return 0, cmp.Or(err, error(&Throttled{wholeSeconds(lane.First), lane.Key}))
	}
	return c.Count, nil
}

// turn takes the one try that the end of a wait allows, and begins the next wait.
func (l *Limiter) turn(ctx context.Context, lane Lane, wait storage.Counter, used int64, now time.Time) error {
	ticket := "t:" + lane.waitKey() + "|" + strconv.FormatInt(wait.ResetsAt.UnixMicro(), 36)
	c, err := l.store.AddToCounter(ctx, ticket, 1, now, 2*keep)
	if err != nil {
		return fmt.Errorf("take turn: %w", err)
	}
	if c.Count > 1 {
		return &Throttled{wholeSeconds(lane.delay(used)), lane.Key}
	}
	if err := l.store.ResetCounter(ctx, lane.waitKey()); err != nil {
		return fmt.Errorf("take turn: %w", err)
	}
	_, err = l.wait(ctx, lane, used+1, now)
	return err
}

// Refund takes the charge back: the try was never judged.
func (c *Charge) Refund(ctx context.Context) error {
	now := time.Now()
	var errs []error
	for _, lane := range c.lanes {
		_, err := c.limiter.store.AddToCounter(ctx, lane.countKey(), -1, now, lane.Window)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Succeeded settles the charge of a try that was right: each lane forgives what it says.
func (c *Charge) Succeeded(ctx context.Context) error {
	now := time.Now()
	store := c.limiter.store
	var errs []error
	for i, lane := range c.lanes {
		back := int64(1)
		switch lane.OnSuccess {
		case WholeStreak:
			errs = append(errs, c.limiter.Forget(ctx, lane))
			if c.counts[i] > lane.Free {
				errs = append(errs, store.ResetCounter(ctx, lane.waitKey()))
			}
			continue
		case FirstLane:
			back = c.counts[0]
		case Never:
			continue
		}
		_, err := store.AddToCounter(ctx, lane.countKey(), -back, now, lane.Window)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
