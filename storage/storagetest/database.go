package storagetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/expired"
)

func keys(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	k := storage.Key{KID: "k1", Alg: "ES256", State: "next", Sealed: []byte{0, 1, 255}, MadeAt: now, SignsFrom: now.Add(time.Minute)}
	ok(t, db.InsertKey(ctx, k))
	fails(t, db.InsertKey(ctx, k), storage.ErrConflict)
	ok(t, db.InsertKey(ctx, storage.Key{KID: "k0", Alg: "RS256", State: "active", Sealed: []byte("x"), MadeAt: now.Add(-time.Hour)}))
	list, err := db.Keys(ctx)
	ok(t, err)
	if len(list) != 2 || list[0].KID != "k0" {
		t.Fatalf("got %+v, want the oldest first", list)
	}
	same(t, list[1], k)
	k.State, k.RetiresAt = "active", now.Add(time.Hour)
	ok(t, db.UpdateKey(ctx, "next", k))
	fails(t, db.UpdateKey(ctx, "next", k), storage.ErrStale)
	ok(t, db.DeleteKey(ctx, "k0"))
	list, err = db.Keys(ctx)
	ok(t, err)
	same(t, list, []storage.Key{k})
	v, err := db.Versions(ctx)
	if err != nil || v.Keys != 5 {
		t.Fatalf("keys version %d, %v; want 5: a failed write raises nothing", v.Keys, err)
	}
}

func locks(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	take := func(holder string, at time.Time, want bool) {
		t.Helper()
		if got, err := db.Lock(ctx, "janitor", holder, at, at.Add(time.Minute)); err != nil || got != want {
			t.Fatalf("lock for %s: %v, %v; want %v", holder, got, err, want)
		}
	}
	take("a", now, true)
	take("b", now, false)
	take("a", now.Add(30*time.Second), true) // its own holder may prolong it
	take("b", now.Add(61*time.Second), false)
	take("b", now.Add(90*time.Second), true) // expired
	ok(t, db.Unlock(ctx, "janitor", "a"))    // no longer a's to give
	take("a", now.Add(91*time.Second), false)
	ok(t, db.Unlock(ctx, "janitor", "b"))
	take("a", now.Add(91*time.Second), true)
	const years = 10 * 365 * 24 * time.Hour
	take("b", now.Add(years), true) // by a clock that is ahead; then it died, and the clock was set
	take("a", now.Add(time.Hour), true)
	take("b", now.Add(time.Hour), false)
}

func clockSeen(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for _, want := range [][2]time.Time{{}, {now, time.Time{}}, {now.Add(time.Hour), now.Add(2 * time.Hour)}, {now, time.Time{}}} {
		if !want[0].IsZero() {
			ok(t, db.NoteClock(ctx, want[0], want[1]))
		}
		seen, held, err := db.ClockSeen(ctx)
		if err != nil || !seen.Equal(want[0]) || !held.Equal(want[1]) {
			t.Fatalf("got %v, %v, %v; want %v", seen, held, err, want)
		}
	}
	if list, err := db.Replicas(ctx, now); err != nil || len(list) != 0 {
		t.Fatalf("what is known of the clock is taken for replicas: %v, %v", list, err)
	}
}

func replicas(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	run := func(at time.Time, want ...string) {
		t.Helper()
		got, err := db.Replicas(ctx, at)
		ok(t, err)
		same(t, got, want)
	}
	run(now)
	if _, err := db.Lock(ctx, "job.keys", "a", now, now.Add(time.Hour)); err != nil { // not a replica
		t.Fatal(err)
	}
	ok(t, db.Beat(ctx, "b", "0.2.0", now.Add(time.Minute)))
	ok(t, db.Beat(ctx, "a", "0.1.0", now.Add(time.Minute)))
	run(now, "0.1.0", "0.2.0")
	ok(t, db.Beat(ctx, "a", "0.2.0", now.Add(2*time.Minute))) // the same one, another release
	run(now, "0.2.0", "0.2.0")
	run(now.Add(time.Minute), "0.2.0") // b has died
	run(now, "0.2.0")                  // and is forgotten
	ok(t, db.EndReplica(ctx, "a"))
	ok(t, db.EndReplica(ctx, "a"))
	run(now)
	ok(t, db.Beat(ctx, "c", "0.3.0", now.Add(10*365*24*time.Hour))) // its clock was ahead when it died
	run(now)
	if free, err := db.Lock(ctx, "job.keys", "b", now, now.Add(time.Hour)); err != nil || free {
		t.Fatalf("the lock that is none of a replica: free %v, %v", free, err)
	}
}

