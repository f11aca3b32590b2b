package owner_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"signet/internal/owner"
)

const other = 65534

func theirFolder(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, other, other); err != nil {
		t.Fatal(err)
	}
	return dir
}

func uidOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

// TestRootGivesWhatItMakesAndNothingElse: what was there keeps its owner.
func TestRootGivesWhatItMakesAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := theirFolder(t)
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := owner.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]uint32{"new": other, "old": 0, "a/new": other, "a/b/new": other} {
		f, err := owner.Open(filepath.Join(dir, path), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if got := uidOf(t, filepath.Join(dir, path)); got != want {
			t.Errorf("%s is of %d, not %d", path, got, want)
		}
	}
	if uidOf(t, filepath.Join(dir, "a")) != other || uidOf(t, filepath.Join(dir, "a", "b")) != other {
		t.Error("folders stay root's")
	}
	f, err := owner.CreateTemp(dir, "x-*")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if uidOf(t, f.Name()) != other {
		t.Error("a temporary file stays root's")
	}
	if f, err := owner.Open(old, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); !os.IsExist(err) {
		t.Errorf("%v, %v", f, err)
	}
}

// TestRootFollowsNoLinkOfAnotherAccount: who may write in the folder would have root write, or give away, a file elsewhere.
func TestRootFollowsNoLinkOfAnotherAccount(t *testing.T) {
	t.Parallel()
	dir, secrets := theirFolder(t), t.TempDir()
	kept := filepath.Join(secrets, "shadow")
	if err := os.WriteFile(kept, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"there": kept, "missing": filepath.Join(secrets, "made"), "up": "../" + filepath.Base(secrets)} {
		link := filepath.Join(dir, name)
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
		f, err := owner.Open(link, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
		if err == nil {
			_ = f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "follows no link") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if uidOf(t, kept) != 0 {
		t.Error("a file elsewhere was given away")
	}
	if _, err := os.Lstat(filepath.Join(secrets, "made")); err == nil {
		t.Error("a file was made elsewhere")
	}
	own := t.TempDir()
	if err := os.Symlink(kept, filepath.Join(own, "link")); err != nil {
		t.Fatal(err)
	}
	f, err := owner.Open(filepath.Join(own, "link"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatalf("a link in a folder of root's own: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAFileThatSomebodyPutThereIsNotGivenAway: what is given is a file with one name, under its own name.
func TestAFileThatSomebodyPutThereIsNotGivenAway(t *testing.T) {
	t.Parallel()
	dir, work := theirFolder(t), t.TempDir()
	secret := filepath.Join(work, "shadow")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	link, hard := filepath.Join(dir, "link"), filepath.Join(dir, "hard")
	if err := os.Symlink(secret, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(secret, hard); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, hard, dir, filepath.Join(dir, "missing")} {
		if err := owner.GiveFile(name, dir); err == nil {
			t.Errorf("%s was given", name)
		}
		if info, err := os.Lstat(name); err == nil && name != dir && owner.Alone(info) {
			t.Errorf("%s counts as alone", name)
		}
	}
	if uidOf(t, secret) != 0 {
		t.Error("the file was given away")
	}
	made := filepath.Join(work, "signet.db")
	if err := os.WriteFile(made, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := owner.GiveFile(made, dir); err != nil || uidOf(t, made) != other {
		t.Errorf("a file of root's own: %v, of %d", err, uidOf(t, made))
	}
	if err := owner.MkdirAll(filepath.Join(dir, "up", "shadowed"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(work, filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := owner.MkdirAll(filepath.Join(dir, "elsewhere", "made"), 0o700); err != nil {
		t.Fatal(err)
	}
	if uidOf(t, filepath.Join(work, "made")) != 0 {
		t.Error("a folder in a folder of root's was given away")
	}
}
