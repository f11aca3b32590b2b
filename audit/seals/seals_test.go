package seals_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/audit/seals"
	"signet/internal/seal"
	"signet/storage"
	"signet/storage/storagetest"
)

// world is a log with seals, and its database as somebody sees it who may write into it.
type world struct {
	*testing.T
	db     *storage.DB
	dsn    string
	keeper *seals.Keeper
	ids    []string
}

func keeperOf(t *testing.T, db *storage.DB) *seals.Keeper {
	t.Helper()
	master, err := seal.New([]byte("0123456789abcdefghijklmnopqrstuv"))
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := seals.New(seals.Options{Store: db, Retention: db, Salts: db, Sealer: master, Place: seal.Place})
	if err != nil {
		t.Fatal(err)
	}
	return keeper
}

// engines runs a test on both.
func engines(t *testing.T, test func(w *world)) {
	t.Helper()
	for name, dsn := range storagetest.Addresses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := dsn(t)
			db, err := storage.Open(t.Context(), storage.Options{DSN: dsn})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			test(&world{T: t, db: db, dsn: dsn, keeper: keeperOf(t, db)})
		})
	}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// write adds an event that is so old.
func (w *world) write(age time.Duration, name string) string {
	w.Helper()
	at := time.Now().Add(-age).Truncate(time.Microsecond)
	id := fmt.Sprintf("%016xABCDEFGH%02d", at.UnixMicro(), len(w.ids))
	w.ok(w.db.InsertEvent(w.Context(), storage.Event{ID: id, At: at, Name: name, Outcome: "success", UserID: "ada"}))
	w.ids = append(w.ids, id)
	return id
}

// keeps is how long events are kept in these tests.
func keeps(c seals.Class) time.Duration {
	if c == seals.SignIns {
		return 90 * 24 * time.Hour
	}
	return 400 * 24 * time.Hour
}

func (w *world) verify(anchor seals.Anchor) seals.Report {
	w.Helper()
	r, err := w.keeper.Verify(w.Context(), keeps, anchor)
	w.ok(err)
	return r
}

// tamper does what only somebody does who may write into the database.
func (w *world) tamper(statements string) {
	w.Helper()
	list := []string{"ALTER TABLE events DISABLE TRIGGER ALL"}
	if strings.HasPrefix(w.dsn, "sqlite:") {
		list = []string{"DROP TRIGGER IF EXISTS events_no_update", "DROP TRIGGER IF EXISTS events_no_delete"}
	}
	storagetest.Exec(w.T, w.dsn, append(list, strings.Split(statements, "; ")...)...)
}

func TestT06_AChangedEventShows(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		do, what string
		missing  int
		events   int
	}{
		"changed":     {"UPDATE events SET user_id = 'bob' WHERE id = ID", "changed", 1, 1},
		"detail":      {`UPDATE events SET detail = '{"a":1}' WHERE id = ID`, "changed", 1, 1},
		"deleted":     {"DELETE FROM events WHERE id = ID", "deleted", 1, 0},
		"all deleted": {"DELETE FROM events", "deleted", 1, 0},
		"moved":       {"UPDATE events SET id = substr(id, 1, 20) || 'X' WHERE id = ID", "deleted", 1, 0},
		"added": {"INSERT INTO events (id, at, name, outcome) SELECT id || 'X', at, 'user.disabled', outcome FROM events WHERE id = ID",
			"added", 0, 1},
		"other class":   {"UPDATE events SET name = 'signin.failed' WHERE id = ID", "deleted", 1, 0},
		"seal deleted":  {"DELETE FROM event_seals WHERE n = 2", "seals are missing", 0, 0},
		"first deleted": {"DELETE FROM event_seals WHERE n = 1", "seals are missing", 0, 0},
		"seal changed":  {"UPDATE event_seals SET events = 0, root = 'x' WHERE n = 2", "the seal was changed", 0, 0},
		"seal says gone": {"UPDATE event_seals SET gone_at = 1, gone_mac = 'x' WHERE n = 2; DELETE FROM events WHERE id = ID",
			"did not write", 0, 0},
		"digests replaced": {"UPDATE event_seals SET digests = '12345678' WHERE n = 2; UPDATE events SET user_id = 'bob' WHERE id = ID",
			"", 1, 1},
		"key deleted": {"DELETE FROM salts", "the key", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engines(t, func(w *world) {
				w.write(2*time.Hour, "signin.succeeded")
				id := w.write(time.Hour, "user.disabled")
				w.ok(w.keeper.Seal(w.Context()))
				w.write(30*time.Minute, "user.enabled")
				w.ok(w.keeper.Seal(w.Context()))
				if r := w.verify(seals.Anchor{}); len(r.Findings) > 0 || r.Seals != 4 || r.Events != 3 || r.Unsealed != 0 {
					t.Fatalf("as it was written: got %+v", r)
				}
				w.tamper(strings.ReplaceAll(x.do, "ID", "'"+id+"'"))
				r := w.verify(seals.Anchor{})
				if len(r.Findings) == 0 {
					t.Fatal("nothing was found")
				}
				for _, f := range r.Findings {
					if strings.Contains(f.What, x.what) && (x.missing == 0 || f.Missing == x.missing) && len(f.Events) == x.events {
						return
					}
				}
				t.Errorf("got %+v, want %+v", r.Findings, x)
			})
		})
	}
}