func once(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ok(t, db.SpendOnce(ctx, "client_assertion", "shop", "h1", now))
	fails(t, db.SpendOnce(ctx, "client_assertion", "shop", "h1", now), storage.ErrConflict)
	ok(t, db.SpendOnce(ctx, "client_assertion", "zoo", "h1", now))
	ok(t, db.SpendOnce(ctx, "dpop", "shop", "h1", now))
}

func counters(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	steps := []struct {
		n    int64
		at   time.Duration
		want int64
		ends time.Duration
	}{
		{2, 0, 2, time.Minute}, {1, 10 * time.Second, 3, time.Minute}, {-1, 20 * time.Second, 2, time.Minute},
		{-9, 30 * time.Second, 0, time.Minute}, {4, 40 * time.Second, 4, time.Minute},
		{1, time.Minute, 1, 2 * time.Minute}, {-1, 3 * time.Minute, 0, 4 * time.Minute},
	}
	for i, s := range steps {
		c, err := db.AddToCounter(ctx, "k", s.n, now.Add(s.at), time.Minute)
		if err != nil || c.Key != "k" || c.Count != s.want || !c.ResetsAt.Equal(now.Add(s.ends)) {
			t.Fatalf("step %d: got %+v, %v; want %d until %v", i, c, err, s.want, s.ends)
		}
	}
	_, err := db.AddToCounter(ctx, "other", 5, now, time.Minute)
	ok(t, err)
	found, err := db.CountersOf(ctx, []string{"k", "other", "missing"}, now)
	if err != nil || len(found) != 2 || found["other"].Count != 5 {
		t.Fatalf("got %+v, %v", found, err)
	}
	if found, err = db.CountersOf(ctx, []string{"other"}, now.Add(time.Minute)); err != nil || len(found) != 0 {
		t.Fatalf("a counter whose window is over counts: %+v, %v", found, err)
	}
	ok(t, db.ResetCounter(ctx, "k"))
	if found, err = db.CountersOf(ctx, []string{"k"}, now); err != nil || len(found) != 0 {
		t.Fatalf("got %+v, %v", found, err)
	}
}

func events(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	e := storage.Event{
		ID: "e1", At: now, Name: "signin.succeeded", Outcome: "success", ActorID: "ada", UserID: "ada", ClientID: "shop",
		SessionID: "s1", GrantID: "g1", Network: "192.0.2.0/24", Agent: "Firefox", RequestID: "7F3K",
		Detail: json.RawMessage(`{"method":"password"}`),
	}
	ok(t, db.InsertEvent(ctx, e))
	fails(t, db.InsertEvent(ctx, e), storage.ErrConflict)
	for _, id := range []string{"e2", "e3"} {
		ok(t, db.InsertEvent(ctx, storage.Event{ID: id, At: now.Add(time.Hour), Name: "key.rotated", Outcome: "success"}))
	}
	list, err := db.EventsOfUser(ctx, "ada", "", 10)
	ok(t, err)
	same(t, list, []storage.Event{e})
	list, err = db.Events(ctx, "e3", 10)
	ok(t, err)
	same(t, idsOf(list, func(e storage.Event) string { return e.ID }), []string{"e2", "e1"})
	if list, err = db.Events(ctx, "", 1); err != nil || len(list) != 1 || list[0].ID != "e3" {
		t.Fatalf("got %+v, %v", list, err)
	}
	if list, err = db.EventsBetween(ctx, "e1", "e2", 10); err != nil || len(list) != 1 || list[0].ID != "e2" {
		t.Fatalf("got %+v, %v", list, err)
	}
	n, err := db.DeleteEvents(ctx, "", "e3", []string{"key.rotated"}, true, now.Add(time.Minute), 10)
	if err != nil || n != 1 {
		t.Fatalf("retention removed %d, %v; want 1", n, err)
	}
	if n, err = db.DeleteEvents(ctx, "", "e3", []string{"key.rotated"}, false, now.Add(time.Minute), 10); err == nil {
		t.Fatalf("retention removed %d that are younger than it said", n)
	}
	n, err = db.DeleteEvents(ctx, "", "e2", []string{"key.rotated"}, false, now.Add(2*time.Hour), 10)
	if err != nil || n != 1 {
		t.Fatalf("retention removed %d, %v; want 1", n, err)
	}
}

