package users_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"signet/internal/mail"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/factor"
	"signet/users/userstest"
)

// link resolves the newest email that was asked for, and gives the secret of its link.
func (w world) link(t testing.TB, p *pile, kind string) string {
	t.Helper()
	l, ok, err := w.Resolve(t.Context(), p.letters[len(p.letters)-1])
	if err != nil || !ok || l.Kind != kind {
		t.Fatalf("email %q to %q, %v; want %q", l.Kind, l.To, err, kind)
	}
	u, err := url.Parse(l.Link)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("t")
}

// askAddress asks for another address of the person.
func (w world) askAddress(t testing.TB, p *pile, permit factor.Permit, u storage.User, address string) string {
	t.Helper()
	asked, err := w.ChangeAddress(t.Context(), permit, u, address)
	if err != nil || !asked {
		t.Fatalf("asked %v, %v", asked, err)
	}
	return w.link(t, p, mail.EmailChange)
}

func TestV01_AChangeOfAddressTakesAPermit(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		letters := &pile{}
		w := newWorld(t, open(t), settings{post: letters})
		u, bob := w.person(t, "ada@example.org"), w.person(t, "bob@example.org")
		ended := u
		ended.Epoch++
		for name, permit := range map[string]factor.Permit{
			"none": {}, "another person's": userstest.Permit(t, bob, factor.ChangeAddress),
			"another act's": userstest.Permit(t, u, factor.AddPasskey), "another epoch's": userstest.Permit(t, ended, factor.ChangeAddress),
		} {
			asked, err := w.ChangeAddress(t.Context(), permit, u, "new@example.org")
			if asked || !errors.Is(err, factor.ErrNotAllowed) && !errors.Is(err, factor.ErrChanged) {
				t.Errorf("%s: asked %v, %v", name, asked, err)
			}
		}
		if len(letters.letters) != 0 {
			t.Errorf("%d emails", len(letters.letters))
		}
		for name, permit := range map[string]factor.Permit{
			"one@example.org": userstest.Permit(t, u, factor.ChangeAddress), "two@example.org": factor.ForOperator(u.ID, factor.ChangeAddress),
		} {
			secret := w.askAddress(t, letters, permit, u, name)
			if err := w.ProveAddress(t.Context(), secret, bob.ID); !errors.Is(err, users.ErrNotYours) {
				t.Errorf("%s: another person's: %v", name, err)
			}
			if err := w.ProveAddress(t.Context(), secret, u.ID); err != nil {
				t.Fatal(err)
			}
			now, err := w.ByID(t.Context(), u.ID)
			if err != nil || now.Email != name || !now.EmailVerified {
				t.Errorf("%s: %+v, %v", name, now, err)
			}
			if err := w.ProveAddress(t.Context(), secret, u.ID); !errors.Is(err, users.ErrGone) {
				t.Errorf("%s: twice: %v", name, err)
			}
		}
	})
}

func TestV03_TheLinkOfAnAddressEndsWithWhatEndsEverything(t *testing.T) {
	for name, end := range map[string]func(w world, u storage.User) error{
		"all ended": func(w world, u storage.User) error { return w.EndAll(t.Context(), u.ID, "", "a test") },
		"frozen": func(w world, u storage.User) error {
			return w.db.SetUserFrozen(t.Context(), u.ID, time.Now(), time.Now())
		},
		"disabled": func(w world, u storage.User) error {
			return w.db.SetUserDisabled(t.Context(), u.ID, time.Now(), time.Now())
		},
	} {
		letters := &pile{}
		w := newWorld(t, storagetest.SQLite(t), settings{post: letters})
		u := w.person(t, "ada@example.org")
		secret := w.askAddress(t, letters, userstest.Permit(t, u, factor.ChangeAddress), u, "new@example.org")
		if err := end(w, u); err != nil {
			t.Fatal(err)
		}
		if err := w.ProveAddress(t.Context(), secret, u.ID); !errors.Is(err, users.ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := w.ByID(t.Context(), u.ID); err != nil || now.Email != u.Email {
			t.Errorf("%s: %+v, %v", name, now, err)
		}
	}
}