func TestT06_TheNewestSealsAreHeldByAnAnchor(t *testing.T) {
	t.Parallel()
	engines(t, func(w *world) {
		w.write(2*time.Hour, "user.disabled")
		w.ok(w.keeper.Seal(w.Context()))
		w.write(time.Hour, "user.enabled")
		w.ok(w.keeper.Seal(w.Context()))
		r := w.verify(seals.Anchor{})
		anchor := seals.Anchor{N: r.Last, Head: r.Head}
		if r := w.verify(anchor); len(r.Findings) > 0 {
			t.Fatalf("got %+v", r.Findings)
		}
		w.tamper("DELETE FROM event_seals WHERE n > 2; DELETE FROM events WHERE name = 'user.enabled'")
		if r := w.verify(seals.Anchor{}); len(r.Findings) > 0 {
			t.Fatalf("without an anchor the end of the chain shows nothing: got %+v", r.Findings)
		}
		if r := w.verify(anchor); len(r.Findings) != 1 {
			t.Fatalf("with an anchor: got %+v", r.Findings)
		}
		w.write(30*time.Minute, "user.enabled")
		w.ok(w.keeper.Seal(w.Context())) // what was taken away is made anew, and has another head
		if r := w.verify(anchor); len(r.Findings) != 1 {
			t.Fatalf("with an anchor: got %+v", r.Findings)
		}
	})
}

func TestSealsWaitForTransactions(t *testing.T) {
	t.Parallel()
	engines(t, func(w *world) {
		w.write(time.Hour, "user.disabled")
		w.write(10*time.Second, "user.enabled")
		w.ok(w.keeper.Seal(w.Context()))
		w.write(30*time.Second, "user.changed") // its transaction was slow
		if r := w.verify(seals.Anchor{}); len(r.Findings) > 0 || r.Events != 1 || r.Unsealed != 2 {
			t.Fatalf("got %+v", r)
		}
		late := w.write(90*time.Minute, "user.changed")
		if r := w.verify(seals.Anchor{}); len(r.Findings) != 1 || r.Findings[0].Events[0] != late {
			t.Fatalf("an event that came late: got %+v", r)
		}
	})
}