func eventSeals(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	_, err := db.LastEventSeal(ctx)
	fails(t, err, storage.ErrNotFound)
	s := storage.EventSeal{N: 1, Class: "others", To: "e2", Events: 2, Root: "r", Digests: []byte{0, 255}, SealedAt: now, Head: "h"}
	ok(t, db.InsertEventSeals(ctx, s))
	fails(t, db.InsertEventSeals(ctx, s), storage.ErrConflict)
	second := s
	second.N, second.From, second.To, second.Events, second.Digests = 2, "e2", "e3", 1, []byte{1}
	ok(t, db.InsertEventSeals(ctx, second))
	last, err := db.LastEventSeal(ctx)
	ok(t, err)
	same(t, last, second)
	list, err := db.EventSeals(ctx, 1, 10)
	ok(t, err)
	same(t, list, []storage.EventSeal{second})
	ok(t, db.SealGone(ctx, 1, now, "mac"))
	fails(t, db.SealGone(ctx, 1, now, "mac"), storage.ErrStale)
	list, err = db.KeptEventSeals(ctx, "others", 10)
	ok(t, err)
	same(t, list, []storage.EventSeal{second})
	s.GoneAt, s.GoneMAC, s.Digests = now, "mac", nil
	list, err = db.EventSeals(ctx, 0, 1)
	ok(t, err)
	same(t, list, []storage.EventSeal{s})

	at, err := db.Cursor(ctx, "file")
	ok(t, err)
	same(t, at, "")
	ok(t, db.MoveCursor(ctx, "file", "", "e1"))
	fails(t, db.MoveCursor(ctx, "file", "", "e2"), storage.ErrStale)
	ok(t, db.MoveCursor(ctx, "file", "e1", "e2"))
	fails(t, db.MoveCursor(ctx, "file", "e1", "e3"), storage.ErrStale)
	at, err = db.Cursor(ctx, "file")
	ok(t, err)
	same(t, at, "e2")
}

