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
		db := open(t)
		p := pushed.New(db, db, nil)
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
			{"begin", 0, 1, func(ctx context.Context) error { return p.Begin(ctx, got.Pushed, time.Now().Add(time.Hour)) }, false},
			{"finish", 0, 1, func(ctx context.Context) error { return p.Finish(ctx, got.Pushed) }, false},
			{"begin after", 0, 1, func(ctx context.Context) error { return p.Begin(ctx, got.Pushed, time.Now().Add(time.Hour)) }, true},
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

// flood pushes on an engine.
type flood struct {
	*testing.T
	p *pushed.Requests
}

func (f flood) push(client, network string) (uri string) {
	f.Helper()
	uri, err := f.p.Push(f.Context(), flow.Request{ClientID: client}, pushed.Holder{ClientID: client, Network: network})
	if err != nil {
		f.Fatal(err)
	}
	return uri
}

// begin opens one and begins a sign-in.
func (f flood) begin(client, uri string) {
	f.Helper()
	req, err := f.p.Open(f.Context(), client, uri)
	if err == nil {
		err = f.p.Begin(f.Context(), req.Pushed, time.Now().Add(30*time.Minute))
	}
	if err != nil {
		f.Fatal(err)
	}
}

func (f flood) waits(client, uri string) bool {
	_, err := f.p.Open(f.Context(), client, uri)
	return err == nil
}

// TestV06_ANeighbourPushesOutNobody: of what one network pushed the address that pushed most gives way, and what is over takes no place.
func TestV06_ANeighbourPushesOutNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		p := pushed.New(db, db, nil)
		push := func(address string) string {
			t.Helper()
			uri, err := p.Push(t.Context(), flow.Request{ClientID: "spa"},
				pushed.Holder{ClientID: "spa", Network: "203.0.113.0/24", Address: address})
			if err != nil {
				t.Fatal(err)
			}
			return uri
		}
		honest := []string{push("203.0.113.1"), push("203.0.113.1"), push("203.0.113.2")}
		for range 200 {
			push("203.0.113.66")
		}
		honest = append(honest, push("203.0.113.3"))
		for range 200 {
			push("203.0.113.66")
		}
		for i, uri := range honest {
			if _, err := p.Open(t.Context(), "spa", uri); err != nil {
				t.Errorf("request %d: %v", i, err)
			}
		}
		time.Sleep(pushed.Life)
		for range 60 {
			push("203.0.113.66")
		}
	})
}

// Rule V06: what one holder pushes takes the place of its own, never of what is being signed in to.
func TestV06_AFloodOfPushesIsBounded(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		rows := func() (n int) {
			t.Helper()
			list, err := db.PushedShares(t.Context(), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for _, of := range list {
				n += int(of[0])
			}
			return n
		}
		f := flood{t, pushed.New(db, db, nil)}
		honest := f.push("spa", "203.0.113.0/24")
		begun := f.push("spa", "198.51.100.0/24")
		f.begin("spa", begun)
		for range 150 {
			f.push("spa", "198.51.100.0/24")
		}
		if n := rows(); n > 51 {
			t.Errorf("%d rows", n)
		}
		for range 60 { // more sign-ins than a share: none is refused, for those that are begun count no more
			f.begin("spa", f.push("spa", "192.0.2.0/24"))
		}
		other := flood{t, pushed.New(db, db, nil)} // another replica counts the same rows
		for range 60 {
			other.push("spa", "198.51.100.0/24")
		}
		if n := rows(); n > 51 {
			t.Errorf("%d rows with another replica", n)
		}
		machine := f.push("machine", "")
		other.p.Bound(80, 64<<20)
		for i := range 200 { // from everywhere
			other.push("spa", fmt.Sprintf("10.0.%d.0/24", i%30))
		}
		if n := rows(); n > 81 { // and one that the other replica took since the last count
			t.Errorf("%d rows with the bound of the server", n)
		}
		if !f.waits("spa", begun) || !f.waits("machine", machine) {
			t.Error("what is being signed in to, or another client's, gave way")
		}
		if !f.waits("spa", honest) {
			t.Error("who has one gave way to who has many")
		}
		other.p.Bound(80, 3000)
		for range 30 {
			other.push("spa", "198.51.100.0/24")
		}
		if list, err := db.PushedShares(t.Context(), time.Now()); err != nil || rows() > 20 {
			t.Errorf("%v %v", list, err)
		}
	})
}

func TestWhatIsTooLargeIsRefused(t *testing.T) {
	db := storagetest.SQLite(t)
	p := pushed.New(db, db, nil)
	_, err := p.Push(t.Context(), flow.Request{ClientID: "a", Claims: strings.Repeat("x", 17<<10)}, pushed.Holder{ClientID: "a"})
	if no, ok := errors.AsType[*refusal.Refusal](err); !ok || no.Code != "invalid_request" {
		t.Errorf("got %v", err)
	}
}
