package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/storage"
)

// raced runs n calls at once and counts those that succeeded; the others must all have failed with lost.
func raced(t *testing.T, n int, lost error, call func(ctx context.Context, i int) error) int {
	t.Helper()
	ctx := ctxOf(t)
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			for {
				// On a machine that is busy whoever finds no connection in a second is told so, and has done nothing.
				if errs[i] = call(ctx, i); errs[i] == nil || !strings.Contains(errs[i].Error(), "no connection became free") {
					return
				}
			}
		})
	}
	close(start)
	wg.Wait()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, lost):
			t.Errorf("call %d: got %v, want %v", i, err, lost)
		}
	}
	return won
}

func onlyOne(t *testing.T, won int) {
	t.Helper()
	if won != 1 {
		t.Fatalf("%d calls succeeded, want exactly one", won)
	}
}

var errLost = errors.New("lost the race")

func raceCode(t *testing.T, db *storage.DB) { // RFC 6749 section 4.1.2
	ok(t, db.InsertGrant(t.Context(), grantOf("g1")))
	onlyOne(t, raced(t, 50, storage.ErrStale, func(ctx context.Context, _ int) error {
		return db.SpendCode(ctx, storage.Spend{CodeHash: "code-g1", Generation: 1, Now: now, ExpiresAt: now.Add(time.Hour)})
	}))
}

func raceRefresh(t *testing.T, db *storage.DB) {
	ok(t, db.InsertGrant(t.Context(), grantOf("g1")))
	for gen := range int64(5) {
		onlyOne(t, raced(t, 20, storage.ErrStale, func(ctx context.Context, _ int) error {
			return db.RotateGrant(ctx, storage.Rotation{ID: "g1", Presented: gen, Now: now, ExpiresAt: now.Add(time.Hour)})
		}))
	}
	s, err := db.GrantStateByID(t.Context(), "g1")
	if err != nil || s.Generation != 5 {
		t.Fatalf("generation %d, %v; want 5", s.Generation, err)
	}
}

