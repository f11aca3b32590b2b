package storagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"signet/storage"
)

func interactionOf(id string) storage.Interaction {
	return storage.Interaction{
		ID: id, BrowserHash: "b", Network: "192.0.2.0/24", Request: json.RawMessage(`{"client_id":"shop"}`),
		Facts: json.RawMessage(`{}`), CreatedAt: now, ExpiresAt: now.Add(30 * time.Minute),
	}
}

// kept reports whether a row is there, however old.
func kept(t *testing.T, db *storage.DB, id string) bool {
	t.Helper()
	_, err := db.InteractionByID(t.Context(), id, time.Unix(0, 0))
	if err != nil {
		fails(t, err, storage.ErrNotFound)
	}
	return err == nil
}

// Rule R07: with a person go the sign-ins that name them, and nobody else's, whatever an imported person's id looks like.
func erasedInteractions(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for i, id := range []string{"1", "%", "_", `\`, `a"b`, "<é>"} {
		key := fmt.Sprint("erased ", i)
		ok(t, db.InsertUser(ctx, storage.User{ID: id, EmailKey: key, Email: key, CreatedAt: now, UpdatedAt: now}))
		facts, err := json.Marshal(map[string]any{"acr": id, "pending": map[string]string{"user_id": id}})
		ok(t, err)
		theirs, other := interactionOf(key), interactionOf("other "+key)
		theirs.Facts, other.Facts = facts, json.RawMessage(`{"acr":"1","v":1,"user_id":"10%_","name":"_"}`)
		ok(t, db.InsertInteraction(ctx, theirs, 100, 0, 0))
		ok(t, db.InsertInteraction(ctx, other, 100, 0, 0))
		ok(t, db.EraseUser(ctx, id))
		if kept(t, db, key) || !kept(t, db, "other "+key) {
			t.Errorf("%q: theirs kept %v, another's %v", id, kept(t, db, key), kept(t, db, "other "+key))
		}
	}
}

// Answered, an interaction stays readable, but is not live: another may begin in its network.
func answered(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	one := interactionOf("i1")
	ok(t, db.InsertInteraction(ctx, one, 1, 0, 0))
	fails(t, db.InsertInteraction(ctx, interactionOf("i2"), 1, 0, 0), storage.ErrTooMany)
	first := json.RawMessage(`{"answers":1}`)
	stale := one
	stale.Facts = first
	fails(t, db.AnswerInteraction(ctx, stale, first, 1, now), storage.ErrStale)
	if !kept(t, db, "i1") {
		t.Fatal("a stale answer deleted the row")
	}
	ok(t, db.AnswerInteraction(ctx, one, first, 1, now))
	fails(t, db.AnswerInteraction(ctx, one, first, 1, now), storage.ErrStale)
	ok(t, db.InsertInteraction(ctx, interactionOf("i2"), 1, 0, 0))

	got, err := db.InteractionByID(ctx, "i1", now)
	ok(t, err)
	if string(got.Facts) != string(first) {
		t.Fatalf("facts %s", got.Facts)
	}
	second := json.RawMessage(`{"answers":2}`) // it counts once, though the bound is reached
	ok(t, db.AnswerInteraction(ctx, got, second, 1, now))
	if got, err = db.InteractionByID(ctx, "i1", now); err != nil || string(got.Facts) != string(second) {
		t.Fatalf("facts %s, %v", got.Facts, err)
	}
	ok(t, db.UpdateInteractionFacts(ctx, "i1", second, first))
	_, err = db.InteractionByID(ctx, "i1", one.ExpiresAt)
	fails(t, err, storage.ErrNotFound)

	two, err := db.InteractionByID(ctx, "i2", now)
	ok(t, err)
	ok(t, db.AnswerInteraction(ctx, two, first, 1, now)) // more than the network may have: the answer is given, the row goes
	if kept(t, db, "i2") || !kept(t, db, "i1") {
		t.Fatalf("i1 %t, i2 %t; want the first only", kept(t, db, "i1"), kept(t, db, "i2"))
	}
	fails(t, db.AnswerInteraction(ctx, two, first, 1, now), storage.ErrStale)

	three := interactionOf("i3")
	ok(t, db.InsertInteraction(ctx, three, 1, 0, 0))
	ok(t, db.AnswerInteraction(ctx, three, first, 1, one.ExpiresAt)) // the first has expired by then
	if !kept(t, db, "i3") {
		t.Fatal("expired ones count")
	}
}

