package pushed_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/oauth/flow"
	"signet/oauth/pushed"
	"signet/oauth/refusal"
	"signet/storage"
	"signet/storage/storagetest"
)

func TestRFC9126_Statements(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		p := pushed.New(open(t))
		var uri string
		var got flow.Request
		for _, test := range []struct {
			name          string
			reads, writes int64
			act           func(ctx context.Context) error
			fails         bool
		}{
			{"push", 0, 1, func(ctx context.Context) (err error) {
				uri, err = p.Push(ctx, flow.Request{ClientID: "shop", State: "s"}, pushed.Holder{ClientID: "shop"})
				return err
			}, false},
			{"open", 1, 0, func(ctx context.Context) (err error) { got, err = p.Open(ctx, "shop", uri); return err }, false},
			{"again", 1, 0, func(ctx context.Context) (err error) { got, err = p.Open(ctx, "shop", uri); return err }, false},
			{"another client", 1, 0, func(ctx context.Context) error { _, err := p.Open(ctx, "other", uri); return err }, true},
			{"unknown", 1, 0, func(ctx context.Context) error { _, err := p.Open(ctx, "shop", uri+"A"); return err }, true},
			{"no reference", 0, 0, func(ctx context.Context) error { _, err := p.Open(ctx, "shop", "https://a.example"); return err }, true},
			{"finish", 0, 1, func(ctx context.Context) error { return p.Finish(ctx, got.Pushed) }, false},
			{"finish again", 0, 1, func(ctx context.Context) error { return p.Finish(ctx, got.Pushed) }, true},
		} {
			ctx, stats := storage.WithStats(t.Context())
			if err := test.act(ctx); (err != nil) != test.fails {
				t.Fatalf("%s: %v", test.name, err)
			}
			if stats.Reads() != test.reads || stats.Writes() != test.writes {
				t.Errorf("%s: %d reads, %d writes, want %d and %d", test.name, stats.Reads(), stats.Writes(), test.reads, test.writes)
			}
		}
		if got.State != "s" {
			t.Errorf("opened: %+v", got)
		}
	})
}

// memory keeps tickets by id, for tests that push thousands.
type memory struct{ rows map[string]storage.Ticket }

func (m *memory) InsertTicket(_ context.Context, t storage.Ticket) error {
	m.rows[t.ID] = t
	return nil
}

func (m *memory) TicketBySecret(_ context.Context, _, hash string, now time.Time) (storage.Ticket, error) {
	for _, t := range m.rows {
		if t.SecretHash == hash && now.Before(t.ExpiresAt) {
			return t, nil
		}
	}
	return storage.Ticket{}, storage.ErrNotFound
}

func (m *memory) VoidTicket(_ context.Context, _, id string) error {
	if _, ok := m.rows[id]; !ok {
		return storage.ErrNotFound
	}
	delete(m.rows, id)
	return nil
}

// Rule V06: what one holder pushes takes the place of its own, never of what is being signed in to.
func TestV06_AFloodOfPushesIsBounded(t *testing.T) {
	store := &memory{rows: map[string]storage.Ticket{}}
	p := pushed.New(store)
	push := func(h pushed.Holder) (string, error) {
		return p.Push(t.Context(), flow.Request{ClientID: h.ClientID}, h)
	}
	must := func(h pushed.Holder) string {
		t.Helper()
		uri, err := push(h)
		if err != nil {
			t.Fatal(err)
		}
		return uri
	}
	attacker, honest := pushed.Holder{ClientID: "spa", Network: "198.51.100.0/24"}, pushed.Holder{ClientID: "spa", Network: "203.0.113.0/24"}
	first := must(honest)
	opened := must(attacker)
	if _, err := p.Open(t.Context(), "spa", opened); err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		must(attacker)
	}
	if len(store.rows) != 51 {
		t.Errorf("%d rows", len(store.rows))
	}
	for name, uri := range map[string]string{"honest": first, "opened": opened} {
		if _, err := p.Open(t.Context(), "spa", uri); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range 25_000 { // from everywhere
		must(pushed.Holder{ClientID: "spa", Network: fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)})
	}
	if len(store.rows) > 20_000 {
		t.Errorf("%d rows", len(store.rows))
	}
	p = pushed.New(store)
	machine := pushed.Holder{ClientID: "machine"}
	var all []string
	for range 1_000 {
		all = append(all, must(machine))
	}
	for _, uri := range all {
		if _, err := p.Open(t.Context(), "machine", uri); err != nil {
			t.Fatal(err)
		}
	}
	_, err := push(machine)
	if no, ok := errors.AsType[*refusal.Refusal](err); !ok || no.Status != 429 || no.Header.Get("Retry-After") == "" {
		t.Errorf("where all are being signed in to: %v", err)
	}
}

func TestTheShareIsFreeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pushed.New(&memory{rows: map[string]storage.Ticket{}})
		h := pushed.Holder{ClientID: "spa", Network: "n"}
		for range 50 {
			uri, err := p.Push(t.Context(), flow.Request{ClientID: "spa"}, h)
			if err == nil {
				_, err = p.Open(t.Context(), "spa", uri)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.Push(t.Context(), flow.Request{ClientID: "spa"}, h); err == nil {
			t.Error("the 51st was taken")
		}
		time.Sleep(32 * time.Minute)
		if _, err := p.Push(t.Context(), flow.Request{ClientID: "spa"}, h); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatIsTooLargeIsRefused(t *testing.T) {
	p := pushed.New(&memory{rows: map[string]storage.Ticket{}})
	_, err := p.Push(t.Context(), flow.Request{ClientID: "a", Claims: strings.Repeat("x", 17<<10)}, pushed.Holder{ClientID: "a"})
	if no, ok := errors.AsType[*refusal.Refusal](err); !ok || no.Code != "invalid_request" {
		t.Errorf("got %v", err)
	}
}
