package password_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/cases"

	"signet/users/password"
)

func hasher(t testing.TB, o password.Options) *password.Hasher {
	t.Helper()
	if o.Cost == 0 {
		o.Cost = bcrypt.MinCost
	}
	h, err := password.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func keep(t testing.TB, h *password.Hasher, pw string) string {
	t.Helper()
	kept, err := h.Hash(t.Context(), pw)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

func matches(t testing.TB, h *password.Hasher, kept, pw string) bool {
	t.Helper()
	right, _, err := h.Verify(t.Context(), kept, pw)
	if err != nil {
		t.Fatal(err)
	}
	return right
}

func TestE01_KeptFormIsTaggedAndNothingIsCut(t *testing.T) { // NIST SP 800-63B-4 §3.1.1.2
	h := hasher(t, password.Options{})
	kept := keep(t, h, "analytical engine no. 1")
	if !strings.HasPrefix(kept, "v1$$2") {
		t.Errorf("kept %q, want v1$ and bcrypt's format", kept)
	}
	if !matches(t, h, kept, "analytical engine no. 1") {
		t.Error("the right password does not match")
	}
	for _, wrong := range []string{"", "analytical engine no. 2", "analytical engine no. 1\x00", "Analytical engine no. 1"} {
		if matches(t, h, kept, wrong) {
			t.Errorf("%q matches", wrong)
		}
	}
	withNUL := keep(t, h, "before\x00after-one")
	if matches(t, h, withNUL, "before\x00after-two") || matches(t, h, withNUL, "before") {
		t.Error("what follows a NUL does not count")
	}
}

func TestE01_ComposedAndDecomposedAreOnePassword(t *testing.T) {
	h := hasher(t, password.Options{})
	if !matches(t, h, keep(t, h, "Zürich im Frühling"), "Zu\u0308rich im Fru\u0308hling") {
		t.Error("NFD of the password does not match its NFC")
	}
}

func TestE02_LongPasswordsDifferInTheirLastByte(t *testing.T) { // bcrypt reads 72 bytes
	h := hasher(t, password.Options{})
	long := strings.Repeat("long phrase ", 7)[:79]
	kept := keep(t, h, long+"a")
	if matches(t, h, kept, long+"b") {
		t.Error("80-byte passwords that differ in the last byte match each other")
	}
	if !matches(t, h, kept, long+"a") {
		t.Error("the right 80-byte password does not match")
	}
}

func TestE04_RaisedCostAsksForHashingAgain(t *testing.T) {
	old := hasher(t, password.Options{Cost: bcrypt.MinCost})
	now := hasher(t, password.Options{Cost: bcrypt.MinCost + 1})
	kept := keep(t, old, "analytical engine")
	for name, tt := range map[string]struct {
		h     *password.Hasher
		pw    string
		right bool
		stale bool
	}{
		"same_cost":    {old, "analytical engine", true, false},
		"raised_right": {now, "analytical engine", true, true},
		"raised_wrong": {now, "analytical engines", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			right, stale, err := tt.h.Verify(t.Context(), kept, tt.pw)
			if err != nil || right != tt.right || stale != tt.stale {
				t.Errorf("got right %v, stale %v, %v; want %v, %v", right, stale, err, tt.right, tt.stale)
			}
		})
	}
}

func TestE05_E07_Rules(t *testing.T) { // NIST SP 800-63B-4 §3.1.1.2
	h := hasher(t, password.Options{Own: []string{"Signet", "id.example.com"}})
	names := []string{"ada@example.org", "ada1815", "Ada Lovelace"}
	tests := []struct {
		pw   string
		want error
	}{
		{"eleven char", password.ErrTooShort},
		{"zwölf Zeiche", nil},
		{"日本語の長い合言葉です。", nil},
		{strings.Repeat("word ", 204) + "word", nil},
		{strings.Repeat("word ", 204) + "wordy", password.ErrTooLong},
		{"\xff\xfe\xfd\xfc not text", password.ErrMalformed},
		{"a few unrelated words", nil},
		{"no UPPER no digit no sign", nil},
		{"password1234", password.ErrCommon},
		{"PassWord!!!2024", password.ErrCommon},
		{"1qaz2wsx3edc4rfv", password.ErrCommon},
		{"aaaaaaaaaaaa", password.ErrCommon},
		{"abcabcabcabcab", password.ErrCommon},
		{"1234567890123456", password.ErrCommon},
		{"zyxwvutsrqpo", password.ErrCommon},
		{"Lovelace1815!", password.ErrPersonal},
		{"ada@example.org", password.ErrPersonal},
		{"ada.lovelace-ada", password.ErrPersonal},
		{"Signet-2026-11", password.ErrPersonal},
		{"id.example.com", password.ErrPersonal},
		{"lovelace wrote programs", nil},
	}
	for _, tt := range tests {
		if got := h.Check(tt.pw, names...); !errors.Is(got, tt.want) || (got == nil) != (tt.want == nil) {
			t.Errorf("%.40q: got %v, want %v", tt.pw, got, tt.want)
		}
	}
}

func TestE05_MinimumIsSettableButNotBelowEight(t *testing.T) {
	if err := hasher(t, password.Options{MinLength: 15}).Check("fourteen chars"); !errors.Is(err, password.ErrTooShort) {
		t.Errorf("got %v, want ErrTooShort", err)
	}
	if _, err := password.New(password.Options{MinLength: 7}); err == nil {
		t.Error("a minimum of 7 was taken")
	}
}

func TestE05_TooLongIsNeverCut(t *testing.T) {
	h := hasher(t, password.Options{})
	long := strings.Repeat("x", password.MaxBytes)
	kept := keep(t, h, long)
	if matches(t, h, kept, long+"x") {
		t.Error("1025 bytes match their first 1024")
	}
	if _, err := h.Hash(t.Context(), long+"x"); !errors.Is(err, password.ErrTooLong) {
		t.Errorf("got %v, want ErrTooLong", err)
	}
}

func TestE07_ListIsSortedFoldedAndLong(t *testing.T) {
	file, err := os.Open("common.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Fields(string(text))
	if !slices.IsSorted(list) {
		t.Error("the list is not sorted")
	}
	for _, w := range list {
		if utf8.RuneCountInString(w) < 8 {
			t.Errorf("%q is shorter than any password may be", w)
		}
		if cases.Fold().String(w) != w {
			t.Errorf("%q is not folded", w)
		}
	}
}

func TestE08_HashesAtOnceAreBoundedAndOthersWaitInVain(t *testing.T) {
	h := hasher(t, password.Options{Cost: 8, Workers: 1, Queue: time.Millisecond})
	var done, busy int
	for tries := 0; busy == 0 && tries < 20; tries++ { // on a machine that is busy they may come one after the other
		var wg sync.WaitGroup
		errs := make(chan error, 16)
		for range cap(errs) {
			wg.Go(func() {
				_, _, err := h.Verify(context.Background(), "", "whatever")
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			switch {
			case err == nil:
				done++
			case errors.Is(err, password.ErrBusy):
				busy++
			default:
				t.Errorf("unexpected %v", err)
			}
		}
	}
	if done == 0 || busy == 0 {
		t.Errorf("%d hashed, %d refused: want some of both", done, busy)
	}
	if h.Runs() != int64(done) {
		t.Errorf("%d runs, want %d: who waited in vain must cost nothing", h.Runs(), done)
	}
}

func TestE08_WhoGoesAwayLeavesTheQueue(t *testing.T) {
	h := hasher(t, password.Options{Cost: 10, Workers: 1, Queue: time.Hour})
	go h.Verify(context.Background(), "", "whatever")
	for h.Runs() == 0 {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "whatever you like"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestE09_EveryAnswerCostsOneHash(t *testing.T) { // nobody is told from somebody by the clock
	h := hasher(t, password.Options{})
	kept := keep(t, h, "analytical engine")
	for name, kept := range map[string]string{"somebody": kept, "nobody": "", "unknown_form": "v9$whatever", "broken": "v1$$2a$10$short"} {
		for _, pw := range []string{"wrong password", strings.Repeat("x", 4096)} {
			before := h.Runs()
			if matches(t, h, kept, pw) {
				t.Errorf("%s: wrong password matches", name)
			}
			if got := h.Runs() - before; got != 1 {
				t.Errorf("%s: %d hashes, want 1", name, got)
			}
		}
	}
}

// TestE09_TimeDoesNotTell compares the quickest tries: what else a machine does makes some slower, and none quicker. That each is one hash
// of the same cost is counted above.
func TestE09_TimeDoesNotTell(t *testing.T) {
	h := hasher(t, password.Options{Cost: 5})
	kept := keep(t, h, "analytical engine")
	with, without := time.Hour, time.Hour
	var differ float64
	for range 20 {
		for range 100 {
			with = min(with, timed(func() { matches(t, h, kept, "wrong password") }))
			without = min(without, timed(func() { matches(t, h, "", "wrong password") }))
		}
		if differ = float64(with)/float64(without) - 1; differ > -0.05 && differ < 0.05 {
			return
		}
	}
	t.Errorf("they differ by %.1f %%: %v, %v", 100*differ, with, without)
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func BenchmarkVerify(b *testing.B) {
	h := hasher(b, password.Options{Cost: 10})
	kept := keep(b, h, "analytical engine")
	for b.Loop() {
		matches(b, h, kept, "analytical engine")
	}
}
