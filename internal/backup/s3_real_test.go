package backup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/internal/backup/backuptest"
)

// TestARealStoreKeepsBackups is TestABucketKeepsBackups against a server that others wrote: .ci/run full builds versitygw.
func TestARealStoreKeepsBackups(t *testing.T) {
	t.Parallel()
	o := BucketOptions{Endpoint: backuptest.Start(t), Region: backuptest.Region, Bucket: backuptest.Bucket, Prefix: "deep/er",
		AccessKey: backuptest.AccessKey, SecretKey: backuptest.Secret}
	folder := t.TempDir()
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