func TestReplicasSealOnce(t *testing.T) {
	t.Parallel()
	engines(t, func(w *world) {
		for i := range 50 {
			w.write(time.Duration(100-i)*time.Minute, []string{"user.changed", "signin.failed"}[i%2])
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := keeperOf(t, w.db).Seal(w.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		w.ok(w.keeper.Seal(w.Context()))
		if r := w.verify(seals.Anchor{}); len(r.Findings) > 0 || r.Events != 50 || r.Seals != 2 {
			t.Fatalf("got %+v", r)
		}
	})
}

const day = 24 * time.Hour

func TestRetentionGoesSealBySeal(t *testing.T) {
	t.Parallel()
	engines(t, func(w *world) {
		ctx := w.Context()
		retain := func(c seals.Class, want int64) {
			w.Helper()
			gone, err := w.keeper.Retain(ctx, c, time.Now().Add(-keeps(c)), 500)
			if w.ok(err); gone != want {
				w.Fatalf("%s: %d went, want %d", c, gone, want)
			}
		}
		retain(seals.Others, 0) // nothing is sealed yet
		for _, age := range []time.Duration{500 * day, 200 * day, day} {
			w.write(age+time.Second, "signin.succeeded")
			w.write(age, "user.disabled")
			w.ok(w.keeper.Seal(ctx))
		}
		w.write(500*day+time.Second/2, "user.enabled") // came late: it goes, too
		retain(seals.SignIns, 2)
		retain(seals.Others, 2)
		retain(seals.Others, 0)
		r := w.verify(seals.Anchor{})
		if len(r.Findings) > 0 || r.Seals != 6 || r.Gone != 3 || r.Events != 3 {
			t.Fatalf("got %+v", r)
		}
		w.write(450*day, "user.enabled")
		if r = w.verify(seals.Anchor{}); len(r.Findings) != 1 {
			t.Fatalf("an event where all were deleted: got %+v", r.Findings)
		}
		if _, err := keeperOf(t, w.db).Retain(ctx, seals.Others, time.Now().Add(-time.Hour), 1); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRetentionStopsAtItsLimitAndGoesOn(t *testing.T) {
	t.Parallel()
	engines(t, func(w *world) {
		for i := range 10 {
			w.write(500*day-time.Duration(i)*time.Second, "user.changed")
		}
		w.ok(w.keeper.Seal(w.Context()))
		var all int64
		for _, want := range []int64{4, 4, 2, 0} {
			gone, err := w.keeper.Retain(w.Context(), seals.Others, time.Now().Add(-400*day), 4)
			if w.ok(err); gone != want {
				t.Fatalf("%d went, want %d", gone, want)
			}
			if r := w.verify(seals.Anchor{}); len(r.Findings) > 0 {
				t.Fatalf("while it is deleted: got %+v", r.Findings)
			}
			all += gone
		}
		if _, err := w.db.EventsBetween(w.Context(), "", "z", 1); err != nil || all != 10 {
			t.Fatalf("%d went, %v", all, err)
		}
	})
}

func TestAnOtherMasterKeyOpensNothing(t *testing.T) {
	t.Parallel()
	db := storagetest.SQLite(t)
	if err := keeperOf(t, db).Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	master, err := seal.New([]byte("another-9abcdefghijklmnopqrstuv!"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := seals.New(seals.Options{Store: db, Retention: db, Salts: db, Sealer: master, Place: seal.Place})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Verify(t.Context(), keeps, seals.Anchor{}); err == nil || errors.Is(err, seals.ErrNoKey) {
		t.Errorf("got %v", err)
	}
}

// TestT06_ASealOfSomebodyElseIsNotSealedOver in silence: one that reaches far ahead would keep everything from being sealed.
func TestT06_ASealOfSomebodyElseIsNotSealedOver(t *testing.T) {
	t.Parallel()
	const columns = "INSERT INTO event_seals (n, class, from_id, to_id, events, root, digests, sealed_at, head) "
	for name, x := range map[string]struct {
		do     string
		broken bool
	}{
		"nothing":   {"DELETE FROM locks", false},
		"far ahead": {columns + "SELECT 3, class, to_id, 'fff', 0, '', digests, 0, 'x' FROM event_seals WHERE n = 2", true},
		"far on":    {columns + "SELECT 99, class, to_id, to_id, 0, '', digests, 0, 'x' FROM event_seals WHERE n = 2", true},
		"changed":   {"UPDATE event_seals SET to_id = 'fff' WHERE n = 2", true},
		"cut off":   {"DELETE FROM event_seals WHERE n = 1", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engines(t, func(w *world) {
				w.write(2*time.Hour, "user.disabled")
				w.ok(w.keeper.Seal(w.Context()))
				w.write(time.Hour, "user.enabled")
				w.tamper(x.do)
				if err := w.keeper.Seal(w.Context()); errors.Is(err, seals.ErrBroken) != x.broken || err != nil && !x.broken {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// What ought to be sealed and is not tells since when: somebody may have taken all seals away.
func TestUnsealedTellsSinceWhen(t *testing.T) {
	t.Parallel()
	engines(t, func(w *world) {
		w.write(2*time.Hour, "user.disabled")
		w.ok(w.keeper.Seal(w.Context()))
		w.tamper("DELETE FROM event_seals; DELETE FROM salts")
		if r := w.verify(seals.Anchor{}); r.Unsealed != 1 || time.Since(r.UnsealedSince).Round(time.Minute) != 2*time.Hour {
			t.Errorf("got %+v", r)
		}
	})
}
