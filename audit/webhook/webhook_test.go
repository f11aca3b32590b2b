package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/audit"
	"signet/audit/feed"
	"signet/audit/webhook"
	"signet/internal/egress"
	"signet/internal/outbox"
	"signet/internal/seal"
	"signet/storage"
	"signet/storage/storagetest"
)

// receiver is another system.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []sent
	with http.HandlerFunc // nil: takes it
}

type sent struct {
	id, at, signature, body string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		with := r.with
		if with == nil {
			h := req.Header
			r.got = append(r.got, sent{h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature"), string(body)})
		}
		r.mu.Unlock()
		if with != nil {
			with(w, req)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(with http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.with = with
}

func (r *receiver) taken() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// verifies is what Standard Webhooks 1.0 says a receiver does.
func verifies(t *testing.T, secret string, s sent) bool {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s.%s.%s", s.id, s.at, s.body)
	want := "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
	return slices.ContainsFunc(strings.Split(s.signature, " "), func(got string) bool { return hmac.Equal([]byte(got), []byte(want)) })
}

type world struct {
	*testing.T
	db       *storage.DB
	s        *webhook.Service
	delivery *outbox.Delivery
	r        *receiver
	events   int
}

func newWorld(t *testing.T, db *storage.DB, change ...func(o *egress.Options)) *world {
	t.Helper()
	w := &world{T: t, db: db, r: newReceiver(t)}
	way := egress.Options{Allow: []string{"127.0.0.1"}, Roots: x509.NewCertPool(), Total: 300 * time.Millisecond, PerHost: 8, MaxBody: 1}
	way.Roots.AddCert(w.r.Certificate())
	for _, f := range change {
		f(&way)
	}
	w.s, w.delivery = serviceOn(t, db, egress.New(way))
	return w
}

func serviceOn(t *testing.T, db *storage.DB, out *egress.Client) (*webhook.Service, *outbox.Delivery) {
	t.Helper()
	t.Cleanup(out.Close)
	master, err := seal.New([]byte("0123456789abcdefghijklmnopqrstuv"))
	if err != nil {
		t.Fatal(err)
	}
	box, err := outbox.New(db, master, seal.Place)
	if err != nil {
		t.Fatal(err)
	}
	s, err := webhook.New(webhook.Options{Store: db, Events: db, Waiting: db, Outbox: box, Audit: audit.New(db), Sealer: master,
		Place: seal.Place, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	d, err := outbox.NewDelivery(outbox.DeliveryOptions{Outbox: box, Store: db, Senders: map[string]outbox.Sender{webhook.Kind: s.Send},
		Waits: webhook.Waits(), TryFor: webhook.TryFor})
	if err != nil {
		t.Fatal(err)
	}
	return s, d
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// hook makes a webhook that is an hour old.
func (w *world) hook(events ...string) (id, secret string) {
	w.Helper()
	made, secret, err := w.s.Create(w.Context(), webhook.Webhook{URL: w.r.URL + "/in", Events: events}, "")
	w.ok(err)
	w.edit(made.ID, func(m map[string]any) { m["since"] = time.Now().Add(-time.Hour) })
	return made.ID, secret
}

// edit changes what is stored.
func (w *world) edit(id string, change func(m map[string]any)) {
	w.Helper()
	w.ok(w.db.Webhooks(w.Context(), func(row string, data, sealed []byte, version int64) {
		if row != id {
			return
		}
		var m map[string]any
		w.ok(json.Unmarshal(data, &m))
		change(m)
		data, err := json.Marshal(m)
		w.ok(err)
		defer func() { w.ok(w.db.UpdateWebhook(w.Context(), id, version, data, slices.Clone(sealed))) }()
	}))
}

// happens writes an event that is half an hour old.
func (w *world) happens(name string) (id string) {
	w.Helper()
	w.events++
	at := time.Now().Add(-30 * time.Minute).Add(time.Duration(w.events) * time.Millisecond).Truncate(time.Microsecond)
	id = fmt.Sprintf("%sABCDEF%04d", feed.After(at), w.events)
	w.ok(w.db.InsertEvent(w.Context(), storage.Event{ID: id, At: at, Name: name, Outcome: "success", UserID: "ada",
		Detail: json.RawMessage(`{"changed":["name"]}`)}))
	return id
}

// turn follows the log once and sends what is due.
func (w *world) turn() {
	w.Helper()
	w.ok(w.s.Follow(w.Context()))
	w.ok(w.delivery.Once(w.Context()))
}

func (w *world) get(id string) webhook.Webhook {
	w.Helper()
	one, err := w.s.Get(w.Context(), id)
	w.ok(err)
	return one
}

func (w *world) waiting(id string) []webhook.Delivery {
	w.Helper()
	list, err := w.s.Deliveries(w.Context(), id)
	w.ok(err)
	return list
}

// TestAChangeOfAWebhookOverwritesNoneThatWasMadeAnew: files name webhooks by ids of their own; whoever read one that was deleted and made
// anew meanwhile would write the old secret over the new one.
func TestAChangeOfAWebhookOverwritesNoneThatWasMadeAnew(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t))
		hook := webhook.Webhook{ID: "mine", URL: w.r.URL + "/in", Events: []string{"*"}}
		_, _, err := w.s.Create(t.Context(), hook, "")
		w.ok(err)
		_, err = w.s.Change(t.Context(), "mine", func(seen *webhook.Webhook) error {
			seen.Description = "changed"
			w.ok(w.s.Delete(t.Context(), "mine"))
			_, _, err := w.s.Create(t.Context(), hook, "")
			return err
		})
		if !errors.Is(err, webhook.ErrStale) || w.get("mine").Description != "" {
			t.Errorf("got %v, %+v", err, w.get("mine"))
		}
	})
}

func TestT07_WhatIsSentIsSigned(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t))
		id, secret := w.hook("user.")
		want := w.happens("user.changed")
		w.happens("signin.failed")
		w.turn()
		w.turn()
		got := w.r.taken()
		if len(got) != 1 || got[0].id != want || !verifies(t, secret, got[0]) {
			t.Fatalf("got %+v", got)
		}
		var body struct {
			Type      string
			Timestamp time.Time
			Data      feed.Event
		}
		w.ok(json.Unmarshal([]byte(got[0].body), &body))
		if body.Type != "user.changed" || body.Data.ID != want || body.Data.UserID != "ada" ||
			string(body.Data.Detail) != `{"changed":["name"]}` {
			t.Errorf("got %+v", body)
		}
		changed := got[0]
		changed.body += " "
		if verifies(t, secret, changed) {
			t.Error("a changed body verifies")
		}
		if left := w.waiting(id); len(left) > 0 {
			t.Errorf("left %+v", left)
		}
	})
}

func TestTwoSecretsSignForADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storagetest.SQLite(t))
	id, old := w.hook("*")
	one, fresh, err := w.s.Rotate(t.Context(), id, "")
	if w.ok(err); fresh == old || time.Until(one.OldUntil) < 23*time.Hour {
		t.Fatalf("got %+v", one)
	}
	w.happens("user.changed")
	w.turn()
	w.edit(id, func(m map[string]any) { m["old_secret_until"] = time.Now().Add(-time.Second) })
	w.happens("user.disabled")
	w.turn()
	var both, new int
	for _, s := range w.r.taken() {
		switch {
		case verifies(t, fresh, s) && verifies(t, old, s):
			both++
		case verifies(t, fresh, s):
			new++
		}
	}
	if both != 1 || new != 1 {
		t.Errorf("%d have both signatures and %d the new one, want 1 and 1", both, new)
	}
	given := "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef01234567"))
	if _, text, err := w.s.Create(t.Context(), webhook.Webhook{URL: w.r.URL, Events: []string{"*"}}, given); err != nil || text != given {
		t.Errorf("a secret of one's own: %q, %v", text, err)
	}
}

func TestReplayHasTheSameIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storagetest.SQLite(t))
	id, _ := w.hook("user.")
	want := []string{w.happens("user.changed"), w.happens("user.disabled")}
	w.happens("signin.failed")
	w.turn()
	n, last, err := w.s.Replay(t.Context(), id, time.Now().Add(-time.Hour), time.Time{})
	if w.ok(err); n != 2 || !last.IsZero() {
		t.Fatalf("%d are sent again, %v", n, last)
	}
	w.turn()
	var ids []string
	for _, s := range w.r.taken() {
		ids = append(ids, s.id)
	}
	if !slices.Equal(slices.Sorted(slices.Values(ids)), slices.Sorted(slices.Values(append(want, want...)))) {
		t.Errorf("got %v, want each of %v twice", ids, want)
	}
	if n, _, err := w.s.Replay(t.Context(), id, time.Now().Add(-time.Hour), time.Now().Add(-50*time.Minute)); err != nil || n != 0 {
		t.Errorf("of another time: %d, %v", n, err)
	}
}

