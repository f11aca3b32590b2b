package ticket_test

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

	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/ticket"
)

func tickets(t testing.TB, db *storage.DB) *ticket.Tickets {
	t.Helper()
	b, err := ticket.New(ticket.StoresOf(db), []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func issue(t testing.TB, b *ticket.Tickets, o ticket.Order) string {
	t.Helper()
	_, secret, err := b.Issue(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestD05_LinkIsLongHashedBoundAndSingleUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		b := tickets(t, db)
		order := ticket.Order{Purpose: "reset", Owner: "ada", Data: map[string]string{"to": "x"}, Lifetime: 30 * time.Minute}
		secret := issue(t, b, order)
		if len(secret) != 43 {
			t.Errorf("secret of %d characters", len(secret))
		}
		var data struct{ To string }
		row, err := b.Look(t.Context(), "reset", secret, &data)
		if err != nil || data.To != "x" || strings.Contains(fmt.Sprint(row), secret) {
			t.Errorf("got %+v, %v", row, err)
		}
		for _, x := range [][2]string{{"verify", secret}, {"reset", secret[1:]}, {"reset", ""}, {"reset", strings.Repeat("a", 43)}} {
			if _, err := b.Spend(t.Context(), ticket.Purpose(x[0]), x[1], nil); !errors.Is(err, ticket.ErrGone) {
				t.Errorf("%v: got %v, want ErrGone", x, err)
			}
		}
		undone := errors.New("no")
		if err := db.Tx(t.Context(), func(ctx context.Context) error {
			_, err := b.Spend(ctx, "reset", secret, nil)
			return errors.Join(undone, err)
		}); !errors.Is(err, undone) || errors.Is(err, ticket.ErrGone) {
			t.Errorf("got %v", err)
		}
		if row, err = b.Spend(t.Context(), "reset", secret, &data); err != nil || row.Owner != "ada" {
			t.Errorf("after an act that failed the link must stay good: %v", err)
		}
		if _, err := b.Spend(t.Context(), "reset", secret, nil); !errors.Is(err, ticket.ErrGone) {
			t.Errorf("used twice: %v", err)
		}
		old := issue(t, b, order)
		order.Only = true
		fresh := issue(t, b, order)
		if _, err := b.Look(t.Context(), "reset", old, nil); !errors.Is(err, ticket.ErrGone) {
			t.Errorf("the newest must void older ones: %v", err)
		}
		time.Sleep(30 * time.Minute)
		if _, err := b.Spend(t.Context(), "reset", fresh, nil); !errors.Is(err, ticket.ErrGone) {
			t.Errorf("lives on after its time: %v", err)
		}
	})
}

func TestCodeDiesAfterFiveGuesses(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		b := tickets(t, open(t))
		order := ticket.Order{Purpose: "code", Owner: "ada", Lifetime: time.Minute}
		code, err := b.IssueCode(t.Context(), order)
		if err != nil || len(code) != 6 {
			t.Fatal(code, err)
		}
		if _, err := b.Guess(t.Context(), "code", "bob"); !errors.Is(err, ticket.ErrGone) {
			t.Errorf("another's code: %v", err)
		}
		wrong := "000000"
		if code == wrong {
			wrong = "000001"
		}
		for range 4 {
			row, err := b.Guess(t.Context(), "code", "ada")
			if err != nil {
				t.Fatal(err)
			}
			if err := b.SpendCode(t.Context(), row, wrong, nil); !errors.Is(err, ticket.ErrWrong) {
				t.Fatalf("got %v, want ErrWrong", err)
			}
		}
		row, err := b.Guess(t.Context(), "code", "ada")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Guess(t.Context(), "code", "ada"); !errors.Is(err, ticket.ErrGone) {
			t.Errorf("a sixth guess: %v", err)
		}
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				switch err := b.SpendCode(t.Context(), row, code[:3]+" - "+code[3:], nil); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, ticket.ErrGone):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d used one code, want 1", won.Load())
		}
	})
}

func TestMailedCodesInEveryScript(t *testing.T) {
	b := tickets(t, storagetest.SQLite(t))
	code, err := b.IssueCode(t.Context(), ticket.Order{Purpose: "code", Owner: "ada", Lifetime: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	row, err := b.Guess(t.Context(), "code", "ada")
	if err != nil {
		t.Fatal(err)
	}
	for name, zero := range map[string]rune{"wide": '０', "Arabic": '٠', "Persian": '۰', "Devanagari": '०', "Thai": '๐', "plain": '0'} {
		written := strings.Map(func(r rune) rune { return r - '0' + zero }, code)
		for _, blank := range []string{"", " ", "\u00a0", "\t", "-", "\u2009"} {
			middle := len(string(zero)) * 3
			if typed := " " + written[:middle] + blank + written[middle:] + "\u00a0"; !b.Matches(row, typed) {
				t.Errorf("%s: %q is wrong", name, typed)
			}
		}
	}
}
