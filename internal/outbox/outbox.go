package outbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signet/storage"
)

// Item is something to be sent.
type Item struct {
	ID       string        // the same in each try; "" = Put makes it
	Kind     string        // names the sender
	Target   string        // the address now, for operators; the sender decides where it goes
	ClientID string        // whom it is for: items for one client are sent one after the other
	Due      time.Time     // when it is sent; zero = now. See Hasten
	Facts    any           // what the sender makes it of, as JSON; sealed in the database
	Keep     time.Duration // how long it is kept, whatever becomes of it; 0 = three days
}

// How long an item is tried, and how long after that an operator sees that it was given up.
const (
	tryFor  = 24 * time.Hour
	showFor = 3 * 24 * time.Hour
)

// Store is what the outbox needs of *storage.DB to write.
type Store interface {
	InsertDelivery(ctx context.Context, d storage.Message) error
	DeliveriesOfClient(ctx context.Context, clientID string, limit int) ([]storage.Message, error)
	RetryDelivery(ctx context.Context, id string, due time.Time, lastError string) error
}

// Sealer seals what must not lie open in the database; *seal.Master.
type Sealer interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Outbox is where items wait.
type Outbox struct {
	store  Store
	sealer Sealer
	place  func(table, row, column string) []byte
	wake   chan struct{}
}

// New returns the outbox over the store; place names a column's row for the sealer (seal.Place).
func New(store Store, sealer Sealer, place func(table, row, column string) []byte) (*Outbox, error) {
	if store == nil || sealer == nil || place == nil {
		return nil, errors.New("an outbox needs a store and a sealer")
	}
	return &Outbox{store, sealer, place, make(chan struct{}, 1)}, nil
}

// Put writes the item, in the transaction of ctx if there is one: it exists exactly when the fact does.
func (o *Outbox) Put(ctx context.Context, it Item) error {
	plain, err := json.Marshal(it.Facts)
	if err != nil {
		return fmt.Errorf("write item: %w", err)
	}
	now := time.Now()
	d := storage.Message{ID: cmp.Or(it.ID, rand.Text()), Kind: it.Kind, Target: it.Target, ClientID: it.ClientID, DueAt: now, CreatedAt: now,
		ExpiresAt: now.Add(cmp.Or(it.Keep, showFor))}
	if !it.Due.IsZero() {
		d.DueAt = it.Due
	}
	if d.Sealed, err = o.sealer.Seal(plain, o.place("deliveries", d.ID, "sealed")); err != nil {
		return fmt.Errorf("seal item: %w", err)
	}
	if err := o.store.InsertDelivery(ctx, d); err != nil {
		return fmt.Errorf("write item: %w", err)
	}
	o.look()
	return nil
}

// look has the delivery of this process look soon, once the transaction is through.
func (o *Outbox) look() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Hasten has an item sent now that was due later, in the transaction of ctx if there is one. One that was sent already stays so.
func (o *Outbox) Hasten(ctx context.Context, id string) error {
	if err := o.store.RetryDelivery(ctx, id, time.Now(), ""); err != nil {
		return fmt.Errorf("hasten item: %w", err)
	}
	o.look()
	return nil
}

// Queue is what waits for a client and what was given up, as an operator sees it.
type Queue struct {
	Waiting   int    `json:"waiting"`
	Failed    int    `json:"failed"` // given up in the last days
	LastError string `json:"last_error,omitempty"`
}

// maxQueue is how many items Of counts.
const maxQueue = 1000

// Of looks at the items for a client.
func (o *Outbox) Of(ctx context.Context, clientID string) (q Queue, err error) {
	list, err := o.store.DeliveriesOfClient(ctx, clientID, maxQueue)
	if err != nil {
		return q, fmt.Errorf("read outbox: %w", err)
	}
	var last time.Time
	for _, d := range list {
		if d.FailedAt.IsZero() {
			q.Waiting++
		} else {
			q.Failed++
		}
		if d.LastError != "" && d.CreatedAt.After(last) {
			q.LastError, last = d.LastError, d.CreatedAt
		}
	}
	return q, nil
}

// read puts the facts of an item into out.
func (o *Outbox) read(d storage.Message, out any) error {
	plain, err := o.sealer.Open(d.Sealed, o.place("deliveries", d.ID, "sealed"))
	if err == nil {
		err = json.Unmarshal(plain, out)
	}
	if err != nil {
		return fmt.Errorf("open item: %w", err)
	}
	return nil
}