// Of an expired interaction a part stays, once, and of a network not more than the bound.
func past(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for i := range 4 {
		one := interactionOf(fmt.Sprint("i", i))
		one.Facts, one.ExpiresAt = json.RawMessage(`{"user_id":"ada"}`), now.Add(time.Duration(i)*time.Minute)
		ok(t, db.InsertInteraction(ctx, one, 9, 0, 0))
		if i == 1 {
			ok(t, db.AnswerInteraction(ctx, one, one.Facts, 9, now))
		}
	}
	list, err := db.ExpiredInteractions(ctx, now.Add(2*time.Minute), 2)
	if err != nil || len(list) != 2 || list[0].ID != "i0" || list[1].ID != "i1" || string(list[0].Request) != `{"client_id":"shop"}` {
		t.Fatalf("%+v, %v; want the two that expired first", list, err)
	}
	if list, err = db.ExpiredInteractions(ctx, now.Add(2*time.Minute), 9); err != nil || len(list) != 3 {
		t.Fatalf("%d expired, %v; want 3", len(list), err)
	}
	const most = 2
	for _, one := range list {
		one.Request = json.RawMessage(`{"left":true}`)
		ok(t, db.PutPastInteraction(ctx, one, most))
	}
	if kept(t, db, "i2") || !kept(t, db, "i0") || !kept(t, db, "i1") || !kept(t, db, "i3") {
		t.Fatal("want all but the one beyond the bound")
	}
	for _, id := range []string{"i0", "i1"} {
		got, err := db.InteractionByID(ctx, id, now.Add(-time.Minute))
		if err != nil || string(got.Request) != `{"left":true}` || string(got.Facts) != "{}" || got.BrowserHash != "b" {
			t.Fatalf("%s: %+v, %v", id, got, err)
		}
	}
	if list, err = db.ExpiredInteractions(ctx, now.Add(2*time.Minute), 9); err != nil || len(list) != 0 {
		t.Fatalf("listed again: %+v, %v", list, err)
	}
	other := interactionOf("o")
	other.Network, other.ExpiresAt = "198.51.100.0/24", now
	ok(t, db.InsertInteraction(ctx, other, 9, 0, 0))
	ok(t, db.PutPastInteraction(ctx, other, most))
	if !kept(t, db, "o") {
		t.Fatal("networks count together")
	}
}

func raceAnswer(t *testing.T, db *storage.DB) {
	one := interactionOf("i")
	ok(t, db.InsertInteraction(t.Context(), one, 1, 0, 0))
	onlyOne(t, raced(t, 30, storage.ErrStale, func(ctx context.Context, i int) error {
		answer := func(ctx context.Context) error {
			return db.AnswerInteraction(ctx, one, json.RawMessage(fmt.Sprintf(`{"answers":1,"n":%d}`, i)), 9, now)
		}
		if i%2 == 0 {
			return answer(ctx)
		}
		return db.Tx(ctx, answer)
	}))
}

