package users_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
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
	l, ok, err := w.Resolve(t.Context(), p.emails[len(p.emails)-1])
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
		emails := &pile{}
		w := newWorld(t, open(t), settings{post: emails})
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
		if len(emails.emails) != 0 {
			t.Errorf("%d emails", len(emails.emails))
		}
		for name, permit := range map[string]factor.Permit{
			"one@example.org": userstest.Permit(t, u, factor.ChangeAddress), "two@example.org": factor.ForOperator(u.ID, factor.ChangeAddress),
		} {
			secret := w.askAddress(t, emails, permit, u, name)
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
		emails := &pile{}
		w := newWorld(t, storagetest.SQLite(t), settings{post: emails})
		u := w.person(t, "ada@example.org")
		secret := w.askAddress(t, emails, userstest.Permit(t, u, factor.ChangeAddress), u, "new@example.org")
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

// secret is that of the link in the last email of that kind to an address.
func (p *pile) secret(t testing.TB, kind, address, mark string) string {
	t.Helper()
	for _, l := range slices.Backward(p.emails) {
		if l.Kind != kind || l.To != address {
			continue
		}
		_, secret, ok := strings.Cut(cmp.Or(l.Link, l.Args["NotMe"]), mark)
		if !ok {
			t.Fatalf("%s to %s leads to %q", kind, address, l.Link)
		}
		return secret
	}
	t.Fatalf("no email %s to %s", kind, address)
	return ""
}

// Imported people have an address that nobody has verified: they are told what happens to their account, too.
func TestV03_AnUnverifiedAddressGetsNoticesAndTheUndoLink(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		emails := &pile{}
		w := newWorld(t, open(t), settings{post: emails})
		u := w.person(t, "imported@example.org")
		if u.EmailVerified {
			t.Fatal("the address is verified")
		}
		if _, err := w.SetClaims(t.Context(), factor.ForOperator(u.ID, factor.ChangeAddress),
			json.RawMessage(`{"name":"Bought for you"}`)); err != nil {
			t.Fatal(err)
		}
		if err := w.Notify(t.Context(), u.ID, mail.NewDevice, nil); err != nil {
			t.Fatal(err)
		}
		emails.secret(t, mail.NewDevice, u.Email, "/not-me?t=")
		change := userstest.Permit(t, u, factor.ChangeAddress)
		if err := w.ProveAddress(t.Context(), w.askAddress(t, emails, change, u, "intruder@example.net"), u.ID); err != nil {
			t.Fatal(err)
		}
		undo := emails.secret(t, mail.EmailChanged, u.Email, "/undo-address?t=")
		before := len(emails.emails)
		if err := w.UndoAddress(t.Context(), undo, ""); err != nil {
			t.Fatal(err)
		}
		now, err := w.ByID(t.Context(), u.ID)
		if err != nil || now.Email != u.Email || now.EmailVerified || now.FrozenAt.IsZero() {
			t.Errorf("after the undo: %q verified %t, frozen %t (%v)", now.Email, now.EmailVerified, !now.FrozenAt.IsZero(), err)
		}
		if err := w.AskReset(t.Context(), u.Email, "", "", nil); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := w.Resolve(t.Context(), emails.emails[len(emails.emails)-1]); ok || err != nil {
			t.Errorf("a frozen account with an unverified address gets a link to choose a new password (%v)", err)
		}
		for _, l := range emails.emails {
			if l.Name != "" && l.To == u.Email {
				t.Errorf("%s to an unverified address begins with %q", l.Kind, l.Name)
			}
		}
		for _, l := range emails.emails[before:] {
			if strings.Contains(l.Link, "/reset") {
				t.Errorf("%s with a link to choose a new password goes to %s", l.Kind, l.To)
			}
		}
	})
}

func TestV03_WhatLetsItsReaderInGoesToVerifiedAddressesOnly(t *testing.T) {
	emails := &pile{}
	w := newWorld(t, storagetest.SQLite(t), settings{post: emails})
	u := w.person(t, "imported@example.org")
	for _, kind := range []string{mail.Code, mail.RecoveryReady} {
		if err := w.SendEmail(t.Context(), u, mail.Email{Kind: kind}); err != nil || len(emails.emails) != 0 {
			t.Errorf("%s: %d emails, %v", kind, len(emails.emails), err)
		}
	}
	u.EmailVerified = true
	if err := w.SendEmail(t.Context(), u, mail.Email{Kind: mail.Code}); err != nil || len(emails.emails) != 1 {
		t.Errorf("verified: %d emails, %v", len(emails.emails), err)
	}
}

// An address that nobody has verified may be a stranger's: their mailbox cannot be filled from inside an account.
func TestV03_NoticesToAnUnverifiedAddressAreCounted(t *testing.T) {
	emails := &full{}
	w := newWorld(t, storagetest.SQLite(t), settings{post: emails})
	u := w.person(t, "imported@example.org")
	for _, kind := range []string{mail.NewDevice, mail.TokenReuse, mail.PasswordChanged} {
		if err := w.Notify(t.Context(), u.ID, kind, nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(emails.emails) != 0 || !slices.ContainsFunc(emails.asked, func(r mail.Request) bool { return r.Owner == u.ID }) {
		t.Errorf("%d emails over the budget, %+v", len(emails.emails), emails.asked)
	}
	if err := w.SendEmail(t.Context(), u, mail.Email{Kind: mail.DeleteAsked}); err != nil || len(emails.emails) != 1 {
		t.Errorf("the one email of a deletion: %d, %v", len(emails.emails), err)
	}
}

// full is a pile that takes nothing that is counted.
type full struct {
	pile
	asked []mail.Request
}

func (f *full) Allowed(_ context.Context, r mail.Request) (bool, error) {
	f.asked = append(f.asked, r)
	return false, nil
}