func expiry(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	later := now.Add(time.Hour)
	for i, at := range []time.Time{now, now, now, later} {
		id := string(rune('a' + i))
		g, s := grantOf(id), sessionOf(id)
		g.ExpiresAt, s.ExpiresAt = at, at
		ok(t, db.InsertGrant(ctx, g))
		ok(t, db.InsertSession(ctx, s))
		ok(t, db.InsertInteraction(ctx, storage.Interaction{ID: id, Network: "n", CreatedAt: now, ExpiresAt: at}, 10, 0, 0))
		ok(t, db.RevokeToken(ctx, id, at))
		ok(t, db.SpendOnce(ctx, "k", "o", id, at))
		_, err := db.AddToCounter(ctx, id, 1, at.Add(-time.Second), time.Second)
		ok(t, err)
		ok(t, db.InsertClient(ctx, storage.Client{ID: id, CreatedAt: now, UpdatedAt: now}))
		ok(t, db.InsertClientSecret(ctx, storage.ClientSecret{ID: id, ClientID: id, MAC: "m", CreatedAt: now, ExpiresAt: at}, now))
		ok(t, db.InsertMessage(ctx, storage.Message{ID: id, Sealed: []byte("x"), DueAt: now, CreatedAt: now, ExpiresAt: at}))
		ok(t, db.InsertDelivery(ctx, storage.Message{ID: id, Sealed: []byte("x"), DueAt: now, CreatedAt: now, ExpiresAt: at}))
		ok(t, db.InsertTicket(ctx, storage.Ticket{ID: id, SecretHash: id, Purpose: "p", Owner: "o", CreatedAt: now, ExpiresAt: at}))
		ok(t, db.InsertInitialToken(ctx, storage.InitialToken{ID: id, TokenHash: id, UsesLeft: 1, CreatedAt: now, ExpiresAt: at}))
		ok(t, db.InsertWaiting(ctx, storage.Waiting{IDHash: id, Kind: "k", Owner: id, CreatedAt: now.Add(-time.Hour), ExpiresAt: at}, 1))
		ok(t, db.ClaimAnswer(ctx, id, "c", "r", now, at))
		ok(t, db.InsertAPIKey(ctx, id, id, 0, "h", []byte("{}"), at))
		ok(t, db.PutTrace(ctx, id, "", at, []byte("{}")))
		ok(t, db.PutTrace(ctx, id, "", later, []byte("another"))) // the first one stays
		data, err := db.KeptTrace(ctx, id)
		ok(t, err)
		same(t, string(data), "{}")
	}
	ok(t, db.InsertClientSecret(ctx, storage.ClientSecret{ID: "forever", ClientID: "a", MAC: "m", CreatedAt: now}, now))
	for _, what := range db.Expirables() {
		if what == expired.ClientChanges || what == expired.Status {
			continue // every write of a client above left one; what is deleted leaves the other
		}
		for _, want := range []int64{2, 1, 0} {
			n, err := db.DeleteExpired(ctx, what, now.Add(time.Second), 2)
			if err != nil || n != want {
				t.Fatalf("%s: removed %d, %v; want %d", what, n, err, want)
			}
		}
	}
	if _, err := db.DeleteExpired(ctx, "users; --", now, 2); err == nil {
		t.Fatal("a table that does not expire was accepted")
	}
	// A revoked grant is dead from its revocation on, however long it would have lived.
	_, err := db.RevokeGrant(ctx, "d", "test", now)
	ok(t, err)
	if n, err := db.DeleteExpired(ctx, expired.Grants, now.Add(time.Second), 2); err != nil || n != 1 {
		t.Fatalf("revoked grants removed: %d, %v; want 1", n, err)
	}
}

// oddInput: what strangers send finds nothing, and never becomes part of a statement.
func oddInput(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	u := ada(t, db)
	ok(t, db.InsertSession(ctx, sessionOf("s1")))
	ok(t, db.InsertGrant(ctx, grantOf("g1")))
	g := grantOf("g2")
	g.CodeHash, g.SessionID = "", ""
	ok(t, db.InsertGrant(ctx, g))
	for _, odd := range []string{"", "1=1", "' OR '1'='1", "\" OR 1=1 --", "%", "*", "ada\x01", "NULL"} {
		for name, read := range map[string]func() error{
			"user":        func() error { _, err := db.UserByID(ctx, odd); return err },
			"e-mail":      func() error { _, err := db.UserByKey(ctx, odd, ""); return err },
			"username":    func() error { _, err := db.UserByKey(ctx, "", odd); return err },
			"sign-in":     func() error { _, err := db.SignInByKey(ctx, odd, ""); return err },
			"session":     func() error { _, err := db.SessionBySecret(ctx, odd); return err },
			"code":        func() error { _, err := db.GrantStateByCode(ctx, odd); return err },
			"grant":       func() error { _, err := db.GrantStateByID(ctx, odd); return err },
			"client":      func() error { _, _, err := db.ClientByID(ctx, odd); return err },
			"consent":     func() error { _, err := db.ConsentOf(ctx, odd, odd); return err },
			"interaction": func() error { _, err := db.InteractionByID(ctx, odd, now); return err },
		} {
			if err := read(); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("%s %q: got %v, want not found", name, odd, err)
			}
		}
		fails(t, db.SpendCode(ctx, storage.Spend{CodeHash: odd, Now: now, ExpiresAt: now}), storage.ErrStale)
	}
	if _, err := db.UserByKey(ctx, u.EmailKey, u.UsernameKey); err == nil {
		t.Fatal("two keys at once were accepted")
	}
}

