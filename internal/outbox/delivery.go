package outbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"signet/storage"
)

// Sending is one try at an item.
type Sending struct {
	ID, ClientID string
	CreatedAt    time.Time
	facts        func(out any) error
}

// Facts puts what the item was written with into out.
func (s Sending) Facts(out any) error { return s.facts(out) }

// Sender makes an item of its kind and sends it. Nil: it was taken. ErrRefused and ErrMoot end it; after any other error it is tried again.
type Sender func(ctx context.Context, s Sending) error

// What ends an item that was not taken.
var (
	// ErrRefused: the other server says that it will never take it.
	ErrRefused = errors.New("refused for good")
	// ErrMoot: there is nobody to send it to any more.
	ErrMoot = errors.New("nothing to send any more")
)

// The outcomes of a try.
const (
	Sent    = "sent"
	Refused = "refused"
	Retried = "retried" // it will be
	GivenUp = "given_up"
	Moot    = "moot"
)

// Outcomes lists them.
func Outcomes() []string { return []string{Sent, Refused, Retried, GivenUp, Moot} }

// DeliveryStore is what the delivery needs of *storage.DB, beside what the outbox does.
type DeliveryStore interface {
	DueDeliveries(ctx context.Context, kind string, now time.Time, skip []string, limit int) ([]storage.Message, error)
	LeaseDelivery(ctx context.Context, id string, due, until time.Time) error
	PutOffDeliveries(ctx context.Context, kind, clientID string, now, due time.Time) error
	FailDelivery(ctx context.Context, id string, at time.Time, lastError string) error
	DeleteDelivery(ctx context.Context, id string) error
}

// DeliveryOptions of NewDelivery.
type DeliveryOptions struct {
	Outbox  *Outbox
	Store   DeliveryStore
	Senders map[string]Sender
	Log     *slog.Logger               // nil discards
	Count   func(kind, outcome string) // nil counts nothing
	// Waits before the second try, the third and so on; the last one is for all that follow. Empty: half a minute, doubling up to an hour.
	Waits []time.Duration
	// TryFor is how long an item is tried (a day); Limit is how long a sender may take (10 s, at most 20 s).
	TryFor, Limit time.Duration
	// Failed is told of an item that was refused or given up, and writes it down; nil tells nobody.
	Failed func(ctx context.Context, kind, clientID, why string) error
}

// Delivery empties the outbox. It is safe for concurrent use.
type Delivery struct {
	o DeliveryOptions

	mu   sync.Mutex
	busy map[string]bool // by client: its items are being sent
	work sync.WaitGroup
}

// NewDelivery checks the options.
func NewDelivery(o DeliveryOptions) (*Delivery, error) {
	if o.Outbox == nil || o.Store == nil || len(o.Senders) == 0 {
		return nil, errors.New("a delivery needs an outbox, a store and senders")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Count == nil {
		o.Count = func(string, string) {}
	}
	if o.Failed == nil {
		o.Failed = func(context.Context, string, string, string) error { return nil }
	}
	o.TryFor, o.Limit = cmp.Or(o.TryFor, tryFor), min(cmp.Or(o.Limit, sendLimit), longestSend)
	return &Delivery{o: o, busy: map[string]bool{}}, nil
}

const (
	pollEvery   = 2 * time.Second  // how soon an item of another process is found
	lease       = 30 * time.Second // more than a sender may take; a replica that dies gives its items back after it
	sendLimit   = 10 * time.Second // how long a sender may take
	longestSend = 20 * time.Second
	batch       = 64               // items read at once
	atOnce      = 16               // clients that are sent to at once
	firstWait   = 30 * time.Second // before the second try; it doubles
	longWait    = time.Hour        // between tries at most
	maxError    = 200              // of what went wrong, bytes
)

// settle are the pauses between looks for an item of this process, whose transaction may not be through yet.
var settle = []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond}

// Run delivers until ctx ends. All replicas may run it: an item is taken by one.
func (d *Delivery) Run(ctx context.Context) {
	defer d.work.Wait()
	for {
		n, err := d.turn(ctx)
		if err != nil && ctx.Err() == nil {
			d.o.Log.WarnContext(ctx, "outbox not read", "error", err)
		}
		if n == 0 || err != nil {
			if !d.rest(ctx) {
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// rest waits until there may be something to send; false when ctx has ended.
func (d *Delivery) rest(ctx context.Context) bool {
	poll := time.NewTimer(pollEvery/2 + chance(pollEvery))
	defer poll.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-poll.C:
		return true
	case <-d.o.Outbox.wake:
	}
	for _, pause := range settle {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
		if n, err := d.turn(ctx); n > 0 || err != nil {
			break
		}
	}
	return ctx.Err() == nil
}

// Once sends what is due, and waits for it.
func (d *Delivery) Once(ctx context.Context) error {
	_, err := d.turn(ctx)
	d.work.Wait()
	return err
}

// turn starts sending what is due, the items of a client one after the other, and returns how many items it started with. It reads on while
// there may be more for other clients: a long queue of one keeps nobody else's item from being seen.
func (d *Delivery) turn(ctx context.Context) (started int, err error) {
	for _, kind := range slices.Sorted(maps.Keys(d.o.Senders)) {
		for full := true; full; {
			skip, free := d.occupied()
			if !free {
				return started, nil
			}
			due, err := d.o.Store.DueDeliveries(ctx, kind, time.Now(), skip, batch)
			if err != nil {
				return started, fmt.Errorf("read outbox: %w", err)
			}
			full = len(due) == batch
			for len(due) > 0 {
				client := due[0].ClientID
				var own []storage.Message
				due = slices.DeleteFunc(due, func(x storage.Message) bool {
					if x.ClientID == client {
						own = append(own, x)
					}
					return x.ClientID == client
				})
				if d.start(ctx, client, own) {
					started += len(own)
				}
			}
		}
	}
	return started, nil
}

// occupied are the clients that are being sent to, and whether others can be.
func (d *Delivery) occupied() (clients []string, free bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.busy)), len(d.busy) < atOnce
}

// start sends the items of a client, unless some of them are being sent, or too many others.
func (d *Delivery) start(ctx context.Context, client string, list []storage.Message) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[client] || len(d.busy) >= atOnce {
		return false
	}
	d.busy[client] = true
	d.work.Go(func() {
		defer func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.busy, client)
		}()
		if err := d.deliver(ctx, list); err != nil && ctx.Err() == nil {
			d.o.Log.WarnContext(ctx, "outbox not written", "client_id", client, "error", err)
		}
	})
	return true
}

