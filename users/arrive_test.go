package users_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
)

func bring(t *testing.T, b *users.Bringing, list ...users.Arrival) []users.Outcome {
	t.Helper()
	b.GroupExists = func(context.Context, string) (bool, error) { return false, nil }
	outcomes, err := b.Batch(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes
}

func arriving(t *testing.T, sub, email string) users.Arrival {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(rightPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return users.Arrival{Line: 1, Sub: sub, EmailVerified: true, Person: users.Registration{Email: email}, Hash: string(hash)}
}

func TestE04_WhoIsBroughtAlongSignsInAndIsRehashed(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		w := newWorld(t, db, settings{})
		if o := bring(t, &users.Bringing{Service: w.Service}, arriving(t, "auth0|1", "ada@example.org")); o[0].Result != users.Created {
			t.Fatalf("got %+v", o)
		}
		kept := func() string {
			list, err := db.Credentials(t.Context(), "auth0|1", "password")
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			return list[0].Data
		}
		if !strings.HasPrefix(kept(), "x1$") {
			t.Errorf("kept %.8q, want the imported form", kept())
		}
		if _, _, err := w.start(t.Context(), "ada@example.org", "wrong password"); !errors.Is(err, users.ErrWrong) {
			t.Errorf("got %v, want ErrWrong", err)
		}
		for range 2 {
			session, _, err := w.start(t.Context(), "ada@example.org", rightPassword)
			if err != nil || session.UserID != "auth0|1" {
				t.Fatalf("got %q, %v", session.UserID, err)
			}
			if !strings.HasPrefix(kept(), "v1$") {
				t.Errorf("kept %.8q, want our own form", kept())
			}
		}
		events := w.events(t, "auth0|1")
		if events["user.imported"] != 1 || events["password.rehashed"] != 1 {
			t.Errorf("events %v", events)
		}
	})
}

func TestImport_NobodyIsTakenOver(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		w := newWorld(t, db, settings{})
		ada := w.person(t, "ada@example.org")
		for name, a := range map[string]users.Arrival{
			"same_address_other_sub": arriving(t, "mallory", "ADA@example.org"),
			"same_sub_other_address": arriving(t, ada.ID, "mallory@example.org"),
			"client":                 arriving(t, "shop", "shop@example.org"),
			"sub_with_space":         arriving(t, "a b", "space@example.org"),
			"sub_too_long":           arriving(t, strings.Repeat("a", 256), "long@example.org"),
		} {
			b := &users.Bringing{Service: w.Service, OnConflict: users.SkipThere, Reserved: func(_ context.Context, sub string) (bool, error) { return sub == "shop", nil }}
			if o := bring(t, b, a); o[0].Result != users.Refused {
				t.Errorf("%s: got %+v", name, o)
			}
		}
		for how, want := range map[users.OnConflict]string{users.SkipThere: users.There, users.UpdateThere: users.Updated, users.FailThere: users.Refused} {
			if o := bring(t, &users.Bringing{Service: w.Service, OnConflict: how}, arriving(t, "", "ada@example.org")); o[0].Result != want {
				t.Errorf("%s: got %+v", how, o)
			}
		}
		list, err := db.Users(t.Context(), "", 10)
		if err != nil || len(list) != 1 || list[0].ID != ada.ID {
			t.Errorf("people %v, %v", list, err)
		}
		if _, _, err := w.start(t.Context(), "ada@example.org", rightPassword); err != nil {
			t.Errorf("her own password: %v", err)
		}
	})
}

func TestImport_ADryRunWritesNothing(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		w := newWorld(t, db, settings{})
		b := &users.Bringing{Service: w.Service, DryRun: true}
		o := bring(t, b, arriving(t, "1", "ada@example.org"), arriving(t, "2", "ada@example.org"))
		if o[0].Result != users.Created || o[1].Result != users.Refused {
			t.Errorf("got %+v", o)
		}
		if list, err := db.Users(t.Context(), "", 10); err != nil || len(list) != 0 {
			t.Errorf("people %v, %v", list, err)
		}
		if events, err := db.Events(t.Context(), "", 10); err != nil || len(events) != 0 {
			t.Errorf("events %v, %v", events, err)
		}
	})
}