// A code is used, or its grant gives way to another answer: never both.
func raceReplace(t *testing.T, db *storage.DB) {
	for i := range 20 {
		g := grantOf(fmt.Sprint("g", i))
		ok(t, db.InsertGrant(t.Context(), g))
		onlyOne(t, raced(t, 6, storage.ErrStale, func(ctx context.Context, i int) error {
			if i%2 == 0 {
				return db.SpendCode(ctx, storage.Spend{CodeHash: g.CodeHash, Generation: 1, Now: now, ExpiresAt: now.Add(time.Hour)})
			}
			gone, err := db.DeleteUnspentGrant(ctx, g.ID, g.UserID, g.ClientID)
			if err == nil && !gone {
				err = storage.ErrStale
			}
			return err
		}))
	}
}

// An unspent grant goes only for its own person and client.
func unspent(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	g := grantOf("g1")
	ok(t, db.InsertGrant(ctx, g))
	for _, no := range [][3]string{{"g2", g.UserID, g.ClientID}, {"g1", "bob", g.ClientID}, {"g1", g.UserID, "board"}} {
		if gone, err := db.DeleteUnspentGrant(ctx, no[0], no[1], no[2]); gone || err != nil {
			t.Fatalf("%q: gone %t, %v", no, gone, err)
		}
	}
	ok(t, db.SpendCode(ctx, storage.Spend{CodeHash: g.CodeHash, Generation: 1, Now: now, ExpiresAt: now.Add(time.Hour)}))
	if gone, err := db.DeleteUnspentGrant(ctx, "g1", g.UserID, g.ClientID); gone || err != nil {
		t.Fatalf("a used one: gone %t, %v", gone, err)
	}
	fresh := grantOf("g3")
	ok(t, db.InsertGrant(ctx, fresh))
	ok(t, db.Tx(ctx, func(ctx context.Context) error {
		gone, err := db.DeleteUnspentGrant(ctx, "g3", fresh.UserID, fresh.ClientID)
		if err != nil || !gone {
			t.Errorf("gone %t, %v", gone, err)
		}
		again := fresh
		again.CodeHash = "another-code"
		return db.InsertGrant(ctx, again) // in the same row
	}))
	spend := storage.Spend{CodeHash: fresh.CodeHash, Generation: 1, Now: now, ExpiresAt: now.Add(time.Hour)}
	fails(t, db.SpendCode(ctx, spend), storage.ErrStale)
	spend.CodeHash = "another-code"
	ok(t, db.SpendCode(ctx, spend))
}

func lockedUser(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	u := ada(t, db)
	for _, epoch := range []int64{u.Epoch, -1} {
		got, err := db.LockUser(ctx, u.ID, epoch)
		ok(t, err)
		want, err := db.UserByID(ctx, u.ID)
		ok(t, err)
		same(t, got, want)
	}
	_, err := db.LockUser(ctx, u.ID, u.Epoch+1)
	fails(t, err, storage.ErrStale)
	_, err = db.LockUser(ctx, "nobody", -1)
	fails(t, err, storage.ErrStale)
}

// What locks a person and what ends everything of theirs come one after the other.
func raceLockedUser(t *testing.T, db *storage.DB) {
	ctx := ctxOf(t)
	u := ada(t, db)
	locked, done := make(chan struct{}), make(chan error, 1)
	ok(t, db.Tx(ctx, func(txCtx context.Context) error {
		if _, err := db.LockUser(txCtx, u.ID, u.Epoch); err != nil {
			return err
		}
		go func() {
			close(locked)
			done <- db.Tx(ctx, func(ctx context.Context) error { return db.RaiseEpoch(ctx, u.ID, now) })
		}()
		<-locked
		got, err := db.LockUser(txCtx, u.ID, u.Epoch) // what began meanwhile waits
		if err != nil || got.Epoch != u.Epoch {
			t.Errorf("epoch %d, %v", got.Epoch, err)
		}
		return nil
	}))
	ok(t, <-done)
	_, err := db.LockUser(ctx, u.ID, u.Epoch)
	fails(t, err, storage.ErrStale)
}

