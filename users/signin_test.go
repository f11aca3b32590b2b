package users_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/password"
)

func TestSignInByAddressOrUserName(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{})
	u, err := w.CreateAccount(t.Context(),
		byOperator(users.Registration{Email: "Ada@Example.org", Username: "Ada.L", Method: users.WithPassword(rightPassword)}))
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"ada@example.org", "ADA@EXAMPLE.ORG", " Ada@example.org ", "ada.l", "ADA.L"} {
		p, err := w.try(t, users.Attempt{Login: login, Password: rightPassword})
		if err != nil || p.User.ID != u.ID {
			t.Errorf("%q: got %v", login, err)
		}
	}
	for _, login := range []string{"", "ada", "example.org", "ada@example.com", "\x00", strings.Repeat("x", 5000), "' OR 1=1 --", u.ID} {
		if _, err := w.try(t, users.Attempt{Login: login, Password: rightPassword}); !errors.Is(err, users.ErrWrong) {
			t.Errorf("%.40q: got %v, want ErrWrong", login, err)
		}
	}
}

func TestE09_E10_NobodyIsToldApart(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{})
	somebody := w.person(t, "ada@example.org")
	disabled := w.person(t, "bob@example.org")
	if err := w.Disable(t.Context(), disabled.ID); err != nil {
		t.Fatal(err)
	}
	none, err := w.CreateAccount(t.Context(), byOperator(users.Registration{Email: "eve@example.org"}))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ login, pw, userID string }{
		"wrong":             {"ada@example.org", "wrong password", somebody.ID},
		"unknown":           {"nobody@example.org", rightPassword, ""},
		"disabled":          {"bob@example.org", rightPassword, disabled.ID},
		"disabled_wrong":    {"bob@example.org", "wrong password", disabled.ID},
		"no_password":       {"eve@example.org", rightPassword, none.ID},
		"no_password_empty": {"eve@example.org", "", none.ID},
		"malformed":         {"not a login", rightPassword, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stats := storage.WithStats(t.Context())
			hashes, failures := w.passwords.Runs(), w.events(t, tt.userID)["signin.failed"]
			_, err := w.SignIn(ctx, users.Attempt{Login: tt.login, Password: tt.pw, Network: name})
			if err != users.ErrWrong { // the very same error: nothing of the reason travels in it
				t.Errorf("got %v, want ErrWrong", err)
			}
			if n := w.passwords.Runs() - hashes; n != 1 {
				t.Errorf("%d hashes, want 1", n)
			}
			if n := w.events(t, tt.userID)["signin.failed"] - failures; n != 1 {
				t.Errorf("%d events, want 1", n)
			}
			if name != "malformed" && (stats.Reads() != 2 || stats.Writes() != 5) {
				t.Errorf("%d reads and %d writes, want 2 and 5 whoever is asked for", stats.Reads(), stats.Writes())
			}
		})
	}
}

func TestF02_TheOwnerAlwaysGetsIn(t *testing.T) { // 1,000 foreign failures
	inBubble(t, settings{}, func(t *testing.T, w world) {
		w.person(t, "ada@example.org")
		for i := range 1000 {
			w.try(t, users.Attempt{Login: "ada@example.org", Password: "wrong password", Network: fmt.Sprintf("10.0.%d.0/24", i%256)})
			time.Sleep(100 * time.Millisecond)
		}
		owner := users.Attempt{Login: "ada@example.org", Password: rightPassword, Network: "10.0.7.0/24", Device: known("her laptop")}
		if _, err := w.try(t, owner); err != nil {
			t.Errorf("known browser in the attackers' own network: %v", err)
		}
		owner.Device, owner.Network = nil, "203.0.113.0/24"
		_, err := w.try(t, owner)
		late, ok := errors.AsType[*users.Throttled](err)
		if !ok {
			t.Fatalf("unknown browser: got %v, want a delay", err)
		}
		if late.RetryAfter > 5*time.Minute || late.RetryAfter < time.Second {
			t.Errorf("delay of %s", late.RetryAfter)
		}
		for i := range 100 { // the attack goes on
			time.Sleep(late.RetryAfter / 100)
			w.try(t, users.Attempt{Login: "ada@example.org", Password: "wrong password", Network: fmt.Sprintf("10.0.%d.0/24", i)})
		}
		if _, err := w.try(t, owner); err != nil {
			t.Errorf("unknown browser after the delay it was told: %v", err)
		}
	})
}

