package status_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/oauth/status"
)

// store is a store of what ended.
type store struct {
	last     int64
	ended    map[int64]time.Time
	disabled map[string]time.Time
	grants   map[string][]int64
	ofClient map[string]int64
	reads    int // of what was revoked
	paused   map[int64]time.Time
	given    int // rows that were read of it
	down     error
	made     int // places of clients
}

func (b *store) ReserveStatus(_ context.Context, n int64) (int64, error) {
	b.last += n
	return b.last - n + 1, b.down
}

func (b *store) LastStatus(context.Context) (int64, error) { return b.last, b.down }

func (b *store) ClientStatus(ctx context.Context, id string, place func(context.Context) (int64, error)) (int64, error) {
	index, err := place(ctx)
	b.made++
	b.ofClient[id] = index
	return index, err
}

func (b *store) EndedStatus(_ context.Context, since time.Time, each func(int64, time.Time)) error {
	b.reads++
	for index, at := range b.ended {
		if at.After(since) {
			b.given++
			each(index, at)
		}
	}
	return b.down
}

func (b *store) DisabledClients(_ context.Context, since time.Time, each func(string, time.Time, int64)) error {
	for id, at := range b.disabled {
		if at.After(since) {
			each(id, at, b.ofClient[id])
		}
	}
	return b.down
}

func (b *store) PausedStatus(_ context.Context, since time.Time, each func(int64)) error {
	for index, at := range b.paused {
		if at.After(since) {
			each(index)
		}
	}
	return b.down
}

func (b *store) GrantStatusOfClient(_ context.Context, id string, each func(int64)) error {
	for _, index := range b.grants[id] {
		each(index)
	}
	return b.down
}

func newStore() *store {
	return &store{paused: map[int64]time.Time{},
		ended: map[int64]time.Time{}, disabled: map[string]time.Time{}, grants: map[string][]int64{}, ofClient: map[string]int64{}}
}

func newLists(t testing.TB, b *store) *status.Lists {
	t.Helper()
	lists, err := status.New(status.Options{
		Store: b, Changes: b, Issuer: "https://id.test", Longest: time.Hour,
		Sign: func(c any) (string, error) { raw, err := json.Marshal(c); return string(raw), err },
	})
	if err != nil {
		t.Fatal(err)
	}
	return lists
}

// serve gives the claims of a list and its bits.
func serve(t testing.TB, l *status.Lists, number string) (c status.Claims, bits []byte) {
	t.Helper()
	raw, err := l.Serve(t.Context(), number)
	if err == nil {
		err = json.Unmarshal([]byte(raw), &c)
	}
	var packed []byte
	if err == nil {
		packed, err = base64.RawURLEncoding.DecodeString(c.List.List)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err == nil {
		bits, err = io.ReadAll(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c, bits
}

func has(bits []byte, place int64) bool { return bits[place/8]>>(place%8)&1 == 1 }

// expect compares what of the places has ended.
func expect(t testing.TB, l *status.Lists, ended map[int64]bool) {
	t.Helper()
	_, bits := serve(t, l, "0")
	for place, want := range ended {
		if has(bits, place) != want {
			t.Errorf("place %d: ended %v, want %v", place, !want, want)
		}
	}
}

// TestEndedWithinTwoSeconds: a place has its bit two seconds after it ended, and no longer than a token of it may live.
func TestEndedWithinTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStore()
		l := newLists(t, b)
		if err := l.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		c, _ := serve(t, l, "0")
		if c.Subject != "https://id.test/oauth2/status/0" || c.IssuedAt != time.Now().Unix() || c.TTL != 10 ||
			c.ExpiresAt <= c.IssuedAt+15 || c.List.Size != 1 {
			t.Errorf("claims %+v", c)
		}
		for range 1000 {
			serve(t, l, "0")
		}
		if b.reads != 1 {
			t.Errorf("%d reads for 1001 requests at once", b.reads)
		}
		b.ended[7] = time.Now()
		time.Sleep(2 * time.Second)
		expect(t, l, map[int64]bool{7: true, 6: false, 8: false})
		// a transaction that took long; a replica whose clock is ahead
		b.ended[9], b.ended[10] = time.Now().Add(-50*time.Second), time.Now().Add(30*time.Second)
		time.Sleep(2 * time.Second)
		expect(t, l, map[int64]bool{7: true, 9: true, 10: true})
		time.Sleep(time.Hour)
		expect(t, l, map[int64]bool{7: true, 9: true, 10: true})
		time.Sleep(2 * time.Minute)
		expect(t, l, map[int64]bool{7: false, 9: false, 10: false})
	})
}

// TestADisabledClient: all its grants have ended while it is disabled, those too that were made a moment later by a replica that did not
// know; enabled again, they have not.
func TestADisabledClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStore()
		l := newLists(t, b)
		own, err := l.OfClient(t.Context(), &clients.Client{Metadata: clients.Metadata{ClientID: "shop"}})
		if err != nil {
			t.Fatal(err)
		}
		b.grants["shop"] = []int64{20, 21}
		b.ended[21] = time.Now()
		place := b.ofClient["shop"]
		if !strings.Contains(string(own), `"uri":"https://id.test/oauth2/status/0"`) {
			t.Errorf("the claim of a client is %s", own)
		}
		expect(t, l, map[int64]bool{20: false, 21: true, place: false})
		b.disabled["shop"] = time.Now()
		time.Sleep(2 * time.Second)
		expect(t, l, map[int64]bool{20: true, 21: true, 22: false, place: true})
		b.grants["shop"] = append(b.grants["shop"], 22)
		time.Sleep(2 * time.Second)
		expect(t, l, map[int64]bool{20: true, 21: true, 22: true, place: true})
		delete(b.disabled, "shop")
		time.Sleep(2 * time.Second)
		expect(t, l, map[int64]bool{20: false, 21: true, 22: false, place: false})
	})
}

