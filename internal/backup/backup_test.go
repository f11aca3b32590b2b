package backup_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"signet/internal/backup"
)

const passphrase = "correct horse battery staple"

// identities makes a key pair.
func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// written makes a backup of two small parts and returns its file.
func written(t *testing.T, s backup.Sealing) string {
	t.Helper()
	dir := t.TempDir()
	parts := map[string]string{}
	for name, text := range map[string]string{backup.Database: strings.Repeat("rows ", 30), backup.Settings: "a = b\n"} {
		parts[name] = filepath.Join(dir, name)
		if err := os.WriteFile(parts[name], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := backup.Write(&out, backup.Manifest{Issuer: "https://id.example.com", CreatedAt: time.Now(), Rows: map[string]int64{"users": 3}},
		parts, s); err != nil {
		t.Fatal(err)
	}
	return file(t, out.Bytes())
}

func file(t *testing.T, text []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a.backup")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestABackupIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	id := identity(t)
	for name, c := range map[string]struct {
		seal backup.Sealing
		open backup.Opening
	}{
		"recipient":  {backup.Sealing{Recipients: []string{id.Recipient().String()}}, backup.Opening{Identities: id.String()}},
		"passphrase": {backup.Sealing{Passphrase: passphrase}, backup.Opening{Passphrase: passphrase}},
		"plain":      {backup.Sealing{Plain: true}, backup.Opening{}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := t.TempDir(), written(t, c.seal)
			m, err := backup.Read(path, c.open, dir, nil)
			if err != nil || m.Rows["users"] != 3 || m.Encrypted == c.seal.Plain || m.Format != backup.Format {
				t.Fatalf("got %+v, %v", m, err)
			}
			text, err := os.ReadFile(filepath.Join(dir, backup.Database))
			if err != nil || string(text) != strings.Repeat("rows ", 30) {
				t.Errorf("got %q, %v", text, err)
			}
			whole, err := os.ReadFile(path)
			if err != nil || bytes.Contains(whole, []byte("rows rows")) {
				t.Errorf("the content shows, %v", err)
			}
			if _, err := backup.Read(path, c.open, t.TempDir(), func(int64) error { return errors.ErrUnsupported }); !errors.Is(err,
				errors.ErrUnsupported) {
				t.Errorf("no space: %v", err)
			}
		})
	}
}

// TestNoByteOfABackupChangesUnnoticed changes each byte, cuts at each, and adds one, of a backup that is encrypted and of one that is not.
func TestNoByteOfABackupChangesUnnoticed(t *testing.T) {
	t.Parallel()
	id := identity(t)
	for name, c := range map[string]struct {
		seal backup.Sealing
		open backup.Opening
	}{
		"recipient": {backup.Sealing{Recipients: []string{id.Recipient().String()}}, backup.Opening{Identities: id.String()}},
		"plain":     {backup.Sealing{Plain: true}, backup.Opening{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, err := os.ReadFile(written(t, c.seal))
			if err != nil {
				t.Fatal(err)
			}
			path, dir := filepath.Join(t.TempDir(), "bad.backup"), t.TempDir()
			refused := func(what string, at int, text []byte) {
				if err := os.WriteFile(path, text, 0o600); err != nil {
					t.Fatal(err)
				}
				_, err := backup.Read(path, c.open, dir, nil)
				if !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, backup.ErrLocked) {
					t.Errorf("%s %d of %d: %v", what, at, len(whole), err)
				}
				for _, part := range []string{backup.Database, backup.Settings} {
					_ = os.Remove(filepath.Join(dir, part))
				}
			}
			for i := range whole {
				bad := bytes.Clone(whole)
				bad[i] ^= 1 << (i % 8)
				refused("changed byte", i, bad)
				refused("cut at", i, whole[:i])
			}
			refused("added at", len(whole), append(bytes.Clone(whole), 'x'))
		})
	}
}

