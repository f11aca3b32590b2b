package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/internal/outbox"
	"signet/internal/seal"
	"signet/storage"
	"signet/storage/storagetest"
)

type note struct{ N int }

// world is an outbox and a delivery over it, whose sender is send.
type world struct {
	db     *storage.DB
	box    *outbox.Outbox
	master *seal.Master

	mu       sync.Mutex
	outcomes map[string]int
	failed   []string
}

func newWorld(t *testing.T, db *storage.DB) *world {
	t.Helper()
	master, err := seal.Parse(seal.Generate())
	if err != nil {
		t.Fatal(err)
	}
	box, err := outbox.New(db, master, seal.Place)
	if err != nil {
		t.Fatal(err)
	}
	return &world{db: db, box: box, master: master, outcomes: map[string]int{}}
}

func (w *world) delivery(t *testing.T, send outbox.Sender) *outbox.Delivery {
	t.Helper()
	d, err := outbox.NewDelivery(outbox.DeliveryOptions{
		Outbox: w.box, Store: w.db, Senders: map[string]outbox.Sender{"note": send},
		Count: func(_, outcome string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.outcomes[outcome]++
		},
		Failed: func(_ context.Context, _, clientID, why string) error {
			w.failed = append(w.failed, clientID+": "+why)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) put(t *testing.T, client string, n int) {
	t.Helper()
	if err := w.box.Put(t.Context(), outbox.Item{Kind: "note", Target: "https://a.example", ClientID: client, Facts: note{n}}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) queue(t *testing.T, client string) outbox.Queue {
	t.Helper()
	q, err := w.box.Of(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func once(t *testing.T, d *outbox.Delivery) {
	t.Helper()
	if err := d.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestItemsOfOneClientAreSentInTurn(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t))
		for i := range 5 {
			w.put(t, "shop", i)
		}
		w.put(t, "till", 9)
		var mu sync.Mutex
		got, at := map[string][]int{}, map[string]int{}
		once(t, w.delivery(t, func(_ context.Context, s outbox.Sending) error {
			mu.Lock()
			at[s.ClientID]++
			if at[s.ClientID] > 1 {
				t.Error("two of one client at once")
			}
			mu.Unlock()
			var n note
			err := s.Facts(&n)
			mu.Lock()
			defer mu.Unlock()
			at[s.ClientID]--
			got[s.ClientID] = append(got[s.ClientID], n.N)
			return err
		}))
		if len(got["shop"]) != 5 || len(got["till"]) != 1 || got["till"][0] != 9 || w.outcomes[outbox.Sent] != 6 {
			t.Errorf("sent %v, %v", got, w.outcomes)
		}
		if q := w.queue(t, "shop"); q != (outbox.Queue{}) {
			t.Errorf("left %+v", q)
		}
	})
}

// A server that does not answer is asked once, not for each item, and others do not wait for it.
func TestSilentClientHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, storagetest.SQLite(t))
		for i := range 40 {
			w.put(t, "silent", i)
		}
		for i := range 40 {
			w.put(t, "shop", i)
		}
		asked, sent, start := 0, 0, time.Now()
		var mu sync.Mutex
		d := w.delivery(t, func(ctx context.Context, s outbox.Sending) error {
			if s.ClientID == "silent" {
				mu.Lock()
				asked++
				mu.Unlock()
				<-ctx.Done()
				return ctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			if sent++; time.Since(start) > 8*time.Second {
				t.Errorf("sent after %s", time.Since(start))
			}
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var running sync.WaitGroup
		running.Go(func() { d.Run(ctx) })
		time.Sleep(25 * time.Second)
		mu.Lock()
		if asked != 1 || sent != 40 {
			t.Errorf("%d tries at the silent one, %d sent; want 1, 40", asked, sent)
		}
		mu.Unlock()
		stop()
		running.Wait()
		if q := w.queue(t, "silent"); q.Waiting != 40 || q.LastError == "" {
			t.Errorf("left %+v", q)
		}
	})
}

func TestTriesGrowSeldomAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, storagetest.SQLite(t))
		w.put(t, "shop", 1)
		var tries []time.Time
		ids := map[string]bool{}
		d := w.delivery(t, func(_ context.Context, s outbox.Sending) error {
			tries, ids[s.ID] = append(tries, time.Now()), true
			return fmt.Errorf("status %d", 500)
		})
		start := time.Now()
		for range 30 * 60 * 2 { // thirty hours
			once(t, d)
			time.Sleep(30 * time.Second)
		}
		if n := len(tries); n < 24 || n > 36 || len(ids) != 1 {
			t.Errorf("%d tries with %d ids", n, len(ids))
		}
		if last := tries[len(tries)-1].Sub(start); last > 24*time.Hour || last < 22*time.Hour {
			t.Errorf("the last after %s", last)
		}
		if gap := tries[1].Sub(tries[0]); gap < 25*time.Second || gap > 61*time.Second {
			t.Errorf("the second after %s", gap)
		}
		if w.outcomes[outbox.GivenUp] != 1 || len(w.failed) != 1 || w.failed[0] != "shop: status 500" {
			t.Errorf("outcomes %v, failed %q", w.outcomes, w.failed)
		}
		if q := w.queue(t, "shop"); q.Failed != 1 || q.Waiting != 0 || q.LastError != "status 500" {
			t.Errorf("queue %+v", q)
		}
	})
}

