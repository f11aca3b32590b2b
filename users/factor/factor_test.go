package factor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pquerna/otp/totp"

	"signet/audit"
	"signet/internal/seal"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/factor"
	"signet/users/ticket"
	"signet/users/userstest"
)

// notices counts emails.
type notices struct{ kinds []string }

func (n *notices) Notify(_ context.Context, _, kind string, args map[string]string) error {
	n.kinds = append(n.kinds, kind+args["Factor"])
	return nil
}

type world struct {
	*factor.Service
	db   *storage.DB
	told *notices
	ada  storage.User
}

func open(t testing.TB, db *storage.DB) world {
	t.Helper()
	master, err := seal.New([]byte("a-master-key-of-thirty-two-bytes"))
	if err != nil {
		t.Fatal(err)
	}
	tickets, err := ticket.New(ticket.StoresOf(db), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	w := world{db: db, told: new(notices)}
	w.Service, err = factor.New(
		factor.Options{Stores: factor.StoresOf(db), Ways: userstest.Ways(t, db), Audit: audit.New(db), Tickets: tickets, Sealer: master,
			Place:   seal.Place,
			Notices: w.told, Issuer: "Signet"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, id := range []string{"ada", "bob"} {
		u := storage.User{ID: id, Email: id + "@example.com", EmailKey: id + "@example.com", CreatedAt: now, UpdatedAt: now}
		if err := db.InsertUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		if id == "ada" {
			w.ada = u
		}
	}
	return w
}

func code(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	c, err := totp.GenerateCode(strings.ReplaceAll(secret, " ", ""), at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// enrol gives Ada an authenticator app.
func (w world) enrol(t testing.TB) (secret string, codes []string) {
	t.Helper()
	e, err := w.Begin(t.Context(), "s1", w.ada)
	if err != nil {
		t.Fatal(err)
	}
	codes, err = w.Confirm(t.Context(), userstest.Permit(t, w.ada, factor.AddAuthenticator), "s1", w.ada, code(t, e.Secret, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	return e.Secret, codes
}

func (w world) use(t testing.TB, check func(ctx context.Context, userID, code string) (*factor.Match, error), code string) error {
	t.Helper()
	p, err := check(t.Context(), "ada", code)
	if err != nil {
		return err
	}
	return w.db.Tx(t.Context(), p.Commit)
}

func inBubble(t *testing.T, test func(t *testing.T, w world)) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		test(t, open(t, db))
	})
}

func TestG01_AStepIsSpentWithAllBeforeIt(t *testing.T) { // RFC 6238 section 5.2
	inBubble(t, func(t *testing.T, w world) {
		secret, _ := w.enrol(t)
		at := time.Now()
		if err := w.use(t, w.CheckTOTP, code(t, secret, at)); !errors.Is(err, factor.ErrWrong) {
			t.Errorf("the code of the enrolment again: %v", err)
		}
		time.Sleep(60 * time.Second)
		now := time.Now()
		for _, tt := range []struct {
			at   time.Time
			good bool
		}{{now.Add(-90 * time.Second), false}, {now.Add(90 * time.Second), false}, {now.Add(30 * time.Second), true},
			{now.Add(30 * time.Second), false}, {now, false}} {
			err := w.use(t, w.CheckTOTP, code(t, secret, tt.at))
			if (err == nil) != tt.good || err != nil && !errors.Is(err, factor.ErrWrong) {
				t.Errorf("code of %s: %v", tt.at.Sub(now), err)
			}
		}
		time.Sleep(90 * time.Second)
		c := code(t, secret, time.Now())
		if err := w.use(t, w.CheckTOTP, " "+c[:3]+" "+c[3:]+" "); err != nil {
			t.Errorf("blanks: %v", err)
		}
	})
}

func TestG01_OneCodeTwiceAtOnceCountsOnce(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, openDB func(t *testing.T) *storage.DB) {
		w := open(t, openDB(t))
		secret, codes := w.enrol(t)
		next := code(t, secret, time.Now().Add(30*time.Second))
		for what, check := range map[string]func() (*factor.Match, error){
			"totp":     func() (*factor.Match, error) { return w.CheckTOTP(t.Context(), "ada", next) },
			"recovery": func() (*factor.Match, error) { return w.CheckRecovery(t.Context(), "ada", codes[0]) },
		} {
			var won atomic.Int64
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					p, err := check()
					if err == nil {
						err = w.db.Tx(t.Context(), p.Commit)
					}
					if err == nil {
						won.Add(1)
					} else if !errors.Is(err, factor.ErrWrong) && !errors.Is(err, factor.ErrThrottled) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Errorf("%s: %d used one code, want 1", what, won.Load())
			}
		}
	})
}

func TestG02_TenWrongCodesCloseThatWayForAnHour(t *testing.T) {
	inBubble(t, func(t *testing.T, w world) {
		secret, codes := w.enrol(t)
		time.Sleep(time.Minute)
		for range 10 {
			if err := w.use(t, w.CheckTOTP, "000000"); !errors.Is(err, factor.ErrWrong) {
				t.Fatal(err)
			}
		}
		late, ok := errors.AsType[*factor.Throttled](w.use(t, w.CheckTOTP, code(t, secret, time.Now())))
		if !ok || late.RetryAfter > time.Hour {
			t.Fatalf("after ten: %v", late)
		}
		if err := w.use(t, w.CheckRecovery, codes[0]); err != nil {
			t.Errorf("a recovery code must still work: %v", err)
		}
		time.Sleep(time.Hour + time.Second)
		if err := w.use(t, w.CheckTOTP, code(t, secret, time.Now())); err != nil {
			t.Errorf("after the hour: %v", err)
		}
	})
}

func TestG03_EnrolmentIsBoundAndSealed(t *testing.T) {
	inBubble(t, func(t *testing.T, w world) {
		e, err := w.Begin(t.Context(), "s1", w.ada)
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.Begin(t.Context(), "s1", w.ada)
		if err != nil || again.Secret != e.Secret || len(strings.ReplaceAll(e.Secret, " ", "")) != 32 {
			t.Errorf("a reload shows another secret, or it has not 160 bits: %q %q %v", e.Secret, again.Secret, err)
		}
		if picture, err := w.QR(t.Context(), "s1", w.ada); err != nil || !strings.HasPrefix(string(picture), "\x89PNG") {
			t.Errorf("picture: %v", err)
		}
		bob := storage.User{ID: "bob", Email: "bob@example.com"}
		right := code(t, e.Secret, time.Now())
		for what, err := range map[string]error{
			"another session": second(w.Confirm(t.Context(), userstest.Permit(t, w.ada, factor.AddAuthenticator), "s2", w.ada, right)),
			"another person":  second(w.Confirm(t.Context(), userstest.Permit(t, bob, factor.AddAuthenticator), "s1", bob, right)),
		} {
			if !errors.Is(err, factor.ErrGone) {
				t.Errorf("%s: %v, want ErrGone", what, err)
			}
		}
		if err := second(w.Confirm(t.Context(), userstest.Permit(t, w.ada, factor.AddAuthenticator), "s1", w.ada, "000000")); !errors.Is(
			err, factor.ErrWrong) {
			t.Errorf("wrong code: %v", err)
		}
		other := w.ada
		other.Epoch++
		for what, permit := range map[string]factor.Permit{
			"none": {}, "another person's": userstest.Permit(t, bob, factor.AddAuthenticator),
			"another act's": userstest.Permit(t, w.ada, factor.AddPasskey),
		} {
			if err := second(w.Confirm(t.Context(), permit, "s1", w.ada, right)); !errors.Is(err, factor.ErrNotAllowed) {
				t.Errorf("permit: %s: %v", what, err)
			}
		}
		if err := second(w.Confirm(t.Context(), userstest.Permit(t, other, factor.AddAuthenticator), "s1", w.ada, right)); !errors.Is(
			err, factor.ErrChanged) {
			t.Errorf("permit of another epoch: %v", err)
		}
		if have, _ := w.Of(t.Context(), "ada"); have.TOTP {
			t.Error("part of an enrolment")
		}
		codes, err := w.Confirm(t.Context(), userstest.Permit(t, w.ada, factor.AddAuthenticator), "s1", w.ada, right)
		if err != nil || len(codes) != 10 {
			t.Fatalf("%d codes, %v", len(codes), err)
		}
		rows, err := w.db.Credentials(t.Context(), "ada", "")
		if err != nil {
			t.Fatal(err)
		}
		all := fmt.Sprint(rows)
		for _, plain := range append(codes, e.Secret) {
			if strings.Contains(all, strings.ReplaceAll(plain, " ", "")) {
				t.Errorf("%q lies open", plain)
			}
		}
		if _, err := w.Begin(t.Context(), "s1", w.ada); !errors.Is(err, factor.ErrThere) {
			t.Errorf("a second one: %v", err)
		}
		late, err := w.Begin(t.Context(), "s3", bob)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Minute)
		if err := second(
			w.Confirm(t.Context(), userstest.Permit(t, bob, factor.AddAuthenticator), "s3", bob,
				code(t, late.Secret, time.Now()))); !errors.Is(err, factor.ErrGone) {
			t.Errorf("too late: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestG04_RecoveryCodes(t *testing.T) {
	inBubble(t, func(t *testing.T, w world) {
		_, codes := w.enrol(t)
		typed := strings.ToLower(strings.ReplaceAll(codes[0], " ", "-"))
		typed = strings.NewReplacer("o", "0", "i", "1").Replace(typed)
		if err := w.use(t, w.CheckRecovery, typed); err != nil {
			t.Errorf("typed as people do: %v", err)
		}
		if err := w.use(t, w.CheckRecovery, codes[0]); !errors.Is(err, factor.ErrWrong) {
			t.Errorf("used twice: %v", err)
		}
		fresh, err := w.NewCodes(t.Context(), userstest.Permit(t, w.ada, factor.MakeRecoveryCodes))
		if err != nil || len(fresh) != 10 {
			t.Fatal(len(fresh), err)
		}
		if err := w.use(t, w.CheckRecovery, codes[1]); !errors.Is(err, factor.ErrWrong) {
			t.Errorf("a new set must void the old: %v", err)
		}
		for _, odd := range []string{"", strings.Repeat("A", 10_000), "\x00", "ЯЯЯЯ"} {
			if err := w.use(t, w.CheckRecovery, odd); !errors.Is(err, factor.ErrWrong) {
				t.Errorf("%.20q: %v", odd, err)
			}
		}
		if _, err := w.CheckRecovery(t.Context(), "bob", fresh[0]); !errors.Is(err, factor.ErrWrong) {
			t.Errorf("another's: %v", err)
		}
	})
}

func TestG05_WithTheLastFactorGoTheCodes(t *testing.T) {
	inBubble(t, func(t *testing.T, w world) {
		w.enrol(t)
		if err := w.Remove(t.Context(), userstest.Permit(t, w.ada, factor.RemoveAuthenticator)); err != nil {
			t.Fatal(err)
		}
		if have, err := w.Of(t.Context(), "ada"); have != (factor.Enrolled{}) || err != nil {
			t.Errorf("left: %+v, %v", have, err)
		}
		if err := w.Remove(t.Context(), userstest.Permit(t, w.ada, factor.RemoveAuthenticator)); !errors.Is(err, factor.ErrWrong) {
			t.Errorf("twice: %v", err)
		}
		if got, want := fmt.Sprint(w.told.kinds), "[factor_addedtotp factor_removedtotp]"; got != want {
			t.Errorf("emails %s, want %s", got, want)
		}
		w.enrol(t)
		if err := w.Reset(t.Context(), factor.ForOperator("ada", factor.ResetFactors)); err != nil {
			t.Fatal(err)
		}
		if have, err := w.Of(t.Context(), "ada"); have != (factor.Enrolled{}) || err != nil {
			t.Errorf("after reset: %+v, %v", have, err)
		}
	})
}

func TestDecide(t *testing.T) {
	for name, tt := range map[string]struct {
		q    factor.Situation
		want factor.Step
	}{
		"nothing, nothing wanted":          {factor.Situation{}, factor.None},
		"has an app":                       {factor.Situation{Has: true, Always: true}, factor.Ask},
		"has a passkey":                    {factor.Situation{Has: true}, factor.None},
		"has a passkey, required":          {factor.Situation{Has: true, Required: true}, factor.Ask},
		"has a passkey, demanded":          {factor.Situation{Has: true, Demanded: true}, factor.Ask},
		"has one, trusted":                 {factor.Situation{Has: true, Trusted: true}, factor.None},
		"has one, trusted, required":       {factor.Situation{Has: true, Trusted: true, Required: true}, factor.None},
		"has one, trusted, but demanded":   {factor.Situation{Has: true, Trusted: true, Demanded: true}, factor.Ask},
		"none, required":                   {factor.Situation{Required: true}, factor.Enrol},
		"none, required, trusted":          {factor.Situation{Required: true, Trusted: true}, factor.Enrol},
		"none, demanded only":              {factor.Situation{Demanded: true}, factor.None},
		"a passkey proved both":            {factor.Situation{Has: true, Proven: true, Demanded: true, Required: true}, factor.None},
		"none, required, a passkey proved": {factor.Situation{Proven: true, Required: true}, factor.None},
	} {
		if got := factor.Decide(tt.q); got != tt.want {
			t.Errorf("%s: got %d, want %d", name, got, tt.want)
		}
	}
}