// TestPlacesOfClients: remembered, and another one for a client that was deleted and made again.
func TestPlacesOfClients(t *testing.T) {
	b := newStore()
	l := newLists(t, b)
	c := &clients.Client{Metadata: clients.Metadata{ClientID: "robot"}, CreatedAt: time.Unix(1, 0)}
	one, _ := l.OfClient(t.Context(), c)
	two, _ := l.OfClient(t.Context(), c)
	if string(one) != string(two) || b.made != 1 {
		t.Errorf("%s and %s, asked %d times", one, two, b.made)
	}
	c = &clients.Client{Metadata: c.Metadata, CreatedAt: time.Unix(2, 0)}
	if three, _ := l.OfClient(t.Context(), c); string(three) == string(one) {
		t.Errorf("a client that was made again has the place of the one before: %s", three)
	}
	seen, inOrder := map[int64]bool{}, 0
	for before := int64(0); len(seen) < 3000; {
		index, err := l.Next(t.Context())
		if err != nil || seen[index] || index < 1 {
			t.Fatalf("place %d, seen %v, %v", index, seen[index], err)
		}
		if index == before+1 {
			inOrder++
		}
		seen[index], before = true, index
	}
	if inOrder > 100 {
		t.Errorf("%d of 3000 places follow their predecessor: they tell how many grants are made", inOrder)
	}
	if l.Claim(0) != nil {
		t.Errorf("a claim without a place: %s", l.Claim(0))
	}
	var claim struct {
		List struct {
			Index int64  `json:"idx"`
			URI   string `json:"uri"`
		} `json:"status_list"`
	}
	if err := json.Unmarshal(l.Claim(1<<19+5), &claim); err != nil || claim.List.Index != 5 ||
		claim.List.URI != "https://id.test/oauth2/status/2" {
		t.Errorf("%+v, %v", claim, err)
	}
}

// TestTheDatabaseIsAway: lists count for five minutes, with the time at which they were true; then there is none.
func TestTheDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStore()
		l := newLists(t, b)
		if _, err := l.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		first, _ := serve(t, l, "0")
		b.down = errors.New("no route")
		b.ended[3] = time.Now()
		time.Sleep(4 * time.Minute)
		if c, bits := serve(t, l, "0"); c.IssuedAt != first.IssuedAt || has(bits, 3) {
			t.Errorf("served as of %d, %d later", c.IssuedAt, c.IssuedAt-first.IssuedAt)
		}
		reads := b.reads
		for range 100 {
			_, _ = l.Serve(t.Context(), "0")
		}
		if b.reads > reads {
			t.Errorf("%d more reads of a database that just did not answer", b.reads-reads)
		}
		time.Sleep(time.Minute)
		if _, err := l.Serve(t.Context(), "0"); !errors.Is(err, status.ErrUnavailable) {
			t.Errorf("after five minutes: %v", err)
		}
		b.down = nil
		time.Sleep(time.Second)
		expect(t, l, map[int64]bool{3: true})
	})
}

// TestNoSuchList: numbers that nobody was given cost nothing.
func TestNoSuchList(t *testing.T) {
	l := newLists(t, newStore())
	if err := l.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{
		"1", "999999999999", "9223372036854775807", "9223372036854775808", "-1", "00", "+0", "0 ", "", "x", "0x0",
	} {
		if got, err := l.Serve(t.Context(), number); !errors.Is(err, status.ErrNone) {
			t.Errorf("%q: %.20s, %v", number, got, err)
		}
	}
}

// TestOneWhoGoesAwayKeepsNobodyWaiting: requests that are given up do not keep the state from being read.
func TestOneWhoGoesAwayKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStore()
		l := newLists(t, b)
		if err := l.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		b.ended[4] = time.Now()
		if _, err := l.Serve(gone, "0"); err != nil {
			t.Fatal(err)
		}
		expect(t, l, map[int64]bool{4: true})
	})
}

// millionGrants is what the lists have to bear: a million grants, of which one in a thousand was revoked of late.
func millionGrants() *store {
	b := newStore()
	b.last = 1_000_000
	for i := range int64(1000) {
		b.ended[(i*2_654_435_761)%b.last+1] = time.Now()
	}
	return b
}

// TestAMillionGrants: all lists together are small.
func TestAMillionGrants(t *testing.T) {
	b := millionGrants()
	l := newLists(t, b)
	served := 0
	for _, n := range []string{"0", "1", "2", "3"} {
		raw, err := l.Serve(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		served += len(raw)*4/3 + 200 // as the payload of a JWS, with header and signature
	}
	if _, err := l.Serve(t.Context(), "4"); !errors.Is(err, status.ErrNone) {
		t.Errorf("a fifth list: %v", err)
	}
	if t.Logf("%d bytes", served); served > 8<<10 {
		t.Errorf("the lists have %d bytes, want 8 KiB at most", served)
	}
}

// BenchmarkRebuild reads everything anew, and makes all lists of a million grants.
func BenchmarkRebuild(b *testing.B) {
	store := millionGrants()
	for b.Loop() {
		l := newLists(b, store)
		for _, n := range []string{"0", "1", "2", "3"} {
			if _, err := l.Serve(b.Context(), n); err != nil {
				b.Fatal(err)
			}
		}
	}
}
