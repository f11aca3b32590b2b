package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"signet/audit"
	"signet/audit/feed"
	"signet/internal/egress"
	"signet/internal/outbox"
	"signet/storage"
)

// Kind of its items in the outbox.
const Kind = "webhook"

// TestEvent is the type of what Test sends.
const TestEvent = "webhook.test"

const (
	inTurn    = 500                 // items that one transaction writes at most
	longBody  = 20 << 10            // bytes
	keepItem  = 14 * 24 * time.Hour // what was not taken can be sent again so long
	TryFor    = 76 * time.Hour      // what Waits add up to
	giveUp    = 5 * 24 * time.Hour  // an endpoint that takes nothing for so long is disabled
	pause     = 5 * time.Minute     // while it takes nothing, what is new is collected for so long
	sending   = time.Minute         // longer than somebody has an item
	mostShown = 200
)

// Waits are those between tries.
func Waits() []time.Duration {
	return []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
		20 * time.Hour, 24 * time.Hour}
}

// facts are what waits in the outbox.
type facts struct {
	ID   string          `json:"id"` // webhook-id: the same in each try
	Body json.RawMessage `json:"body"`
}

// body is what is sent.
func body(kind string, at time.Time, data any) (json.RawMessage, error) {
	return json.Marshal(map[string]any{"type": kind, "timestamp": at.UTC(), "data": data})
}

func bodyOf(e storage.Event) (json.RawMessage, error) {
	told := feed.Of(e)
	raw, err := body(e.Name, e.At, told)
	if err == nil && len(raw) > longBody {
		told.Detail = nil
		raw, err = body(e.Name, e.At, told)
	}
	if err != nil {
		return nil, fmt.Errorf("write webhook: %w", err)
	}
	return raw, nil
}

// wants reports whether it wants to be told of an event.
func (w Webhook) wants(name string) bool {
	return slices.ContainsFunc(w.Events, func(want string) bool { return fits(want, name) })
}