func TestF02_KnownBrowserHasItsOwnLimit(t *testing.T) {
	inBubble(t, settings{}, func(t *testing.T, w world) {
		w.person(t, "ada@example.org")
		thief := users.Attempt{Login: "ada@example.org", Password: "wrong password", Network: "n", Device: known("stolen laptop")}
		throttled := 0
		for range 30 {
			if _, err := w.try(t, thief); errors.Is(err, users.ErrThrottled) {
				throttled++
			}
		}
		if throttled != 20 {
			t.Errorf("%d of 30 tries throttled, want all but 10", throttled)
		}
		other := thief
		other.Device, other.Password = known("her phone"), rightPassword
		if _, err := w.try(t, other); err != nil {
			t.Errorf("another known browser: %v", err)
		}
	})
}

func TestF01_RightPasswordAfterAWrongStreakResets(t *testing.T) {
	inBubble(t, settings{}, func(t *testing.T, w world) {
		w.person(t, "ada@example.org")
		for round := range 3 {
			for i := range 9 {
				if _, err := w.try(t,
					users.Attempt{Login: "ada@example.org", Password: "wrong password", Network: "n"}); !errors.Is(err, users.ErrWrong) {
					t.Fatalf("round %d, try %d: %v", round, i, err)
				}
			}
			if _, err := w.try(t, users.Attempt{Login: "ada@example.org", Password: rightPassword, Network: "n"}); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
	})
}

func TestF01_HundredsOfRightSignInsAnHourAreNoAttack(t *testing.T) {
	inBubble(t, settings{}, func(t *testing.T, w world) {
		for i := range 20 {
			w.person(t, fmt.Sprintf("person%d@example.org", i))
		}
		for i := range 600 {
			if _, err := w.try(t,
				users.Attempt{Login: fmt.Sprintf("person%d@example.org", i%20), Password: rightPassword, Network: "n"}); err != nil {
				t.Fatalf("sign-in %d: %v", i, err)
			}
			time.Sleep(6 * time.Second)
		}
	})
}

func TestF01_SprayingFromOneNetworkIsSlowedDown(t *testing.T) {
	inBubble(t, settings{}, func(t *testing.T, w world) {
		throttled := 0
		for i := range 400 {
			if _, err := w.try(t,
				users.Attempt{Login: fmt.Sprintf("person%d@example.org", i), Password: "Summer is coming",
					Network: "n"}); errors.Is(err, users.ErrThrottled) {
				throttled++
			}
		}
		if throttled != 100 {
			t.Errorf("%d of 400 throttled, want 100", throttled)
		}
		if _, err := w.try(t, users.Attempt{Login: "person1@example.org", Password: "x", Network: "elsewhere"}); !errors.Is(err, users.ErrWrong) {
			t.Errorf("another network: %v", err)
		}
	})
}

func TestF04_ThrottlingDoesNotTellWhoExists(t *testing.T) {
	inBubble(t, settings{}, func(t *testing.T, w world) {
		w.person(t, "ada@example.org")
		answers := func(login string) string {
			var b strings.Builder
			for range 15 {
				_, err := w.try(t, users.Attempt{Login: login, Password: "wrong password", Network: "n"})
				fmt.Fprintln(&b, err)
				time.Sleep(time.Second / 2)
			}
			return b.String()
		}
		known, unknown := answers("ada@example.org"), answers("nobody@example.org")
		if known != unknown {
			t.Errorf("answers differ:\n%s\n%s", known, unknown)
		}
		if !strings.Contains(known, "too many") {
			t.Error("nothing was throttled")
		}
		if n := w.events(t, "")["signin.throttled"]; n != 1 {
			t.Errorf("%d events of throttling an unknown account, want 1 a minute", n)
		}
	})
}

func TestE08_FiftyAtOnceAllSucceed(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), settings{})
		for i := range 10 {
			w.person(t, fmt.Sprintf("person%d@example.org", i))
		}
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { // forty of one person, ten of others
				check := func() error {
					_, _, err := w.CheckPassword(context.Background(), fmt.Sprintf("person%d@example.org", max(0, i-40)), rightPassword, "n")
					return err
				}
				err := check()
				for errors.Is(err, password.ErrBusy) { // they waited for ten seconds in one person's line: the machine has other work
					err = check()
				}
				if err != nil {
					t.Errorf("sign-in %d: %v", i, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestE04_OldHashIsReplacedOnSuccess(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		u := newWorld(t, db, settings{}).person(t, "ada@example.org")
		w := newWorld(t, db, settings{passwords: password.Options{Cost: bcrypt.MinCost + 1}})
		var wg sync.WaitGroup
		for range 10 { // they replace it under each other's hands
			wg.Go(func() {
				if _, _, err := w.CheckPassword(context.Background(), "ada@example.org", rightPassword, "n"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		row, err := db.SignInByID(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if cost, err := bcrypt.Cost([]byte(strings.TrimPrefix(row.PasswordHash, "v1$"))); err != nil || cost != bcrypt.MinCost+1 {
			t.Errorf("cost %d, %v", cost, err)
		}
		if n := w.events(t, u.ID)["password.rehashed"]; n == 0 {
			t.Error("no event tells of it")
		}
	})
}

func TestE08_BusyCostsNoTry(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{passwords: password.Options{Cost: 7, Workers: 1, Queue: time.Nanosecond}})
	w.person(t, "ada@example.org")
	var mu sync.Mutex
	busy, tried := 0, 0
	var wg sync.WaitGroup
	for ; busy == 0 && tried < 800; tried += 40 { // on a machine that is busy they may come one after the other
		for i := range 40 {
			wg.Go(func() {
				_, err := w.SignIn(context.Background(),
					users.Attempt{Login: fmt.Sprintf("n%d@example.org", tried+i), Password: "x", Network: fmt.Sprint(tried + i)})
				if errors.Is(err, password.ErrBusy) {
					mu.Lock()
					busy++
					mu.Unlock()
				} else if !errors.Is(err, users.ErrWrong) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if busy == 0 {
		t.Fatal("nobody was turned away")
	}
	keys := []string{"n:signin server"}
	for i := range 16 {
		keys = append(keys, fmt.Sprintf("n:signin server #%d", i))
	}
	c, err := w.db.CountersOf(t.Context(), keys, time.Now())
	charged := int64(0)
	for _, row := range c {
		charged += row.Count
	}
	if err != nil || charged != int64(tried-busy) {
		t.Errorf("%d tries charged, %d judged (%v)", charged, tried-busy, err)
	}
}

func TestPasswordGrantLeavesTheSameTraces(t *testing.T) { // RFC 6749 §4.3
	w := newWorld(t, storagetest.SQLite(t), settings{})
	u := w.person(t, "ada@example.org")
	id, epoch, err := w.CheckPassword(t.Context(), "ada@example.org", rightPassword, "n")
	if err != nil || id != u.ID || epoch != u.Epoch {
		t.Errorf("got %q, %d, %v", id, epoch, err)
	}
	if _, _, err := w.CheckPassword(t.Context(), "ada@example.org", "wrong password", "n"); !errors.Is(err, users.ErrWrong) {
		t.Errorf("got %v, want ErrWrong", err)
	}
	if got := w.events(t, u.ID); got["signin.succeeded"] != 1 || got["signin.failed"] != 1 {
		t.Errorf("events: %v", got)
	}
}
