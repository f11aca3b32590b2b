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

// OnSuccess is what a success does to a limit.
type OnSuccess int

const (
	// OwnTry takes back the charge of the try that succeeded, no more.
	OwnTry OnSuccess = iota
	// WholeStreak empties the limit.
	WholeStreak
	// FirstLimit takes back as many as the first limit of the charge held.
	FirstLimit
	// Never takes nothing back: successes are counted, too.
	Never
)

// Limit is one count and the waits that follow from it.
type Limit struct {
	Key       string        // what is counted
	Per       string        // who has to wait; "" = all who are counted wait for one turn
	Free      int64         // failures that cost nothing
	Window    time.Duration // failures are forgotten this long after the first
	First     time.Duration // the first wait; it doubles with each further failure
	Max       time.Duration // the longest wait
	Cap       int64         // failures after which the limit lets nobody through (ErrCapped); 0 = never
	OnSuccess OnSuccess
	// Rows that the count is spread over, where so many are counted that one row would hold them up: each try of a transaction's length
	// locks the row that it adds to. The sum counts, and may be a few behind. 0 = one row, which is exact; not for limits with Cap.
	Rows int

	row string // what the charge is added to, and taken back from; "" = the one row
}

func (l Limit) countKey() string {
	if l.row != "" {
		return l.row
	}
	return "n:" + l.Key
}

func (l Limit) waitKey() string { return "w:" + l.Key + "|" + l.Per }

// rows are all that the count is in: the one row is among them, for a release that knows of no others may run beside.
func (l Limit) rows() []string {
	keys := []string{"n:" + l.Key}
	for i := range l.Rows {
		keys = append(keys, l.rowOf(i))
	}
	return keys
}

func (l Limit) rowOf(i int) string { return "n:" + l.Key + " #" + strconv.Itoa(i) }

// count is the sum of what was read.
func (l Limit) count(read map[string]storage.Counter) (n int64) {
	for _, key := range l.rows() {
		n += read[key].Count
	}
	return n
}

// onRow chooses the row of a charge whose first limit is given: by its key, so that whoever tries again meets the same one.
func (l Limit) onRow(first Limit) Limit {
	if l.Rows > 0 {
		sum := sha256.Sum256([]byte(first.Key + "|" + l.Per))
		l.row = l.rowOf(int(binary.BigEndian.Uint32(sum[:]) % uint32(l.Rows)))
	}
	return l
}

