package backup

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/internal/freeport"
)

// TestARealStoreKeepsBackups is TestABucketKeepsBackups against a server that others wrote: .ci/run full builds versitygw.
func TestARealStoreKeepsBackups(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("versitygw")
	if err != nil {
		if os.Getenv("SIGNET_TEST_PROXIES") == "required" {
			t.Fatal("versitygw is not there")
		}
		t.Skip("versitygw is not there; .ci/run full has it")
	}
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, name := range []string{"data/bucket", "sidecar"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	server := exec.CommandContext(t.Context(), program, "--port", address, "--access", exampleKey, "--secret", exampleSecret, "--region",
		"here", "--quiet", "posix", "--sidecar", filepath.Join(folder, "sidecar"), filepath.Join(folder, "data"))
	var said strings.Builder
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for n := 0; ; n++ {
		answer, err := http.Get("http://" + address + "/")
		if err == nil {
			_ = answer.Body.Close()
			break
		}
		if n == 12_000 {
			t.Fatalf("%v; it says %s", err, said.String())
		}
		time.Sleep(10 * time.Millisecond) // a program of others has no other way to say that it is there
	}
	o := BucketOptions{Endpoint: "http://" + address, Region: "here", Bucket: "bucket", Prefix: "deep/er", AccessKey: exampleKey,
		SecretKey: exampleSecret}
	b, err := NewBucket(o)
	if err != nil {
		t.Fatal(err)
	}
	from, to := filepath.Join(folder, "from"), filepath.Join(folder, "to")
	content := strings.Repeat("content ", 1<<18) // 2 MB
	if err := os.WriteFile(from, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 5 {
		if err := b.Put(t.Context(), Name(start.Add(time.Duration(i)*time.Hour)), from); err != nil {
			t.Fatal(err)
		}
	}
	if gone, err := Trim(t.Context(), b, 3); err != nil || len(gone) != 2 {
		t.Errorf("went %v, %v", gone, err)
	}
	list, err := b.List(t.Context())
	if err != nil || len(list) != 3 || list[0].Size != int64(len(content)) || !list[2].CreatedAt.Equal(start.Add(4*time.Hour)) {
		t.Fatalf("got %v, %v", list, err)
	}
	if err := b.Get(t.Context(), list[2].Name, to); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != content {
		t.Errorf("got %d bytes, %v", len(text), err)
	}
	if err := b.Get(t.Context(), Name(start), to+"2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("one that went: %v", err)
	}
	o.SecretKey = "another"
	stranger, err := NewBucket(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Put(t.Context(), Name(start), from); err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("with another key: %v", err)
	}
}