func raceInteraction(t *testing.T, db *storage.DB) {
	ok(t, db.InsertInteraction(t.Context(), storage.Interaction{ID: "i", Network: "n", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, 1, 0,
		0))
	onlyOne(t, raced(t, 30, storage.ErrStale, func(ctx context.Context, i int) error {
		if i%2 == 0 { // alone, and as part of a transaction
			return db.SpendInteraction(ctx, "i")
		}
		return db.Tx(ctx, func(ctx context.Context) error { return db.SpendInteraction(ctx, "i") })
	}))
}

func raceOnce(t *testing.T, db *storage.DB) {
	onlyOne(t, raced(t, 30, storage.ErrConflict, func(ctx context.Context, _ int) error {
		return db.SpendOnce(ctx, "client_assertion", "shop", "h", now)
	}))
}

func raceSession(t *testing.T, db *storage.DB) {
	ada(t, db)
	ok(t, db.InsertSession(t.Context(), sessionOf("s1")))
	onlyOne(t, raced(t, 30, storage.ErrStale, func(ctx context.Context, i int) error {
		s := sessionOf("s1")
		s.SecretHash = fmt.Sprintf("new-%d", i)
		return db.RenewSession(ctx, "hash-s1", s)
	}))
}

func raceLock(t *testing.T, db *storage.DB) {
	onlyOne(t, raced(t, 30, errLost, func(ctx context.Context, i int) error {
		got, err := db.Lock(ctx, "janitor", fmt.Sprintf("replica-%d", i), now, now.Add(time.Minute))
		if err == nil && !got {
			err = errLost
		}
		return err
	}))
}

func raceBound(t *testing.T, db *storage.DB) {
	const most = 10
	won := raced(t, 60, storage.ErrTooMany, func(ctx context.Context, i int) error {
		return db.InsertInteraction(ctx, storage.Interaction{ID: fmt.Sprint(i), Network: "n", CreatedAt: now, ExpiresAt: now.Add(time.Hour)},
			most, 0, 0)
	})
	slack := 0
	if db.Dialect() == storage.Postgres {
		slack = 16 // statements that run at once do not see one another: as many as there are connections
	}
	if won < most || won > most+slack {
		t.Fatalf("%d were let in, want %d (and at most %d over)", won, most, slack)
	}
}

// raceConsent: an answer given on a page opened before the withdrawal never brings the consent back.
func raceConsent(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	c := storage.Consent{UserID: "ada", ClientID: "shop", Offered: []string{"openid"}, Granted: []string{"openid"}, CreatedAt: now,
		UpdatedAt: now}
	var err error
	c.Epoch, err = db.PutConsent(ctx, c)
	ok(t, err)
	raced(t, 30, storage.ErrStale, func(ctx context.Context, i int) error {
		if i == 7 {
			_, err := db.WithdrawConsent(ctx, "ada", "shop", now)
			return err
		}
		_, err := db.PutConsent(ctx, c)
		return err
	})
	got, err := db.ConsentOf(ctx, "ada", "shop")
	ok(t, err)
	if got.Epoch != 2 || len(got.Granted) != 0 || got.Withdrawn.IsZero() {
		t.Fatalf("got %+v, want it withdrawn", got)
	}
	// First consents in two tabs do not fail one another.
	if won := raced(t, 10, errLost, func(ctx context.Context, _ int) error {
		_, err := db.PutConsent(ctx, storage.Consent{UserID: "ada", ClientID: "zoo", CreatedAt: now, UpdatedAt: now})
		return err
	}); won != 10 {
		t.Fatalf("%d of 10 first consents succeeded", won)
	}
}

// raceConsentHeld: answers in many tabs add up, also the first ones.
func raceConsentHeld(t *testing.T, db *storage.DB) {
	const n = 20
	if won := raced(t, n, errLost, func(ctx context.Context, i int) error {
		return db.Tx(ctx, func(ctx context.Context) error {
			c, err := db.HoldConsent(ctx, "ada", "shop", now)
			if err != nil {
				return err
			}
			c.Granted = append(c.Granted, fmt.Sprintf("api:%d", i))
			_, err = db.PutConsent(ctx, c)
			return err
		})
	}); won != n {
		t.Fatalf("%d of %d answers were written", won, n)
	}
	c, err := db.ConsentOf(t.Context(), "ada", "shop")
	ok(t, err)
	if c.Epoch != 1 || len(c.Granted) != n || !c.CreatedAt.Equal(now) || !c.Withdrawn.IsZero() {
		t.Fatalf("got %+v, want %d scopes of epoch 1", c, n)
	}
	_, err = db.WithdrawConsent(t.Context(), "ada", "shop", now)
	ok(t, err)
	held, err := db.HoldConsent(t.Context(), "ada", "shop", now.Add(time.Hour))
	ok(t, err)
	if held.Epoch != 2 || len(held.Granted) != 0 || !held.Withdrawn.Equal(now) || !held.UpdatedAt.Equal(now) {
		t.Fatalf("got %+v, want it withdrawn and untouched", held)
	}
}

func raceCounter(t *testing.T, db *storage.DB) {
	raced(t, 50, errLost, func(ctx context.Context, _ int) error {
		_, err := db.AddToCounter(ctx, "k", 2, now, time.Minute)
		return err
	})
	found, err := db.CountersOf(t.Context(), []string{"k"}, now)
	if err != nil || found["k"].Count != 100 {
		t.Fatalf("counted %d, %v; want 100", found["k"].Count, err)
	}
}

// raceMixed: statements and transactions that share commits keep apart. One that fails, or panics, or whose caller goes
// away, takes nobody with it.
func raceMixed(t *testing.T, db *storage.DB) {
	ada(t, db)
	stop := errors.New("stop")
	raced(t, 80, stop, func(ctx context.Context, i int) (err error) {
		id := fmt.Sprintf("g%02d", i)
		insert := func(ctx context.Context) error { return db.InsertGrant(ctx, grantOf(id)) }
		switch i % 5 {
		case 0:
			return insert(ctx)
		case 1:
			return db.Tx(ctx, func(ctx context.Context) error {
				_, read := db.UserByID(ctx, "ada")
				return errors.Join(read, insert(ctx), db.SpendOnce(ctx, "k", "o", id, now))
			})
		case 2:
			return db.Tx(ctx, func(ctx context.Context) error { return errors.Join(insert(ctx), stop) })
		case 3:
			defer func() {
				if recover() != nil {
					err = stop
				}
			}()
			return db.Tx(ctx, func(ctx context.Context) error {
				if err := insert(ctx); err != nil {
					return err
				}
				panic("boom")
			})
		}
		gone, cancel := context.WithCancel(ctx)
		defer cancel()
		err = db.Tx(gone, func(ctx context.Context) error {
			if err := insert(ctx); err != nil {
				return err
			}
			cancel()
			return db.RaiseEpoch(ctx, "ada", now)
		})
		if errors.Is(err, context.Canceled) {
			err = stop
		}
		return err
	})
	for i := range 80 {
		_, err := db.GrantStateByID(t.Context(), fmt.Sprintf("g%02d", i))
		if kept := err == nil; kept != (i%5 < 2) {
			t.Errorf("grant %d: found %v (%v), want %v", i, kept, err, i%5 < 2)
		}
	}
	u, err := db.UserByID(t.Context(), "ada")
	if err != nil || u.Epoch != 3 {
		t.Errorf("epoch %d, %v; want 3", u.Epoch, err)
	}
}

// raceNamespace: of a client and an imported person with one id exactly one is made (V10).
func raceNamespace(t *testing.T, db *storage.DB) {
	for n := range 12 {
		id := fmt.Sprintf("id%d", n)
		won := raced(t, 2, storage.ErrNameSpace, func(ctx context.Context, i int) error {
			if i == 0 {
				return db.InsertClient(ctx, storage.Client{ID: id, CreatedAt: now, UpdatedAt: now})
			}
			return db.ImportUser(ctx, storage.User{ID: id, EmailKey: id, CreatedAt: now, UpdatedAt: now})
		})
		if won != 1 {
			t.Errorf("%s: %d were made, want 1", id, won)
		}
	}
}

// raceEpoch: transactions on the same rows in different order all come through, on Postgres by the retry of deadlocks.
func raceEpoch(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for _, id := range []string{"a", "b"} {
		ok(t, db.InsertUser(ctx, storage.User{ID: id, EmailKey: id, CreatedAt: now, UpdatedAt: now}))
	}
	won := raced(t, 8, errLost, func(ctx context.Context, i int) error {
		first, second := "a", "b"
		if i%2 == 1 {
			first, second = second, first
		}
		return db.Tx(ctx, func(ctx context.Context) error {
			if err := db.RaiseEpoch(ctx, first, now); err != nil {
				return err
			}
			return db.RaiseEpoch(ctx, second, now)
		})
	})
	for _, id := range []string{"a", "b"} {
		if u, err := db.UserByID(ctx, id); err != nil || u.Epoch != int64(won) || won != 8 {
			t.Fatalf("%s: epoch %d after %d transactions, %v", id, u.Epoch, won, err)
		}
	}
}