func TestAnEncryptedBackupOpensForItsKeyAlone(t *testing.T) {
	t.Parallel()
	id := identity(t)
	path := written(t, backup.Sealing{Recipients: []string{id.Recipient().String()}})
	for name, o := range map[string]backup.Opening{
		"nothing": {}, "another key": {Identities: identity(t).String()}, "a passphrase": {Passphrase: passphrase},
	} {
		if _, err := backup.Read(path, o, t.TempDir(), nil); !errors.Is(err, backup.ErrLocked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := backup.Read(path, backup.Opening{Identities: "AGE-SECRET-KEY-1WRONG"}, t.TempDir(), nil)
	if err == nil || strings.Contains(err.Error(), "WRONG") {
		t.Errorf("a key that cannot be read: %v", err)
	}
	sealed := written(t, backup.Sealing{Passphrase: passphrase})
	if _, err := backup.Read(sealed, backup.Opening{Passphrase: "wrong horse battery staple"}, t.TempDir(), nil); !errors.Is(err,
		backup.ErrLocked) {
		t.Errorf("wrong passphrase: %v", err)
	}
}

func TestHowToEncryptIsSaidOrRefused(t *testing.T) {
	t.Parallel()
	id := identity(t)
	for name, s := range map[string]backup.Sealing{
		"nothing": {}, "short": {Passphrase: "short"}, "no key": {Recipients: []string{"age1nothing"}},
		"the secret key": {Recipients: []string{id.String()}}, "both": {Recipients: []string{id.Recipient().String()}, Passphrase: passphrase},
	} {
		err := s.Check()
		if err == nil || strings.Contains(err.Error(), id.String()) {
			t.Errorf("%s: %v", name, err)
		}
		var out bytes.Buffer
		if backup.Write(&out, backup.Manifest{}, nil, s) == nil || out.Len() > 0 {
			t.Errorf("%s: written all the same", name)
		}
	}
}

func TestAFolderKeepsTheNewest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := backup.Folder(filepath.Join(dir, "backups"))
	from := file(t, []byte("content"))
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 5 {
		if err := f.Put(t.Context(), backup.Name(start.Add(time.Duration(i)*time.Hour)), from); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(string(f), "signet-mine.backup")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), backup.Name(start), from); !errors.Is(err, os.ErrExist) {
		t.Errorf("put over one that is there: %v", err)
	}
	gone, err := backup.Trim(t.Context(), f, 2)
	if err != nil || len(gone) != 3 || gone[0] != backup.Name(start) {
		t.Errorf("went %v, %v", gone, err)
	}
	list, err := f.List(t.Context())
	if err != nil || len(list) != 2 || !list[1].CreatedAt.Equal(start.Add(4*time.Hour)) || list[1].Size != 7 {
		t.Errorf("left %v, %v", list, err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("a file that is no backup of ours went: %v", err)
	}
	if err := f.Delete(t.Context(), "../escape"); err == nil {
		t.Error("deleted what is no backup")
	}
}

func TestTheJournalTellsWhatWasChangedInIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "journal.jsonl")
	key := bytes.Repeat([]byte("k"), 32)
	j := backup.Journal{Path: path, Keys: [][]byte{key}}
	if _, err := j.Read(); !errors.Is(err, backup.ErrNoJournal) {
		t.Errorf("none: %v", err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	for i, a := range []backup.Act{{ID: "1", At: now, Name: "user.disabled", User: "u"},
		{ID: "2", At: now.Add(time.Second), Name: "key.retired"},
		{ID: "1", At: now, Name: "user.disabled", User: "u"}} {
		if err := j.Append(now.Add(-time.Minute), a); err != nil {
			t.Fatal(i, err)
		}
	}
	r, err := j.Read()
	if err != nil || len(r.Acts) != 2 || r.Acts[0].User != "u" || !r.Since.Equal(now.Add(-time.Minute)) || r.Damaged != 0 ||
		!r.Last.Equal(now.Add(time.Second)) {
		t.Errorf("got %+v, %v", r, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Replace(text, []byte(`"user":"u"`), []byte(`"user":"v"`), 1)
	if err := os.WriteFile(path, append(forged, "cut off"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(now, backup.Act{ID: "3", At: now, Name: "user.erased", User: "w"}); err != nil { // after a line that was cut
		t.Fatal(err)
	}
	if r, err = j.Read(); err != nil || r.Damaged != 2 || len(r.Acts) != 3 {
		t.Errorf("got %+v, %v", r, err)
	}
	later := backup.Journal{Path: path, Keys: [][]byte{bytes.Repeat([]byte("n"), 32), key}}
	if r, err = later.Read(); err != nil || len(r.Acts) != 3 {
		t.Errorf("with a new master key in front: %+v, %v", r, err)
	}
	stranger := backup.Journal{Path: path, Keys: [][]byte{bytes.Repeat([]byte("s"), 32)}}
	if r, err = stranger.Read(); err != nil || len(r.Acts) != 0 || !r.Since.IsZero() {
		t.Errorf("with another key: %+v, %v", r, err)
	}
}