// delay is the wait after count failures.
func (l Limit) delay(count int64) time.Duration {
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

// ErrCapped: a limit with an end is full; there must be another way.
var ErrCapped = errors.New("limit is full")

// Throttled says how long to wait. It is an error.
type Throttled struct {
	RetryAfter time.Duration // rounded up to whole seconds, at least one
	Limit      string        // Key of the limit that said so
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
	limits  []Limit
	counts  []int64 // after the charge
}

// Charge pays for one try in every limit, or returns ErrCapped or *Throttled and charges nothing. A try that is turned away
// costs one read.
func (l *Limiter) Charge(ctx context.Context, limits ...Limit) (*Charge, error) {
	now := time.Now()
	keys := make([]string, 0, 2*len(limits))
	for _, limit := range limits {
		keys = append(append(keys, limit.rows()...), limit.waitKey())
	}
	rows, err := l.store.CountersOf(ctx, keys, now)
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	if capped(limits, rows) {
		return nil, ErrCapped
	}
	if err := l.due(ctx, limits, rows, now); err != nil {
		return nil, err
	}
	c := &Charge{limiter: l}
	for _, limit := range limits {
		limit = limit.onRow(limits[0])
		count, err := l.count(ctx, limit, rows, now)
		if err != nil {
			return nil, errors.Join(err, c.Refund(ctx))
		}
		c.limits = append(c.limits, limit)
		c.counts = append(c.counts, count)
	}
	return c, nil
}

// ChargeOr is Charge of limits that many share. Where those say wait, the caller's own limit, which nobody else can fill, may let the try
// through, as often as it is free; one without a Key lets nobody through.
func (l *Limiter) ChargeOr(ctx context.Context, own Limit, shared ...Limit) (*Charge, error) {
	c, err := l.Charge(ctx, shared...)
	if _, late := errors.AsType[*Throttled](err); !late || own.Key == "" {
		return c, err
	}
	own.Cap = own.Free
	mine, ownErr := l.Charge(ctx, own)
	if errors.Is(ownErr, ErrCapped) {
		return nil, err
	}
	return mine, ownErr
}

// Capped reports whether a limit that has an end is full.
func (l *Limiter) Capped(ctx context.Context, limit Limit) (bool, error) {
	rows, err := l.store.CountersOf(ctx, limit.rows(), time.Now())
	if err != nil {
		return false, fmt.Errorf("read counters: %w", err)
	}
	return capped([]Limit{limit}, rows), nil
}

func capped(limits []Limit, rows map[string]storage.Counter) bool {
	return slices.ContainsFunc(limits, func(l Limit) bool { return l.Cap > 0 && l.count(rows) >= l.Cap })
}

// Forget empties a limit, in the transaction of ctx if there is one.
func (l *Limiter) Forget(ctx context.Context, limit Limit) error {
	for _, key := range limit.rows() {
		if err := l.store.ResetCounter(ctx, key); err != nil {
			return fmt.Errorf("forget tries: %w", err)
		}
	}
	return nil
}

// due reports whether the wait of every limit that wants one is over; waits that were not running begin.
func (l *Limiter) due(ctx context.Context, limits []Limit, rows map[string]storage.Counter, now time.Time) error {
	var late *Throttled
	for _, limit := range limits {
		count := limit.count(rows)
		if count < limit.Free {
			continue
		}
		wait, running := rows[limit.waitKey()]
		if !running {
			var err error
			if wait, err = l.wait(ctx, limit, count, now); err != nil {
				return err
			}
			rows[limit.waitKey()] = wait
		}
		if left := over(wait).Sub(now); left > 0 && (late == nil || late.RetryAfter < left) {
			late = &Throttled{left, limit.Key}
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

// wait begins the wait of a limit, unless another replica did so.
func (l *Limiter) wait(ctx context.Context, limit Limit, count int64, now time.Time) (storage.Counter, error) {
	c, err := l.store.AddToCounter(ctx, limit.waitKey(), 1, now, limit.delay(count)+keep)
	if err != nil {
		return c, fmt.Errorf("begin wait: %w", err)
	}
	return c, nil
}

// count adds one try to a limit and returns the count. Beyond the free tries it takes the turn that a wait gave.
func (l *Limiter) count(ctx context.Context, limit Limit, rows map[string]storage.Counter, now time.Time) (int64, error) {
	used := limit.count(rows)
	if used >= limit.Free {
		if err := l.claimTurn(ctx, limit, rows[limit.waitKey()], used, now); err != nil {
			return 0, err
		}
	}
	c, err := l.store.AddToCounter(ctx, limit.countKey(), 1, now, limit.Window)
	if err != nil {
		return 0, fmt.Errorf("count try: %w", err)
	}
	c.Count += used - rows[limit.countKey()].Count // what the other rows had
	if limit.Cap > 0 && c.Count > limit.Cap {      // others filled it since it was read
		_, err := l.store.AddToCounter(ctx, limit.countKey(), -1, now, limit.Window)
		return 0, cmp.Or(err, ErrCapped)
	}
	if used < limit.Free && c.Count > limit.Free {
		// Others used up the free tries since they were read.
		_, err := l.store.AddToCounter(ctx, limit.countKey(), -1, now, limit.Window)
		return 0, cmp.Or(err, error(&Throttled{wholeSeconds(limit.First), limit.Key}))
	}
	return c.Count, nil
}

// claimTurn takes the one try that the end of a wait allows, and begins the next wait.
func (l *Limiter) claimTurn(ctx context.Context, limit Limit, wait storage.Counter, used int64, now time.Time) error {
	ticket := "t:" + limit.waitKey() + "|" + strconv.FormatInt(wait.ResetsAt.UnixMicro(), 36)
	c, err := l.store.AddToCounter(ctx, ticket, 1, now, 2*keep)
	if err != nil {
		return fmt.Errorf("take turn: %w", err)
	}
	if c.Count > 1 {
		return &Throttled{wholeSeconds(limit.delay(used)), limit.Key}
	}
	if err := l.store.ResetCounter(ctx, limit.waitKey()); err != nil {
		return fmt.Errorf("take turn: %w", err)
	}
	_, err = l.wait(ctx, limit, used+1, now)
	return err
}

// Refund takes the charge back: the try was never judged.
func (c *Charge) Refund(ctx context.Context) error {
	now := time.Now()
	var errs []error
	for _, limit := range c.limits {
		_, err := c.limiter.store.AddToCounter(ctx, limit.countKey(), -1, now, limit.Window)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Succeeded settles the charge of a try that was right: each limit takes back what it says.
func (c *Charge) Succeeded(ctx context.Context) error {
	now := time.Now()
	store := c.limiter.store
	var errs []error
	for i, limit := range c.limits {
		back := int64(1)
		switch limit.OnSuccess {
		case WholeStreak:
			errs = append(errs, c.limiter.Forget(ctx, limit))
			if c.counts[i] > limit.Free {
				errs = append(errs, store.ResetCounter(ctx, limit.waitKey()))
			}
			continue
		case FirstLimit:
			back = c.counts[0]
		case Never:
			continue
		}
		_, err := store.AddToCounter(ctx, limit.countKey(), -back, now, limit.Window)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