// deliver sends items of one client. Once one has to be tried again, all that are due for it are put off with it: a server that does not
// answer costs one wait, not one for each item.
func (d *Delivery) deliver(ctx context.Context, list []storage.Message) error {
	for _, x := range list {
		until := time.Now().Add(lease)
		err := d.o.Store.LeaseDelivery(ctx, x.ID, x.DueAt, until)
		if errors.Is(err, storage.ErrStale) {
			continue // another replica has it
		}
		if err != nil {
			return fmt.Errorf("take item: %w", err)
		}
		x.Tries++
		next, err := d.try(ctx, x)
		if err != nil {
			return err
		}
		if next.IsZero() {
			continue
		}
		if err := d.o.Store.PutOffDeliveries(ctx, x.Kind, x.ClientID, time.Now(), next); err != nil {
			return fmt.Errorf("put items off: %w", err)
		}
		return nil
	}
	return nil
}

// try sends one item and writes down what came of it. What the other server answers is no error of ours. next is when the item is tried
// again; zero = never.
func (d *Delivery) try(ctx context.Context, x storage.Message) (next time.Time, err error) {
	sending, cancel := context.WithTimeout(ctx, d.o.Limit)
	defer cancel()
	sent := d.o.Senders[x.Kind](sending, Sending{x.ID, x.ClientID, x.CreatedAt, func(out any) error { return d.o.Outbox.read(x, out) }})
	if ctx.Err() != nil {
		return next, ctx.Err() // stopped; the lease ends by itself
	}
	switch {
	case sent == nil:
		d.o.Count(x.Kind, Sent)
		return next, d.o.Store.DeleteDelivery(ctx, x.ID)
	case errors.Is(sent, ErrMoot):
		d.o.Count(x.Kind, Moot)
		return next, d.o.Store.DeleteDelivery(ctx, x.ID)
	case errors.Is(sent, ErrRefused):
		return next, d.fail(ctx, x, Refused, said(sent))
	}
	now := time.Now()
	if next = now.Add(max(d.wait(x.Tries), asked(sent))); next.After(x.CreatedAt.Add(d.o.TryFor)) {
		return time.Time{}, d.fail(ctx, x, GivenUp, said(sent))
	}
	d.o.Count(x.Kind, Retried)
	d.o.Log.WarnContext(ctx, "not delivered yet", "delivery_id", x.ID, "kind", x.Kind, "client_id", x.ClientID, "tries", x.Tries, "next",
		next.UTC(),
		"error", said(sent))
	return next, d.o.Outbox.store.RetryDelivery(ctx, x.ID, next, said(sent))
}

// fail ends an item.
func (d *Delivery) fail(ctx context.Context, x storage.Message, outcome, why string) error {
	d.o.Count(x.Kind, outcome)
	d.o.Log.WarnContext(ctx, "delivery "+strings.ReplaceAll(outcome, "_", " "), "delivery_id", x.ID, "kind", x.Kind, "client_id", x.ClientID,
		"tries", x.Tries, "error", why)
	if err := d.o.Store.FailDelivery(ctx, x.ID, time.Now(), why); err != nil {
		return err
	}
	return d.o.Failed(ctx, x.Kind, x.ClientID, why)
}

func said(err error) string {
	s := err.Error()
	return strings.ToValidUTF8(s[:min(len(s), maxError)], "")
}

// Later is an error after which the other server asked not to be tried again before a time has passed.
type Later struct {
	Cause error
	After time.Duration
}

// Error is its cause's.
func (l *Later) Error() string { return l.Cause.Error() }

// Unwrap is the cause.
func (l *Later) Unwrap() error { return l.Cause }

// longestAsked is how long we let us be put off.
const longestAsked = 24 * time.Hour

func asked(err error) time.Duration {
	if l, ok := errors.AsType[*Later](err); ok {
		return min(max(l.After, 0), longestAsked)
	}
	return 0
}

// wait before the try after n, an eighth more or less, so that items that failed together part.
func (d *Delivery) wait(n int64) time.Duration {
	if len(d.o.Waits) == 0 {
		return wait(n)
	}
	w := d.o.Waits[min(max(int(n), 1), len(d.o.Waits))-1]
	return w - w/8 + chance(w/4)
}

// wait before the try after n: doubling, an eighth more or less, so that items that failed together part.
func wait(n int64) time.Duration {
	d := firstWait
	for range n - 1 {
		if d *= 2; d >= longWait {
			d = longWait
			break
		}
	}
	return d - d/8 + chance(d/4)
}

// chance is a time of up to d.
func chance(d time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d)))
	if err != nil {
		return d / 2
	}
	return time.Duration(n.Int64())
}
