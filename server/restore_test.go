package server_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"signet/config"
	"signet/internal/backup"
	"signet/internal/mail"
	"signet/internal/outbox"
	"signet/internal/seal"
	"signet/server"
	"signet/server/servertest"
	"signet/storage"
)

// place is a folder with a database, its configuration and its backups.
type place struct{ db, backups string }

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	return place{filepath.Join(dir, "data", "signet.db"), filepath.Join(dir, "backups")}
}

func (p place) change(c *config.Config) {
	c.Storage.DSN = config.NewDSN("sqlite:" + p.db)
	c.Backup.To, c.Backup.Plain, c.Backup.Keep = p.backups, true, 3
	c.Mail.Sender, c.Mail.Directory = config.MailFile, filepath.Join(filepath.Dir(p.backups), "mail")
}

// open opens the database, and a server on it that uses no socket.
func (p place) open(t *testing.T, opts ...servertest.Option) (*servertest.Server, *storage.DB) {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite:" + p.db})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return servertest.New(t, append(opts, servertest.On(db), servertest.HandlerOnly(), servertest.Quiet(), servertest.Change(p.change))...), db
}

func latest(t *testing.T, p place) string {
	t.Helper()
	list, err := backup.Folder(p.backups).List(t.Context())
	if err != nil || len(list) == 0 {
		t.Fatalf("backups: %v, %v", list, err)
	}
	return filepath.Join(p.backups, list[len(list)-1].Name)
}

func kids(s *server.Server) string {
	body, _ := s.Services().Keys.JWKS()
	return string(body)
}

// TestARestoreBringsNothingBackToLife: after a backup a key is revoked in an emergency, people are erased and disabled, a password is
// changed, a session ends, a client gets another secret; a refresh token is stolen. None of it is undone by a restore.
func TestARestoreBringsNothingBackToLife(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, db := p.open(t)
	h := s.Services()
	ada, bob, eve := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com"), s.Person(t, "eve@example.com")
	app := s.App(t, "web").With("openid", "offline_access")
	browser := s.Browser(t)
	stolen := app.Login(t, browser, ada).RefreshToken
	leaked := kids(s.Server)
	if err := errors.Join(
		h.Outbox.Put(t.Context(), mail.Email{Kind: mail.Reset, To: "ada@example.com"}),
		h.Outbox.Put(t.Context(), mail.Email{Kind: mail.PasswordChanged, To: "ada@example.com"}),
		h.Deliveries.Put(t.Context(), outbox.Item{Kind: "logout", Target: "https://web.example/out", ClientID: "web"}),
	); err != nil {
		t.Fatal(err)
	}
	if err := h.KeepJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, err := server.MakeBackup(t.Context(), h.Config, server.BackupOf(h.Config))
	if err != nil {
		t.Fatal(err)
	}
	_, one := h.Keys.Rotate(t.Context(), "ES256", true)
	_, two := h.Deletion.Delete(t.Context(), bob.ID, true)
	three := h.People.Disable(t.Context(), eve.ID)
	// as if killed: the journal has none of it
	if err := errors.Join(one, two, three, h.Sessions.End(t.Context(), sessionOf(t, h, ada.ID), ada.ID, "test"), db.Close()); err != nil {
		t.Fatal(err)
	}
	c := h.Config
	journal := filepath.Join(t.TempDir(), "journal.jsonl") // what another server's would be
	if err := os.Rename(filepath.Join(p.backups, "journal.jsonl"), journal); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Restore(t.Context(), c, server.RestoreOptions{File: made.Path}); err == nil || !strings.Contains(err.Error(),
		"--replace") {
		t.Errorf("over a database that is there: %v", err)
	}
	done, err := server.Restore(t.Context(), c, server.RestoreOptions{File: made.Path, Replace: true, Journal: journal})
	if err != nil {
		t.Fatal(err)
	}
	if done.Ended["sessions"] != 1 || done.Ended["emails_dropped"] != 1 || done.Ended["deliveries_held"] != 1 || done.Before == "" {
		t.Errorf("said %+v", done)
	}

	s, db = p.open(t)
	h = s.Services()
	if now := kids(s.Server); sharesKey(t, leaked, now) {
		t.Errorf("a key of the backup is published: %s", now)
	}
	if _, err := h.People.ByID(t.Context(), bob.ID); err == nil {
		t.Error("who was erased is there again")
	}
	if u, err := h.People.ByID(t.Context(), eve.ID); err != nil || u.DisabledAt.IsZero() {
		t.Errorf("who was disabled is %v, %v", u.DisabledAt, err)
	}
	app = s.Declared(app.Metadata)
	_, err = app.TryRefresh(app.Context(t.Context()), stolen)
	servertest.Refused(t, err, "invalid_grant")
	if list, err := h.Sessions.OfUser(t.Context(), ada.ID, 10); err != nil || len(list) != 0 {
		t.Errorf("sessions %v, %v", list, err)
	}
	held, err := db.Held(t.Context())
	if err != nil || held["email "+mail.PasswordChanged] != 1 || held["delivery logout"] != 1 {
		t.Errorf("held %v, %v", held, err)
	}
	if due, err := db.DueMessages(t.Context(), time.Now(), 10); err != nil || len(due) != 0 {
		t.Errorf("due %v, %v", due, err)
	}
	app.Login(t, s.Browser(t), ada)
}