func countedIdentities(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ada(t, db)
	if n, err := db.CountIdentities(ctx, "ada"); err != nil || len(n) != 0 {
		t.Fatalf("%v, %v; want none", n, err)
	}
	for i, upstream := range []string{"google", "work", "work"} {
		ok(t, db.InsertIdentity(ctx, storage.Identity{
			ID: fmt.Sprint("l", i), Upstream: upstream, Issuer: fmt.Sprint("https://", upstream, i), Subject: "s", UserID: "ada",
			CreatedAt: now, LastUsedAt: now,
		}))
	}
	if n, err := db.CountIdentities(ctx, "ada"); err != nil || len(n) != 2 || n["google"] != 1 || n["work"] != 2 {
		t.Fatalf("%v, %v", n, err)
	}
	if n, err := db.CountIdentities(ctx, "bob"); err != nil || len(n) != 0 {
		t.Fatalf("of another: %v, %v", n, err)
	}
}

// evicted is V06 in the database: the holder with most loses its oldest, a posted row goes last, and holders of few keep the young.
func evicted(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	put := func(id, holder, address string, minutes int) {
		t.Helper()
		i := interactionOf(id)
		i.Holder, i.Address, i.CreatedAt = holder, address, now.Add(time.Duration(minutes)*time.Minute)
		ok(t, db.InsertInteraction(ctx, i, 0, 0, 0))
	}
	for i := range 5 {
		put(string(rune('a'+i)), "many", "x", i)
	}
	put("f", "few", "y", -20)
	put("g", "few", "y", 6)
	ok(t, db.PostInteraction(ctx, "b", now))
	evict := func(since time.Time, address string, bound, most, want int, gone ...string) {
		t.Helper()
		of := interactionOf("new")
		of.Address = address
		if n, err := db.EvictInteractions(ctx, of, since, bound, most); err != nil || n != want {
			t.Errorf("%d gave way, %v; want %d", n, err, want)
		}
		for _, id := range gone {
			if kept(t, db, id) {
				t.Errorf("%s is there", id)
			}
		}
	}
	long := now.Add(-time.Hour)
	evict(long, "y", 2, 9, 0)                                  // an address at its bound loses its own only
	evict(long, "y", 3, 1, 1, "a")                             // the oldest of the holder with most
	evict(long, "", 0, 9, 1, "c")                              // not the posted one; then the holder has few
	evict(now.Add(-10*time.Minute), "", 0, 9, 1, "f")          // few, but old
	evict(now.Add(10*time.Minute), "", 0, 3, 3, "d", "e", "g") // all but the posted one
	if n, err := db.EvictAnswered(ctx, "192.0.2.0/24", 9, now); err != nil || n != 0 {
		t.Errorf("%d answered gave way, %v", n, err)
	}
	b, err := db.InteractionByID(ctx, "b", now)
	ok(t, err)
	if !b.Posted {
		t.Error("not posted")
	}
	ok(t, db.AnswerInteraction(ctx, b, b.Facts, 9, now))
	put("h", "few", "y", 6)
	list, err := db.CountInteractions(ctx, now)
	ok(t, err)
	same(t, list, map[string][2]int{"192.0.2.0/24": {1, 1}})
	if n, err := db.EvictAnswered(ctx, "192.0.2.0/24", 9, now); err != nil || n != 1 || kept(t, db, "b") {
		t.Errorf("%d answered gave way, %v", n, err)
	}
	fails(t, db.InsertInteraction(ctx, interactionOf("i"), 1, 0, 0), storage.ErrTooMany)
	y := interactionOf("j")
	y.Address, y.Holder = "y", "few"
	fails(t, db.InsertInteraction(ctx, y, 0, 1, 0), storage.ErrTooMany)
	fails(t, db.InsertInteraction(ctx, y, 0, 0, 1), storage.ErrTooMany)
	ok(t, db.PutPastInteraction(ctx, interactionOf("h"), 9))
	if n, err := db.CountPast(ctx, now.Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("%d past, %v", n, err)
	}
}
