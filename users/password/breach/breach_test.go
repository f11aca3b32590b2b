package breach_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"signet/internal/egress"
	"signet/users/password/breach"
)

func digest(i int) [sha1.Size]byte { return sha1.Sum(fmt.Append(nil, "password ", i)) }

// list makes a sorted list of n passwords with lines as given by form.
func list(n int, form func(hash string, i int) string) []string {
	lines := make([]string, n)
	for i := range lines {
		d := digest(i)
		lines[i] = strings.ToUpper(hex.EncodeToString(d[:]))
	}
	slices.Sort(lines)
	for i := range lines {
		lines[i] = form(lines[i], i)
	}
	return lines
}

func counted(hash string, i int) string { return fmt.Sprintf("%s:%d", hash, i*i+1) }

func write(t testing.TB, text string) *breach.File {
	t.Helper()
	f := &breach.File{Path: filepath.Join(t.TempDir(), "list"), Failed: func(err error) { t.Log(err) }}
	if err := os.WriteFile(f.Path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestE07_EveryLineOfAFileIsFound(t *testing.T) {
	for name, text := range map[string]string{
		"plain":         strings.Join(list(3000, counted), "\n") + "\n",
		"no_final_end":  strings.Join(list(3000, counted), "\n"),
		"crlf":          strings.Join(list(3000, counted), "\r\n") + "\r\n",
		"hashes_only":   strings.Join(list(3000, func(h string, _ int) string { return h }), "\n"),
		"lower_case":    strings.ToLower(strings.Join(list(3000, counted), "\n")),
		"crlf_no_final": strings.Join(list(3000, counted), "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			f := write(t, text)
			if err := breach.CheckFile(f.Path); err != nil {
				t.Error(err)
			}
			var wg sync.WaitGroup
			for part := range 4 {
				wg.Go(func() {
					for i := part; i < 6000; i += 4 {
						found, err := f.Has(t.Context(), digest(i))
						if err != nil || found != (i < 3000) {
							t.Errorf("%d: got %v, %v", i, found, err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestE07_SmallFiles(t *testing.T) {
	for n := 1; n < 4; n++ {
		f := write(t, strings.Join(list(n, counted), "\n"))
		if err := breach.CheckFile(f.Path); err != nil {
			t.Error(err)
		}
		for i := range 6 {
			if found, err := f.Has(t.Context(), digest(i)); err != nil || found != (i < n) {
				t.Errorf("%d of %d: %v, %v", i, n, found, err)
			}
		}
	}
}

func TestE07_BadFilesAreToldAtStart(t *testing.T) {
	good := list(3000, counted)
	backwards := slices.Clone(good)
	slices.Reverse(backwards)
	halves := append(slices.Clone(good[1500:]), good[:1500]...)
	whole := strings.Join(good, "\n")
	for name, text := range map[string]string{
		"empty": "", "short": "ABCDEF", "text": strings.Repeat("this is no list of hashes at all\n", 500),
		"one_line":   strings.Repeat("A", 100000),
		"not_sorted": strings.Join(backwards, "\n"), "rotated": strings.Join(halves, "\n"), "cut_in_hash": whole[:len(whole)-45],
		"cut_after_colon": whole[:strings.LastIndexByte(whole, ':')+1],
		"binary":          string(bytes.Repeat([]byte{0, 1, 2, 3}, 10000)), "ntlm": strings.Repeat(strings.Repeat("A", 32)+":1\n", 1000),
	} {
		f := write(t, text)
		if err := breach.CheckFile(f.Path); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, err := f.Has(t.Context(), digest(1)); err != nil && !errors.Is(err, breach.ErrFile) && name != "empty" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := breach.CheckFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := breach.CheckFile(t.TempDir()); err == nil {
		t.Error("a folder was taken")
	}
	cut := list(160_000, counted)
	if err := breach.CheckFile(write(t, strings.Join(cut[:140_000], "\n")+"\n").Path); !errors.Is(err, breach.ErrFile) {
		t.Errorf("a file of which an eighth is missing: got %v", err)
	}
}

func TestE07_AReplacedFileCounts(t *testing.T) {
	f := write(t, strings.Join(list(10, counted), "\n"))
	other := write(t, strings.Join(list(3000, counted), "\n"))
	if found, _ := f.Has(t.Context(), digest(2000)); found {
		t.Error("found before it is there")
	}
	if err := os.Rename(other.Path, f.Path); err != nil {
		t.Fatal(err)
	}
	if found, _ := f.Has(t.Context(), digest(2000)); !found {
		t.Error("not found after the file was replaced")
	}
}

type fetcher func(q egress.Request) (egress.Response, error)

func (f fetcher) Fetch(_ context.Context, q egress.Request) (egress.Response, error) { return f(q) }

func TestE07_TheServerLearnsFiveDigits(t *testing.T) {
	d := digest(1)
	hash := strings.ToUpper(hex.EncodeToString(d[:]))
	answer := egress.Response{Status: 200, Body: []byte(strings.Repeat("0", 35) + ":7\r\n" + hash[5:] + ":3\r\n")}
	var failed int
	r := &breach.Range{URL: "https://range.example/range/", Failed: func(error) { failed++ },
		Fetcher: fetcher(func(q egress.Request) (egress.Response, error) {
			if q.URL != "https://range.example/range/"+hash[:5] || q.Header["Add-Padding"] != "true" || len(q.Body) != 0 {
				t.Errorf("asked %s %v", q.URL, q.Header)
			}
			return answer, nil
		})}
	if found, err := r.Has(t.Context(), d); !found || err != nil {
		t.Errorf("got %v, %v", found, err)
	}
	answer.Body = []byte(hash[5:] + ":0\r\n")
	if found, err := r.Has(t.Context(), d); found || err != nil {
		t.Errorf("padding: got %v, %v", found, err)
	}
	answer.Status = 503
	if found, err := r.Has(t.Context(), d); found || err == nil || failed != 1 {
		t.Errorf("away: got %v, %v, %d told", found, err, failed)
	}
}

func FuzzFile(f *testing.F) {
	f.Add(strings.Join(list(200, counted), "\n"))
	f.Add("")
	f.Add(strings.Repeat("\n", 5000))
	f.Fuzz(func(t *testing.T, text string) {
		l := write(t, text)
		_ = breach.CheckFile(l.Path)
		_, _ = l.Has(t.Context(), digest(1)) // ends, whatever is in it
	})
}

func BenchmarkFile(b *testing.B) {
	f := write(b, strings.Join(list(500_000, counted), "\n"))
	var i int
	for b.Loop() {
		i++
		if _, err := f.Has(b.Context(), digest(i)); err != nil {
			b.Fatal(err)
		}
	}
}