// TestTheJournalAloneTellsWhatWasDone: the database is lost with its disk, the key stays by the operator's wish, but the one that was
// revoked.
func TestTheJournalAloneTellsWhatWasDone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, _ := p.open(t)
	h := s.Services()
	eve := s.Person(t, "eve@example.com")
	app := s.App(t, "web")
	leaked := kids(s.Server)
	err := h.KeepJournal(t.Context())
	made, backedUp := server.MakeBackup(t.Context(), h.Config, server.BackupOf(h.Config))
	_, rotated := h.Keys.Rotate(t.Context(), "ES256", true)
	if err := errors.Join(err, backedUp, rotated, h.People.Disable(t.Context(), eve.ID),
		h.DB.InsertEvent(t.Context(), storage.Event{ID: "9", At: time.Now(), Name: "client.secret_rotated", ClientID: "web"}),
		h.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Dir(p.db)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Dir(p.db), 0o700); err != nil {
		t.Fatal(err)
	}
	done, err := server.Restore(t.Context(), h.Config, server.RestoreOptions{File: made.Path, KeepKeys: true, KeepSessions: true})
	if err != nil || done.Acts["user.disabled"] != 1 || len(done.Keys) != 1 || len(done.Secrets) != 1 || done.Gap != "" {
		t.Fatalf("got %+v, %v", done, err)
	}
	s, _ = p.open(t)
	if u, err := s.Services().People.ByID(t.Context(), eve.ID); err != nil || u.DisabledAt.IsZero() {
		t.Errorf("who was disabled is not: %v", err)
	}
	var old, now struct {
		Keys []struct {
			KID string `json:"kid"`
			Alg string `json:"alg"`
		} `json:"keys"`
	}
	if err := errors.Join(json.Unmarshal([]byte(leaked), &old), json.Unmarshal([]byte(kids(s.Server)), &now)); err != nil {
		t.Fatal(err)
	}
	for i, k := range old.Keys {
		if same := now.Keys[i].KID == k.KID; same != (k.Alg == "RS256") {
			t.Errorf("%s is the same: %v", k.Alg, same)
		}
	}
	if status, _ := s.Declared(app.Metadata).Post(t, "/oauth2/token",
		map[string][]string{"grant_type": {"client_credentials"}}); status == 200 {
		t.Error("a client's earlier secret is good again")
	}
}

func sessionOf(t *testing.T, h *server.Services, userID string) string {
	t.Helper()
	list, err := h.Sessions.OfUser(t.Context(), userID, 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("sessions %v, %v", list, err)
	}
	return list[0].ID
}

