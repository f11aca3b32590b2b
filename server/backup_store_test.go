package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"signet/config"
	"signet/server"
)

// TestBackupsGoToABucketAndComeBack: made, listed, fetched, verified; what the store says when it refuses is said. Signatures are looked at
// in package backup.
func TestBackupsGoToABucketAndComeBack(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	kept, full := map[string]string{}, false
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		key := strings.TrimPrefix(r.URL.Path, "/safe/")
		switch body, _ := io.ReadAll(r.Body); {
		case r.Method == http.MethodPut && full:
			w.WriteHeader(http.StatusInsufficientStorage)
			_, _ = io.WriteString(w, "<Error><Code>XMinioStorageFull</Code><Message>no space</Message></Error>")
		case r.Method == http.MethodPut:
			kept[key] = string(body)
		case key == "":
			_, _ = io.WriteString(w, "<ListBucketResult>")
			for k, text := range kept {
				_, _ = fmt.Fprintf(w, "<Contents><Key>%s</Key><Size>%d</Size></Contents>", k, len(text))
			}
			_, _ = io.WriteString(w, "</ListBucketResult>")
		default:
			_, _ = io.WriteString(w, kept[key])
		}
	}))
	t.Cleanup(store.Close)
	p := newPlace(t)
	s, _ := p.open(t)
	c := s.Services().Config
	c.Backup.To = "s3://safe/of/signet"
	c.Backup.S3 = config.S3{Endpoint: store.URL, Region: "here", AccessKey: "key", SecretKey: config.NewSecret("secret")}
	if err := server.Check(c); err != nil {
		t.Fatal(err)
	}
	made, err := server.MakeBackup(t.Context(), c, server.BackupOf(c))
	if err != nil || !strings.HasPrefix(made.Path, "s3://safe/of/signet/signet-") {
		t.Fatalf("got %+v, %v", made, err)
	}
	file, done, err := server.FetchBackup(t.Context(), c, "latest")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := server.VerifyBackup(t.Context(), c, server.VerifyOptions{File: file}); err != nil || v.File != made.Name {
		t.Errorf("got %+v, %v", v, err)
	}
	if err := done(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("what was fetched is still there: %v", err)
	}
	mu.Lock()
	full = true
	mu.Unlock()
	if _, err := server.MakeBackup(t.Context(), c, server.BackupOf(c)); err == nil || !strings.Contains(err.Error(), "XMinioStorageFull") {
		t.Errorf("a store that is full: %v", err)
	}
	if left := leftovers(t, p); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	c.Backup.S3.Endpoint = "http://s3.example.com"
	if err := server.Check(c); err == nil || !strings.Contains(err.Error(), "backup.s3") {
		t.Errorf("an endpoint without TLS: %v", err)
	}
}

// leftovers are folders that work went on in.
func leftovers(t *testing.T, p place) (left []string) {
	t.Helper()
	entries, err := os.ReadDir(strings.TrimSuffix(p.db, "/signet.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			left = append(left, e.Name())
		}
	}
	return left
}
