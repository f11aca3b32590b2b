package backup

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAStoreThatLies: a body without end fills no disk, a list without end no memory, and names are taken for what they may be.
func TestAStoreThatLies(t *testing.T) {
	t.Parallel()
	pages := 0
	lies := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("list-type") {
			pages++
			fmt.Fprintf(w, `<L><Contents><Key>../../signet-20260101T000000.000Z.backup</Key></Contents><Contents><Key>\x1b[2J</Key></Contents>
				<IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken></L>`, pages)
			return
		}
		for range 1000 {
			if _, err := w.Write([]byte(strings.Repeat("x", 1000))); err != nil {
				return
			}
		}
	}))
	t.Cleanup(lies.Close)
	b, err := NewBucket(BucketOptions{Endpoint: lies.URL, Region: "x", Bucket: "b", AccessKey: "a", SecretKey: "s"})
	if err != nil {
		t.Fatal(err)
	}
	b.largest = 5000
	file := filepath.Join(t.TempDir(), "got")
	if err := b.Get(t.Context(), "x", file); err == nil || !strings.Contains(err.Error(), "5000 bytes") {
		t.Errorf("a body without end: %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Size() > 6000 {
		t.Errorf("%v of it were written, %v", info.Size(), err)
	}
	if list, err := b.List(t.Context()); err == nil || pages > maxPages {
		t.Errorf("a list without end: %d pages, %d names", pages, len(list))
	}
}

// TestAClockThatWasWrong: a name that tells a time to come is not the latest, keeps nobody from making the next, and pushes out no other.
func TestAClockThatWasWrong(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := Folder(t.TempDir())
	var names []string
	for _, at := range []time.Time{now.Add(-2 * time.Hour), now.Add(-time.Hour), now, now.AddDate(30, 0, 0), now.AddDate(31, 0, 0)} {
		names = append(names, Name(at))
		if err := os.WriteFile(filepath.Join(string(f), Name(at)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := f.List(t.Context())
	if err != nil || len(list) != 5 {
		t.Fatal(list, err)
	}
	if e, ok := Newest(list, now); !ok || e.Name != names[2] {
		t.Errorf("the newest is %+v", e)
	}
	if _, ok := Newest(list[3:], now); ok {
		t.Error("one to come is the newest")
	}
	if gone, err := Trim(t.Context(), f, 2); err != nil || len(gone) != 1 || gone[0] != names[0] {
		t.Errorf("deleted %v, %v", gone, err)
	}
}