func sharesKey(t *testing.T, one, two string) bool {
	t.Helper()
	var set struct {
		Keys []struct {
			KID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal([]byte(one), &set); err != nil || len(set.Keys) == 0 {
		t.Fatal(one, err)
	}
	for _, k := range set.Keys {
		if strings.Contains(two, k.KID) {
			return true
		}
	}
	return false
}

// TestARestoreWithoutAJournalSaysWhatItDoesNotKnow: and does nothing until it is told to.
func TestARestoreWithoutAJournalSaysWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, db := p.open(t)
	c := s.Services().Config
	made, err := server.MakeBackup(t.Context(), c, server.BackupOf(c))
	if err := errors.Join(err, s.Services().Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.backups, "journal.jsonl")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.db, []byte(read(t, p.db)[:5000]), 0o600); err != nil { // it is damaged: that is why it is restored
		t.Fatal(err)
	}
	before := read(t, p.db)
	o := server.RestoreOptions{File: made.Path, Replace: true, KeepKeys: true, KeepSessions: true}
	_, err = server.Restore(t.Context(), c, o)
	if err == nil || !strings.Contains(err.Error(), "--accept-gap") || !strings.Contains(err.Error(), made.CreatedAt.Format("2006-01-02")) {
		t.Errorf("got %v", err)
	}
	if read(t, p.db) != before {
		t.Error("the database changed")
	}
	o.AcceptGap, o.DryRun = true, true
	if done, err := server.Restore(t.Context(), c, o); err != nil || done.Gap == "" || !done.DryRun || read(t, p.db) != before {
		t.Errorf("dry run: %+v, %v", done, err)
	}
	bad := read(t, made.Path)
	if err := os.WriteFile(made.Path, []byte(bad[:len(bad)/2]+"?"+bad[len(bad)/2+1:]), 0o600); err != nil {
		t.Fatal(err)
	}
	o.DryRun = false
	if _, err := server.Restore(t.Context(), c, o); !errors.Is(err, backup.ErrDamaged) || read(t, p.db) != before {
		t.Errorf("a backup with one byte changed: %v", err)
	}
	c.MasterKey = config.NewSecret(seal.Generate())
	if _, err := server.VerifyBackup(t.Context(), c, server.VerifyOptions{File: made.Path}); err == nil {
		t.Error("verified with one byte changed")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestADrillReachesNobody: a copy with everything that waits to be sent is opened and tried, and nobody hears of it.
func TestADrillReachesNobody(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	others := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
	t.Cleanup(others.Close)
	p := newPlace(t)
	folder := filepath.Join(t.TempDir(), "mail")
	outside := servertest.Change(func(c *config.Config) {
		c.Mail.Sender, c.Mail.Directory = config.MailFile, folder
		c.Egress.AllowHosts, c.Passwords.RangeAPI = []string{"127.0.0.1"}, others.URL+"/range"
	})
	s, db := p.open(t, outside)
	h := s.Services()
	if err := errors.Join(
		h.Deliveries.Put(t.Context(), outbox.Item{Kind: "logout", Target: others.URL + "/logout", ClientID: "web"}),
		h.Outbox.Put(t.Context(), mail.Email{Kind: mail.PasswordChanged, To: "ada@example.com"})); err != nil {
		t.Fatal(err)
	}
	made, err := server.MakeBackup(t.Context(), h.Config, server.BackupOf(h.Config))
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	v, err := server.VerifyBackup(t.Context(), h.Config, server.VerifyOptions{File: made.Path, Scratch: t.TempDir()})
	if err != nil || v.Rows["messages"] != 1 || v.Rows["deliveries"] != 1 {
		t.Errorf("got %+v, %v", v, err)
	}
	other := h.Config
	other.MasterKey = config.NewSecret(seal.Generate())
	if _, err := server.VerifyBackup(t.Context(), other, server.VerifyOptions{File: made.Path}); err == nil ||
		!strings.Contains(err.Error(), "master key") {
		t.Errorf("with another master key: %v", err)
	}
	select {
	case path := <-asked:
		t.Errorf("%s was asked for", path)
	default:
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("an email was written")
	}
}

// TestKilledAtAnyStep kills a backup and a restore, as kill -9 does, after each of their steps: there is the old database or the new one,
// whole, and never a backup that is cut; and the next run does it.
func TestKilledAtAnyStep(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, db := p.open(t)
	s.Person(t, "ada@example.com")
	c := s.Services().Config
	for _, step := range []string{"copied", "written", "kept"} {
		killed(t, p, "backup", step, "")
		list, err := backup.Folder(p.backups).List(t.Context())
		if want := map[string]int{"kept": 1}[step]; err != nil || len(list) != want {
			t.Errorf("killed when %s: %v, %v", step, list, err)
		}
	}
	file := latest(t, p)
	if _, err := server.VerifyBackup(t.Context(), c, server.VerifyOptions{File: file}); err != nil {
		t.Error(err)
	}
	s.Person(t, "bob@example.com") // in the database, not in the backup
	if err := errors.Join(s.Services().Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"unpacked", "repaired", "tried", "settled", "aside", "renamed"} {
		killed(t, p, "restore", step, file)
		want := int64(2)
		if step == "renamed" {
			want = 1
		}
		if n := people(t, p.db); n != want {
			t.Errorf("killed when %s: %d people, want %d", step, n, want)
		}
	}
	o := server.RestoreOptions{File: file, Replace: true, KeepKeys: true, KeepSessions: true, AcceptGap: true}
	if _, err := server.Restore(t.Context(), c, o); err != nil || people(t, p.db) != 1 {
		t.Errorf("after all: %v", err)
	}
}

func people(t *testing.T, path string) int64 {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite:" + path, Existing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	list, err := db.Users(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	return int64(len(list))
}

const killVariable = "SIGNET_TEST_KILLED"

// killed runs this test binary again for TestKilledChild, which kills itself.
func killed(t *testing.T, p place, what, step, file string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledChild$")
	cmd.Env = append(os.Environ(), killVariable+"="+strings.Join([]string{what, step, p.db, p.backups, file}, "|"))
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%s was not killed when %s: %v\n%s", what, step, err, out)
	}
}

// TestKilledChild is what TestKilledAtAnyStep kills.
func TestKilledChild(t *testing.T) {
	words := strings.Split(os.Getenv(killVariable), "|")
	if len(words) != 5 {
		t.Skip("is run by TestKilledAtAnyStep")
	}
	step := func(done string) {
		if done == words[1] {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it arrives
		}
	}
	c := config.Default()
	c.MasterKey = config.NewSecret("c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk")
	place{words[2], words[3]}.change(&c)
	var err error
	if words[0] == "backup" {
		o := server.BackupOf(c)
		o.Step = step
		_, err = server.MakeBackup(t.Context(), c, o)
	} else {
		_, err = server.Restore(t.Context(), c, server.RestoreOptions{File: words[4], Replace: true, KeepKeys: true, KeepSessions: true,
			AcceptGap: true, Step: step})
	}
	t.Error("not killed", err)
}