func TestWhatEndsAnItem(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t))
	for client, answer := range map[string]error{"a": nil, "b": outbox.ErrMoot, "c": fmt.Errorf("%w: status 400", outbox.ErrRefused)} {
		w.put(t, client, 1)
		once(t, w.delivery(t, func(context.Context, outbox.Sending) error { return answer }))
	}
	if w.outcomes[outbox.Sent] != 1 || w.outcomes[outbox.Moot] != 1 || w.outcomes[outbox.Refused] != 1 || len(w.failed) != 1 {
		t.Errorf("outcomes %v, failed %q", w.outcomes, w.failed)
	}
	if q := w.queue(t, "c"); q.Failed != 1 {
		t.Errorf("queue %+v", q)
	}
}

// A process that dies while it sends leaves the item to another, which sends it again with the same id.
func TestItemOfADeadProcessIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, storagetest.SQLite(t))
		w.put(t, "shop", 1)
		ctx, die := context.WithCancel(t.Context())
		var ids []string
		err := w.delivery(t, func(_ context.Context, s outbox.Sending) error {
			ids = append(ids, s.ID)
			die()
			return errors.New("cut off")
		}).Once(ctx)
		if err != nil {
			t.Fatal(err)
		}
		next := w.delivery(t, func(_ context.Context, s outbox.Sending) error {
			ids = append(ids, s.ID)
			return nil
		})
		if once(t, next); len(ids) != 1 {
			t.Fatal("taken while leased")
		}
		time.Sleep(time.Minute)
		if once(t, next); len(ids) != 2 || ids[0] != ids[1] {
			t.Errorf("ids %q", ids)
		}
	})
}

// What is written in a transaction that fails is never sent.
func TestItemIsPartOfTheFact(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t))
	undo := errors.New("undo")
	err := w.db.Tx(t.Context(), func(ctx context.Context) error {
		if err := w.box.Put(ctx, outbox.Item{Kind: "note", ClientID: "shop", Facts: note{1}}); err != nil {
			return err
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	once(t, w.delivery(t, func(context.Context, outbox.Sending) error { t.Error("sent"); return nil }))
}

// A silent client whose items are more than are read at once keeps nobody else waiting, and is still asked once.
func TestABacklogHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, storagetest.SQLite(t))
		for i := range 300 {
			w.put(t, "silent", i)
		}
		time.Sleep(time.Second)
		w.put(t, "shop", 1)
		asked, start, sent := 0, time.Now(), time.Hour
		var mu sync.Mutex
		d := w.delivery(t, func(ctx context.Context, s outbox.Sending) error {
			if s.ClientID == "silent" {
				mu.Lock()
				asked++
				mu.Unlock()
				<-ctx.Done()
				return ctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			sent = time.Since(start)
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var running sync.WaitGroup
		running.Go(func() { d.Run(ctx) })
		time.Sleep(35 * time.Second)
		mu.Lock()
		if asked != 1 || sent > 8*time.Second {
			t.Errorf("%d tries at the silent one; the other's was sent after %s", asked, sent)
		}
		mu.Unlock()
		stop()
		running.Wait()
	})
}