// TestReplicasTellOnce: the place in the log moves with what is put, so nothing is told twice or not at all, whoever dies when.
func TestReplicasTellOnce(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t))
		w.hook("*")
		want := map[string]int{}
		for range 60 {
			want[w.happens("user.changed")] = 1
		}
		dying, stop := context.WithCancel(t.Context())
		stop()
		if err := w.s.Follow(dying); err == nil {
			t.Error("followed without a life")
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := w.s.Follow(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for range 3 {
			all.Go(func() {
				if err := w.delivery.Once(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for range 3 {
			w.turn()
		}
		got := map[string]int{}
		for _, s := range w.r.taken() {
			got[s.id]++
		}
		for id := range want {
			if got[id] != 1 {
				t.Errorf("%s was told %d times", id, got[id])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d events were told, want %d", len(got), len(want))
		}
	})
}

func TestSecretsDoNotLieOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storagetest.SQLite(t))
	_, secret := w.hook("*")
	w.ok(w.db.Webhooks(t.Context(), func(_ string, data, sealed []byte, _ int64) {
		for _, text := range []string{secret, strings.TrimPrefix(secret, "whsec_")} {
			if strings.Contains(string(data), text) || strings.Contains(string(sealed), text) {
				t.Error("a secret lies open")
			}
		}
	}))
	list, err := w.db.Events(t.Context(), "", 10)
	w.ok(err)
	for _, e := range list {
		if strings.Contains(string(e.Detail), "whsec_") {
			t.Errorf("an event has a secret: %s", e.Detail)
		}
	}
}

func TestChangesRaceAndCount(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t))
		id, _ := w.hook("*")
		var all sync.WaitGroup
		var mu sync.Mutex
		done := 0
		for i := range 8 {
			all.Go(func() {
				_, err := w.s.Change(t.Context(), id, func(x *webhook.Webhook) error {
					x.Events = append(x.Events, string(audit.Names()[i]))
					return nil
				})
				if err != nil && !errors.Is(err, webhook.ErrStale) {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					done++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if n := len(w.get(id).Events) - 1; n != done || done == 0 {
			t.Errorf("%d changes were made and %d are there", done, n)
		}
		for range 25 {
			if _, _, err := w.s.Create(t.Context(), webhook.Webhook{URL: w.r.URL, Events: []string{"*"}}, ""); errors.Is(err, webhook.ErrMany) {
				break
			}
		}
		if list, err := w.s.List(t.Context()); err != nil || len(list) != 20 {
			t.Errorf("%d webhooks, %v", len(list), err)
		}
		w.ok(w.s.Delete(t.Context(), id))
		if err := w.s.Delete(t.Context(), id); !errors.Is(err, webhook.ErrUnknown) {
			t.Errorf("got %v", err)
		}
	})
}