// Follow puts what has happened into the outbox for whom wants to be told of it: a job that every replica may run at once, for the place in
// the log moves in the transaction of what is put.
func (s *Service) Follow(ctx context.Context) error {
	rows, err := s.listening(ctx)
	if err != nil || len(rows) == 0 {
		return err
	}
	f := s.follower(rows)
	f.Take = func(ctx context.Context, list []storage.Event) error {
		for _, e := range list {
			for _, r := range rows {
				if !r.wants(e.Name) || e.At.Before(r.Since) {
					continue
				}
				if err := s.put(ctx, r.Webhook, outbox.Item{ID: r.ID + "." + e.ID, Due: r.due(time.Now())}, e); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := f.Run(ctx); !errors.Is(err, storage.ErrStale) { // another replica was faster
		return err
	}
	return nil
}

// Oldest is when the oldest event happened that Follow has not looked at yet; zero = there is none, or nobody wants to be told.
func (s *Service) Oldest(ctx context.Context) (time.Time, error) {
	rows, err := s.listening(ctx)
	if err != nil || len(rows) == 0 {
		return time.Time{}, err
	}
	return s.follower(rows).Oldest(ctx)
}

// listening are the endpoints that are told.
func (s *Service) listening(ctx context.Context) ([]row, error) {
	rows, err := s.rows(ctx)
	return slices.DeleteFunc(rows, func(r row) bool { return r.Disabled }), err
}

// follower reads the log for endpoints, of which there is one at least.
func (s *Service) follower(rows []row) feed.Follower {
	first := slices.MinFunc(rows, func(a, b row) int { return a.Since.Compare(b.Since) })
	return feed.Follower{Store: s.o.Events, Name: "webhooks", Now: s.o.Audit.Now, From: feed.After(first.Since),
		Limit: inTurn / len(rows), Within: s.o.Store.Tx}
}

// due is when what is new is sent; zero = now. An endpoint that takes nothing is not asked again by each event: what happens in a pause has
// one time, so that it costs one try, and goes out at once when something was taken.
func (w Webhook) due(now time.Time) time.Time {
	if w.FailingSince.IsZero() {
		return time.Time{}
	}
	return now.Add(2 * sending).Truncate(pause).Add(pause)
}

func (s *Service) put(ctx context.Context, w Webhook, item outbox.Item, e storage.Event) error {
	raw, err := bodyOf(e)
	if err != nil {
		return err
	}
	item.Kind, item.Target, item.ClientID, item.Facts, item.Keep = Kind, w.URL, w.ID, facts{e.ID, raw}, keepItem
	return s.o.Outbox.Put(ctx, item)
}

// Test sends an event that did not happen.
func (s *Service) Test(ctx context.Context, id string) error {
	w, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	now := time.Now()
	name := fmt.Sprintf("%016xTEST", now.UnixMicro())
	raw, err := body(TestEvent, now, map[string]string{"id": name, "webhook": id})
	if err != nil {
		return fmt.Errorf("write webhook: %w", err)
	}
	return s.o.Outbox.Put(ctx, outbox.Item{Kind: Kind, Target: w.URL, ClientID: id, Facts: facts{name, raw}, Keep: keepItem})
}

// MostReplayed is how many events Replay sends at once.
const MostReplayed = 500

// Replay sends again what happened since a time and before another, as far as it wants to be told of it, oldest first; at most
// MostReplayed. last is the time of the last event, to go on from, where there may be more.
func (s *Service) Replay(ctx context.Context, id string, since, until time.Time) (n int, last time.Time, err error) {
	w, err := s.Get(ctx, id)
	if err != nil {
		return 0, last, err
	}
	if until.IsZero() {
		until = time.Now()
	}
	err = s.o.Store.Tx(ctx, func(ctx context.Context) error {
		n, last = 0, time.Time{}
		list, err := s.o.Events.EventsAfter(ctx, feed.After(since), MostReplayed)
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		for _, e := range list {
			if !e.At.Before(until) {
				return nil
			}
			if w.wants(e.Name) {
				if err := s.put(ctx, w, outbox.Item{}, e); err != nil {
					return err
				}
				n++
			}
		}
		if len(list) == MostReplayed {
			last = list[len(list)-1].At
		}
		return nil
	})
	return n, last, err
}

// Delivery is an event on its way to a webhook.
type Delivery struct {
	ID        string    `json:"id"`
	Tries     int64     `json:"tries"`
	CreatedAt time.Time `json:"created_at"`
	DueAt     time.Time `json:"due_at,omitzero"`
	FailedAt  time.Time `json:"failed_at,omitzero" doc:"It was given up then."`
	LastError string    `json:"last_error,omitempty"`
}

// Deliveries are those that wait or were given up, at most 200.
func (s *Service) Deliveries(ctx context.Context, id string) ([]Delivery, error) {
	if _, err := s.Get(ctx, id); err != nil {
		return nil, err
	}
	rows, err := s.o.Waiting.DeliveriesOfClient(ctx, id, mostShown)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	list := []Delivery{}
	for _, d := range rows {
		shown := Delivery{ID: d.ID, Tries: d.Tries, CreatedAt: d.CreatedAt.UTC(), DueAt: d.DueAt.UTC(), LastError: d.LastError}
		if !d.FailedAt.IsZero() {
			shown.DueAt, shown.FailedAt = time.Time{}, d.FailedAt.UTC()
		}
		list = append(list, shown)
	}
	return list, nil
}

// Retry has everything tried now that waits for a webhook or was given up, at most MostReplayed, and says how much that is.
func (s *Service) Retry(ctx context.Context, id string) (int, error) {
	if _, err := s.Get(ctx, id); err != nil {
		return 0, err
	}
	now := time.Now()
	n, err := s.o.Waiting.ReviveDeliveries(ctx, id, now, now.Add(keepItem), MostReplayed)
	if err != nil {
		return 0, fmt.Errorf("try again: %w", err)
	}
	return int(n), nil
}

// Send implements outbox.Sender.
func (s *Service) Send(ctx context.Context, item outbox.Sending) error {
	var f facts
	if err := item.Facts(&f); err != nil {
		return err
	}
	r, err := s.row(ctx, item.ClientID)
	switch {
	case errors.Is(err, ErrUnknown):
		return outbox.ErrMoot
	case err != nil:
		return err
	case r.Disabled:
		return fmt.Errorf("%w: the webhook is disabled", outbox.ErrRefused)
	}
	failed := s.post(ctx, r, f)
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return failed // the server stops
	}
	if err := s.note(context.WithoutCancel(ctx), r.ID, failed); err != nil {
		return cmp.Or(failed, err)
	}
	return failed
}

func (s *Service) post(ctx context.Context, r row, f facts) error {
	x, err := s.open(r)
	if err != nil {
		return errors.New("its secret cannot be opened: rotate it")
	}
	now := time.Now()
	signed, err := x.signatures(r.OldUntil, f.ID, now, f.Body)
	if err != nil {
		return err
	}
	answer, err := s.o.Out.Fetch(ctx, egress.Request{Method: http.MethodPost, URL: r.URL, Body: f.Body, StatusOnly: true,
		Header: map[string]string{"Content-Type": "application/json", "webhook-id": f.ID,
			"webhook-timestamp": strconv.FormatInt(now.Unix(), 10), "webhook-signature": signed}})
	switch {
	case err != nil:
		return err
	case answer.Status >= 200 && answer.Status < 300:
		return nil
	case answer.Status == http.StatusGone:
		return fmt.Errorf("%w: the endpoint is gone (410)", outbox.ErrRefused)
	case answer.Status >= 300 && answer.Status < 400:
		return fmt.Errorf("a redirect (%d), which is not followed", answer.Status)
	}
	return &outbox.Later{Cause: fmt.Errorf("status %d", answer.Status), After: answer.RetryAfter}
}

// note keeps how an endpoint fares: one that is gone, or takes nothing for days, is disabled, and one that takes something again gets all
// that waits. Nothing is written while all is well.
func (s *Service) note(ctx context.Context, id string, failed error) error {
	ctx = audit.WithOrigin(ctx, audit.Origin{Actor: "system"})
	for range 5 {
		r, err := s.row(ctx, id)
		if errors.Is(err, ErrUnknown) || err == nil && r.Disabled {
			return nil
		}
		if err != nil {
			return err
		}
		name, detail := audit.Name(""), map[string]any(nil)
		now := time.Now().UTC().Truncate(time.Microsecond)
		switch gone := errors.Is(failed, outbox.ErrRefused); {
		case failed == nil && r.FailingSince.IsZero():
			return nil
		case failed == nil:
			r.FailingSince = time.Time{}
		case gone, !r.FailingSince.IsZero() && now.Sub(r.FailingSince) > giveUp:
			r.Disabled, r.Why = true, "it took nothing for five days"
			if gone {
				r.Why = "it answered that it is gone"
			}
			name, detail = audit.WebhookDisabled, map[string]any{"why": r.Why}
		case !r.FailingSince.IsZero():
			return nil
		default:
			r.FailingSince = now
		}
		if _, err = s.update(ctx, r, name, detail); errors.Is(err, ErrStale) {
			continue
		}
		if err == nil && failed == nil {
			err = s.o.Waiting.HastenDeliveries(ctx, id, now, now.Add(sending))
		}
		return err
	}
	return nil // others change it at the same time, and note the same
}
