package password_test

import (
	"context"
	"crypto/sha1"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"signet/users/password"
	"signet/users/password/foreign"
)

// ssha is {SSHA} of "analytical engine".
const ssha = "{SSHA}55KbfKp8lFlKxtcKKacl3S6ehw5zYWx0c2FsdA=="

func TestE04_ImportedHashesVerifyAndWantHashingAgain(t *testing.T) {
	h := hasher(t, password.Options{})
	old, err := bcrypt.GenerateFromPassword([]byte("analytical engine"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := password.Imported(string(old))
	if err != nil {
		t.Fatal(err)
	}
	for pw, want := range map[string]bool{"analytical engine": true, "analytical engines": false, "": false,
		strings.Repeat("x", 2000): false} {
		before := h.Runs()
		right, stale, err := h.Verify(t.Context(), kept, pw)
		if err != nil || right != want || stale != want {
			t.Errorf("%.20q: right %v, stale %v, %v; want %v twice", pw, right, stale, err, want)
		}
		if h.Runs()-before != 1 {
			t.Errorf("%.20q: %d turns at a worker, want 1", pw, h.Runs()-before)
		}
	}
	for _, form := range []string{"", "v1$" + string(old), "x1$" + string(old), "plain text"} {
		if _, err := password.Imported(form); !errors.Is(err, foreign.ErrForm) {
			t.Errorf("%.10s: got %v, want ErrForm", form, err)
		}
	}
	if matches(t, h, "x1$broken", "analytical engine") {
		t.Error("a broken form matches")
	}
}

func TestE09_ACheapImportedHashCostsOneOfOurs(t *testing.T) {
	h := hasher(t, password.Options{Cost: 9})
	kept, err := password.Imported(ssha)
	if err != nil {
		t.Fatal(err)
	}
	// The quickest of each: nothing can be quicker than one bcrypt, and other work of the machine makes everything slower at times.
	imported, none := time.Hour, time.Hour
	for i := range 40 {
		none = min(none, timed(func() { matches(t, h, "", "wrong") }))
		imported = min(imported, timed(func() { matches(t, h, kept, "wrong") }))
		if i >= 3 && imported >= none*7/10 {
			return
		}
	}
	t.Errorf("wrong password: %s with an imported hash, %s without any", imported, none)
}

func TestE08_HeavyImportedHashesRunOneByOne(t *testing.T) {
	h := hasher(t, password.Options{Workers: 4, Queue: time.Minute})
	kept, err := password.Imported("$argon2id$v=19$m=8192,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + strings.Repeat("A", 43))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { matches(t, h, kept, "wrong") })
	}
	wg.Wait()
	if h.Runs() != 8 {
		t.Errorf("%d runs, want 8", h.Runs())
	}
}

func TestE03_PepperedHashesNeedTheirPepper(t *testing.T) {
	one, two := []byte(strings.Repeat("1", 32)), []byte(strings.Repeat("2", 32))
	plain := hasher(t, password.Options{Peppers: [][]byte{one}})
	with := hasher(t, password.Options{Peppers: [][]byte{one}, Pepper: true})
	rotated := hasher(t, password.Options{Peppers: [][]byte{two, one}, Pepper: true})
	lost := hasher(t, password.Options{Peppers: [][]byte{two}, Pepper: true})
	unpeppered, peppered := keep(t, plain, "analytical engine"), keep(t, with, "analytical engine")
	if !strings.HasPrefix(peppered, "v2$") {
		t.Errorf("kept %q, want the tag v2$", peppered)
	}
	for name, tt := range map[string]struct {
		h            *password.Hasher
		kept         string
		right, stale bool
	}{
		"same": {with, peppered, true, false}, "switched_on": {with, unpeppered, true, true}, "switched_off": {plain, peppered, true, true},
		"rotated": {rotated, peppered, true, true}, "lost": {lost, peppered, false, false}, "rotated_plain": {rotated, unpeppered, true, true},
		"tag_changed": {with, "v1$" + peppered[12:], false, false}, "no_id": {with, "v2$" + peppered[12:], false, false},
	} {
		right, stale, err := tt.h.Verify(t.Context(), tt.kept, "analytical engine")
		if err != nil || right != tt.right || stale != tt.stale {
			t.Errorf("%s: right %v, stale %v, %v; want %v, %v", name, right, stale, err, tt.right, tt.stale)
		}
		if matches(t, tt.h, tt.kept, "wrong password") {
			t.Errorf("%s: a wrong password matches", name)
		}
	}
	if _, err := password.New(password.Options{Pepper: true}); err == nil {
		t.Error("a pepper without a key was taken")
	}
}

// list is a List.
type list func(digest [sha1.Size]byte) (bool, error)

func (l list) Has(_ context.Context, digest [sha1.Size]byte) (bool, error) { return l(digest) }

func TestE07_AListThatIsAwayRefusesNobody(t *testing.T) {
	away := list(func([sha1.Size]byte) (bool, error) { return true, errors.New("away") })
	knows := list(func(d [sha1.Size]byte) (bool, error) { return d == sha1.Sum([]byte("analytical engine")), nil })
	for name, tt := range map[string]struct {
		lists []password.List
		pw    string
		want  error
	}{
		"none": {nil, "analytical engine", nil}, "known": {[]password.List{knows}, "analytical engine", password.ErrBreached},
		"not_known": {[]password.List{knows}, "difference engine", nil}, "away": {[]password.List{away}, "analytical engine", nil},
		"the_other_knows": {[]password.List{away, knows}, "analytical engine", password.ErrBreached},
	} {
		if err := hasher(t, password.Options{Lists: tt.lists}).CheckBreached(t.Context(), tt.pw); !errors.Is(err, tt.want) ||
			tt.want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	h := hasher(b, password.Options{Own: []string{"Signet", "id.example.com"}})
	for b.Loop() {
		if err := h.Check("a few unrelated words", "ada@example.org", "Ada Lovelace"); err != nil {
			b.Fatal(err)
		}
	}
}
