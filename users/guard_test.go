package users_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"signet/internal/mail"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
)

// pile keeps emails instead of sending them.
type pile struct{ emails []mail.Email }

func (p *pile) Put(_ context.Context, l mail.Email) error {
	p.emails = append(p.emails, l)
	return nil
}

func (p *pile) Allowed(context.Context, mail.Request) (bool, error) { return true, nil }

// code mails a sign-in code and takes it.
func (w world) code(t testing.TB, p *pile, browser, typed string) error {
	t.Helper()
	if err := w.AskCode(t.Context(), typed, browser, nil); err != nil {
		t.Fatal(err)
	}
	l, ok, err := w.Resolve(t.Context(), p.emails[len(p.emails)-1])
	if err != nil || !ok {
		t.Fatalf("email to %q: %v", typed, err)
	}
	proof, err := w.CheckCode(t.Context(), browser, l.Code)
	if err != nil {
		return err
	}
	return w.db.Tx(t.Context(), proof.Commit)
}

// guess tries wrong passwords from everywhere, waiting where it must, until n were judged or no more are let through.
func (w world) guess(t testing.TB, login string, n int) (judged int) {
	t.Helper()
	for i := 0; judged < n; i++ {
		_, err := w.SignIn(t.Context(), users.Attempt{Login: login, Password: "wrong password", Network: fmt.Sprintf("10.0.%d.0/24", i%3)})
		late, wait := errors.AsType[*users.Throttled](err)
		switch {
		case errors.Is(err, users.ErrGuarded):
			return judged
		case wait:
			time.Sleep(late.RetryAfter)
		case errors.Is(err, users.ErrWrong):
			judged++
		default:
			t.Fatalf("try %d: %v", i, err)
		}
	}
	return judged
}

func TestF03_AfterAHundredFailuresAPasswordAloneDoesNotSuffice(t *testing.T) {
	emails := &pile{}
	inBubble(t, settings{post: emails}, func(t *testing.T, w world) {
		u, err := w.CreateAccount(t.Context(), users.Registration{Email: "ada@example.org", Username: "ada",
			Verification: users.VerifiedByOperator(), Method: users.WithPassword(rightPassword), Voucher: users.VouchedByOperator()})
		if err != nil {
			t.Fatal(err)
		}
		owner := func(login string, device func(string) string) error {
			_, err := w.SignIn(t.Context(), users.Attempt{Login: login, Password: rightPassword, Network: "203.0.113.0/24", Device: device})
			return err
		}
		if n := w.guess(t, "ada@example.org", 99); n != 99 {
			t.Fatalf("%d of 99 guesses judged", n)
		}
		time.Sleep(5 * time.Minute) // whatever the delays are
		if err := owner("ada@example.org", nil); err != nil && !errors.Is(err, users.ErrThrottled) {
			t.Fatalf("after 99 failures: %v", err)
		}
		for _, login := range []string{"ada@example.org", "nobody@example.org"} { // F04: alike
			w.guess(t, login, 1000)
			time.Sleep(time.Minute) // so that the event is not one too many
			hashes := w.passwords.Runs()
			ctx, stats := storage.WithStats(t.Context())
			for _, pw := range []string{rightPassword, "wrong password"} {
				if _, err := w.SignIn(ctx, users.Attempt{Login: login, Password: pw, Network: "203.0.113.0/24"}); err != users.ErrGuarded {
					t.Errorf("%s, %s: got %v, want ErrGuarded", login, pw, err)
				}
			}
			if w.passwords.Runs() != hashes {
				t.Errorf("%s: the password was looked at", login)
			}
			if stats.Reads() != 4 || stats.Writes() != 1 { // the event, once a minute
				t.Errorf("%s: %d reads and %d writes, want 4 and 1", login, stats.Reads(), stats.Writes())
			}
			if guarded, err := w.Guarded(t.Context(), login); err != nil || !guarded {
				t.Errorf("%s: guarded %v, %v", login, guarded, err)
			}
		}
		if err := owner("ADA@example.org ", known("her laptop")); err != nil {
			t.Errorf("a known browser: %v", err)
		}
		if err := owner("ada@example.org", nil); err != users.ErrGuarded {
			t.Errorf("a stranger after the owner was in: %v", err)
		}
		if _, _, err := w.CheckPassword(t.Context(), "ada@example.org", rightPassword, "n"); !errors.Is(err, users.ErrWrong) {
			t.Errorf("password grant: %v", err)
		}
		if err := w.code(t, emails, "browser", "ada@example.org"); err != nil {
			t.Fatalf("mailed code: %v", err)
		}
		time.Sleep(5 * time.Minute)
		if err := owner("ada@example.org", nil); errors.Is(err, users.ErrGuarded) {
			t.Error("guarded after the owner proved it by mail")
		}
		w.guess(t, "ada", 1000)
		if err := owner("ada", nil); err != users.ErrGuarded {
			t.Errorf("user name: %v", err)
		}
		if err := w.SetPassword(t.Context(), factor.ForOperator(u.ID, factor.ResetPassword), rightPassword+" number two"); err != nil {
			t.Fatal(err)
		}
		if guarded, err := w.Guarded(t.Context(), "ada"); err != nil || guarded {
			t.Errorf("guarded %v after a new password, %v", guarded, err)
		}
	})
}

func TestF03_AHundredCountIn30DaysAndTheOwnersOwnTyposAreForgiven(t *testing.T) {
	inBubble(t, settings{post: &pile{}}, func(t *testing.T, w world) {
		w.person(t, "ada@example.org")
		for range 20 { // 100 typos in all, from one network, each five followed by the right one
			for range 5 {
				if _, err := w.try(t,
					users.Attempt{Login: "ada@example.org", Password: "wrong password", Network: "n"}); !errors.Is(err, users.ErrWrong) {
					t.Fatal(err)
				}
			}
			if _, err := w.try(t, users.Attempt{Login: "ada@example.org", Password: rightPassword, Network: "n"}); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.guess(t, "ada@example.org", 1000); n != 100 {
			t.Errorf("%d guesses judged, want 100", n)
		}
		time.Sleep(29 * 24 * time.Hour)
		if guarded, err := w.Guarded(t.Context(), "ada@example.org"); err != nil || !guarded {
			t.Errorf("after 29 days: guarded %v, %v", guarded, err)
		}
		time.Sleep(2 * 24 * time.Hour)
		if _, err := w.try(t, users.Attempt{Login: "ada@example.org", Password: rightPassword, Network: "m"}); err != nil {
			t.Errorf("after 31 days: %v", err)
		}
	})
}

func TestF03_WithoutMailOnlyDelaysGrow(t *testing.T) {
	inBubble(t, settings{}, func(t *testing.T, w world) {
		w.person(t, "ada@example.org")
		if n := w.guess(t, "ada@example.org", 150); n != 150 {
			t.Errorf("%d of 150 judged", n)
		}
		_, err := w.try(t, users.Attempt{Login: "ada@example.org", Password: rightPassword, Network: "m"})
		if late, ok := errors.AsType[*users.Throttled](err); ok {
			time.Sleep(late.RetryAfter)
			_, err = w.try(t, users.Attempt{Login: "ada@example.org", Password: rightPassword, Network: "m"})
		}
		if err != nil {
			t.Errorf("the owner, after the delay: %v", err)
		}
	})
}