// noText looks for text that no database holds: reading finds nothing, and nothing is written.
func noText(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ada(t, db)
	for _, odd := range []string{"\x00", "a\x00b", "\xff", "\xf0(\x8c(", "\xed\xa0\x80"} {
		_, err := db.InteractionByID(ctx, odd, now)
		fails(t, err, storage.ErrNotFound)
		fails(t, err, storage.ErrText)
		_, err = db.Events(ctx, odd, 1)
		fails(t, err, storage.ErrText)
		fails(t, db.RaiseEpoch(ctx, odd, now), storage.ErrText)
		fails(t, db.InsertSession(ctx, sessionOf(odd)), storage.ErrText)
		fails(t, db.Tx(ctx, func(ctx context.Context) error { // which goes on
			fails(t, db.RaiseEpoch(ctx, odd, now), storage.ErrText)
			return db.RaiseEpoch(ctx, "ada", now)
		}), nil)
	}
}

func transactions(t *testing.T, db *storage.DB) {
	ctx := ctxOf(t)
	u := ada(t, db)
	stop := errors.New("stop")
	raise := func(ctx context.Context) error { return db.RaiseEpoch(ctx, "ada", now) }

	err := db.Tx(ctx, func(ctx context.Context) error { // nested ones join, and all goes or none
		ok(t, raise(ctx))
		ok(t, db.Tx(ctx, raise))
		in, err := db.UserByID(ctx, "ada")
		ok(t, err)
		if in.Epoch != u.Epoch+2 {
			t.Errorf("inside: epoch %d, want its own writes seen (%d)", in.Epoch, u.Epoch+2)
		}
		list, err := db.Users(ctx, "", 10)
		if err != nil || len(list) != 1 || list[0].Epoch != u.Epoch+2 {
			t.Errorf("inside: gorm reads %+v, %v", list, err)
		}
		return stop
	})
	fails(t, err, stop)
	got, err := db.UserByID(ctx, "ada")
	ok(t, err)
	same(t, got, u)

	ok(t, db.Tx(ctx, func(ctx context.Context) error {
		return errors.Join(raise(ctx), db.InsertEvent(ctx, storage.Event{ID: "e", At: now, Name: "n", Outcome: "success"}))
	}))
	if got, err = db.UserByID(ctx, "ada"); err != nil || got.Epoch != u.Epoch+1 {
		t.Fatalf("after commit: epoch %d, %v", got.Epoch, err)
	}

	var leaked context.Context
	ok(t, db.Tx(ctx, func(ctx context.Context) error { leaked = ctx; return nil }))
	if err := raise(leaked); err == nil {
		t.Fatal("a statement after the end of its transaction ran")
	}

	gone, cancel := context.WithCancel(ctx)
	cancel()
	fails(t, db.Tx(gone, raise), context.Canceled)
	fails(t, raise(gone), context.Canceled)
	if got, err = db.UserByID(ctx, "ada"); err != nil || got.Epoch != u.Epoch+1 {
		t.Fatalf("a call with a dead context wrote: epoch %d, %v", got.Epoch, err)
	}
}

// failedTransactions: after a statement the database refused nothing of the transaction stays, on both engines alike; and
// neither an error nor a panic leaves the writer taken.
func failedTransactions(t *testing.T, db *storage.DB) {
	ctx := ctxOf(t)
	u := ada(t, db)
	err := db.Tx(ctx, func(ctx context.Context) error {
		ok(t, db.RaiseEpoch(ctx, "ada", now))
		fails(t, db.InsertUser(ctx, u), storage.ErrConflict)
		fails(t, db.RaiseEpoch(ctx, "ada", now), storage.ErrConflict) // lost
		return nil
	})
	fails(t, err, storage.ErrConflict)

	func() {
		defer func() {
			if p := recover(); p != "boom" {
				t.Errorf("recovered %v, want the panic of the body", p)
			}
		}()
		_ = db.Tx(ctx, func(ctx context.Context) error {
			ok(t, db.RaiseEpoch(ctx, "ada", now))
			panic("boom")
		})
	}()
	got, err := db.UserByID(ctx, "ada")
	ok(t, err)
	same(t, got, u)

	ok(t, db.Tx(ctx, func(ctx context.Context) error { // what decides by its row count leaves the transaction whole
		ok(t, db.SpendOnce(ctx, "k", "o", "h", now))
		fails(t, db.SpendOnce(ctx, "k", "o", "h", now), storage.ErrConflict)
		fails(t, db.SpendInteraction(ctx, "none"), storage.ErrStale)
		_, err := db.UserByID(ctx, "nobody")
		fails(t, err, storage.ErrNotFound)
		_, err = db.PutConsent(ctx, storage.Consent{UserID: "ada", ClientID: "c", CreatedAt: now, UpdatedAt: now})
		return err
	}))
	_, err = db.ConsentOf(ctx, "ada", "c")
	ok(t, err)
}

