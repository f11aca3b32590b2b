package picture_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/picture"
	"signet/users/userstest"
)

func open(t *testing.T, db *storage.DB) (userstest.World, *picture.Service) {
	t.Helper()
	w := userstest.New(t, db, nil)
	s, err := picture.New(picture.Options{Store: db, Limits: db, Profile: w.Service, Issuer: "https://id.example.org/auth"})
	if err != nil {
		t.Fatal(err)
	}
	return w, s
}

func file(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, 20, 20))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestM07_APersonHasOnePictureAtAnAddressOfOurs(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, start func(t *testing.T) *storage.DB) {
		db := start(t)
		w, s := open(t, db)
		ada, bob := w.Person(t, "ada@example.org"), w.Person(t, "bob@example.org")
		now := func() storage.User {
			t.Helper()
			u, err := w.ByID(t.Context(), ada.ID)
			if err != nil {
				t.Fatal(err)
			}
			return u
		}
		if s.Of(ada) != "" {
			t.Error("there is one already")
		}
		seen := map[string]bool{}
		var last string
		for range 2 {
			if err := s.Set(t.Context(), ada.ID, file(t)); err != nil {
				t.Fatal(err)
			}
			id := s.Of(now())
			if len(id) != 26 || seen[id] || !strings.Contains(string(now().Profile), `"https://id.example.org/auth/pictures/`+id+`"`) {
				t.Fatalf("id %q in %s", id, now().Profile)
			}
			if made, err := s.Read(t.Context(), id); err != nil || !bytes.HasPrefix(made, []byte("\xff\xd8")) {
				t.Fatalf("%x, %v", made, err)
			}
			if last != "" {
				if _, err := s.Read(t.Context(), last); !errors.Is(err, storage.ErrNotFound) {
					t.Errorf("the one before: %v", err)
				}
			}
			seen[id], last = true, id
		}
		if err := s.Set(t.Context(), ada.ID, []byte("hello")); !errors.Is(err, picture.ErrFormat) || s.Of(now()) != last {
			t.Errorf("a file that is none: %v, now %s", err, s.Of(now()))
		}
		for _, id := range []string{
			"", "x", strings.ToLower(last), last + "A", last[:25], strings.Repeat("A", 26), "'; DROP TABLE pictures; --AA",
		} {
			if _, err := s.Read(t.Context(), id); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
		if err := s.Remove(t.Context(), bob); err != nil || s.Of(now()) != last { // who has none takes none away
			t.Errorf("bob's: %v", err)
		}
		if err := s.Remove(t.Context(), now()); err != nil || s.Of(now()) != "" || strings.Contains(string(now().Profile), "picture") {
			t.Errorf("%v, %s", err, now().Profile)
		}
		if _, err := s.Read(t.Context(), last); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("removed: %v", err)
		}
		if n := w.Events(t, ada.ID)[audit.UserChanged]; n != 3 {
			t.Errorf("%d events, want one for each change", n)
		}
		// An address elsewhere is the person's own, and not ours to take away.
		const elsewhere = "https://elsewhere.example/pictures/ABCDEFGHIJKLMNOPQRSTUVWX27"
		u, err := w.EditProfile(t.Context(), ada.ID, map[string]string{"picture": elsewhere})
		if err != nil || s.Of(u) != "" {
			t.Errorf("%q, %v", s.Of(u), err)
		}
		if err := s.Remove(t.Context(), u); err != nil || !strings.Contains(string(now().Profile), elsewhere) {
			t.Errorf("%v, %s", err, now().Profile)
		}
		if err := s.Set(t.Context(), "nobody", file(t)); err == nil {
			t.Error("nobody has one")
		}
	})
}

func TestM07_UploadsAtOnceLeaveOnePicture(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, start func(t *testing.T) *storage.DB) {
		db := start(t)
		w, s := open(t, db)
		ada := w.Person(t, "ada@example.org")
		_, other := open(t, db) // another replica
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				on := s
				if i%2 == 1 {
					on = other
				}
				if err := on.Set(t.Context(), ada.ID, file(t)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		u, err := w.ByID(t.Context(), ada.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(t.Context(), s.Of(u)); err != nil {
			t.Errorf("the claim names a picture that is not there: %v", err)
		}
	})
}

func TestM07_OneUploadAtATimeAndNotTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		_, s := open(t, db)
		done, err := s.Begin(t.Context(), "ada")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Begin(t.Context(), "ada"); !errors.Is(err, picture.ErrBusy) {
			t.Errorf("a second one at once: %v", err)
		}
		done()
		for range 19 {
			done, err := s.Begin(t.Context(), "ada")
			if err != nil {
				t.Fatal(err)
			}
			done()
		}
		_, err = s.Begin(t.Context(), "ada")
		late, ok := errors.AsType[*picture.Throttled](err)
		if !ok || late.RetryAfter != time.Minute {
			t.Fatalf("the 21st in an hour: %v", err)
		}
		if done, err = s.Begin(t.Context(), "bob"); err != nil {
			t.Errorf("somebody else: %v", err)
		} else {
			done()
		}
		time.Sleep(time.Hour)
		if _, err := s.Begin(t.Context(), "ada"); err != nil {
			t.Errorf("an hour later: %v", err)
		}
	})
}

// TestM07_ManyAccountsKeepNobodyFromSending: accounts of one network that send without end have a part of what is taken in at once.
func TestM07_ManyAccountsKeepNobodyFromSending(t *testing.T) {
	db := storagetest.SQLite(t)
	_, s := open(t, db)
	from := func(network string) context.Context {
		return audit.WithOrigin(t.Context(), audit.Origin{Network: network})
	}
	var open []func()
	taken := func(network string) (n int) {
		for i := range 100 {
			done, err := s.Begin(from(network), network+" "+strconv.Itoa(i))
			if errors.Is(err, picture.ErrBusy) {
				return n
			} else if err != nil {
				t.Fatal(err)
			}
			open = append(open, done)
			n++
		}
		return n
	}
	if n := taken("203.0.113.0/24"); n != 16 {
		t.Errorf("one network has %d of 32", n)
	}
	for _, network := range []string{"198.51.100.0/24", "192.0.2.0/24", "2001:db8::/56"} {
		if n := taken(network); n != 2 {
			t.Errorf("%s then has %d", network, n)
		}
	}
	for _, done := range open {
		done()
	}
	for i := range 3 { // whoever left gave all of it back
		if done, err := s.Begin(from("203.0.113.0/24"), "again "+strconv.Itoa(i)); err != nil {
			t.Error(err)
		} else {
			done()
		}
	}
}