func statistics(t *testing.T, db *storage.DB) {
	ctx, stats := storage.WithStats(t.Context())
	want := func(reads, writes int64) {
		t.Helper()
		if stats.Reads() != reads || stats.Writes() != writes {
			t.Fatalf("counted %d reads and %d writes, want %d and %d", stats.Reads(), stats.Writes(), reads, writes)
		}
	}
	ok(t, db.InsertGrant(ctx, grantOf("g1")))
	want(0, 1)
	_, err := db.GrantStateByID(ctx, "g1")
	ok(t, err)
	want(1, 1)
	_, err = db.Users(ctx, "", 1) // gorm's are counted as well
	ok(t, err)
	ok(t, db.InsertUser(ctx, storage.User{ID: "u", EmailKey: "e", CreatedAt: now, UpdatedAt: now}))
	want(2, 2)
	ok(t, db.Tx(ctx, func(ctx context.Context) error { // BEGIN and COMMIT are not
		return errors.Join(db.RaiseEpoch(ctx, "u", now), db.SpendOnce(ctx, "k", "o", "h", now))
	}))
	want(2, 4)
	if stats.Time() <= 0 {
		t.Fatal("no time was counted")
	}
}

func tracesOfClient(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ok(t, db.PutTrace(ctx, "r1", "shop", now.Add(time.Minute), []byte("one")))
	ok(t, db.PutTrace(ctx, "r2", "shop", now.Add(time.Hour), []byte("two")))
	ok(t, db.PutTrace(ctx, "r3", "zoo", now.Add(2*time.Hour), []byte("three")))
	ok(t, db.PutTrace(ctx, "r4", "", now.Add(3*time.Hour), []byte("four")))
	data, err := db.LastTrace(ctx, "shop")
	ok(t, err)
	same(t, string(data), "two")
	_, err = db.LastTrace(ctx, "")
	fails(t, err, storage.ErrNotFound)
}

func answers(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ok(t, db.ClaimAnswer(ctx, "k", "c1", "r1", now, now.Add(time.Hour)))
	fails(t, db.ClaimAnswer(ctx, "k", "c2", "r2", now.Add(time.Minute), now.Add(time.Hour)), storage.ErrConflict)
	request, answer, claimed, err := db.Answer(ctx, "k")
	if err != nil || request != "r1" || answer != nil || !claimed.Equal(now) {
		t.Fatalf("got %q %q %v %v", request, answer, claimed, err)
	}
	fails(t, db.PutAnswer(ctx, "k", "c2", []byte("x")), storage.ErrStale)
	ok(t, db.PutAnswer(ctx, "k", "c1", []byte{0, 255}))
	fails(t, db.PutAnswer(ctx, "k", "c1", []byte("y")), storage.ErrStale)
	if _, answer, _, err = db.Answer(ctx, "k"); err != nil || !bytes.Equal(answer, []byte{0, 255}) {
		t.Fatalf("got %q %v", answer, err)
	}
	ok(t, db.ClaimAnswer(ctx, "k", "c3", "r3", now.Add(time.Hour), now.Add(2*time.Hour))) // it has expired
	if request, answer, _, err = db.Answer(ctx, "k"); err != nil || request != "r3" || answer != nil {
		t.Fatalf("got %q %q %v", request, answer, err)
	}
	ok(t, db.DropAnswer(ctx, "k", "c1")) // another's
	ok(t, db.DropAnswer(ctx, "k", "c3"))
	_, _, _, err = db.Answer(ctx, "k")
	fails(t, err, storage.ErrNotFound)
}

func raceAnswers(t *testing.T, db *storage.DB) {
	if won := raced(t, 8, storage.ErrConflict, func(ctx context.Context, i int) error {
		return db.ClaimAnswer(ctx, "k", string(rune('a'+i)), "r", now, now.Add(time.Hour))
	}); won != 1 {
		t.Errorf("%d claimed one request, want 1", won)
	}
}
