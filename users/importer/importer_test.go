package importer_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/importer"
	"signet/users/userstest"
)

// noGroups has none.
type noGroups struct{ importer.Groups }

func (noGroups) Exists(context.Context, string) (bool, error) { return false, nil }

// batch imports records with the options that are not the world's.
func batch(t *testing.T, w userstest.World, o importer.Options, list ...importer.Record) []importer.Outcome {
	t.Helper()
	o.Store, o.Finder, o.Ways, o.Audit, o.People, o.Groups = w.DB, w.DB, w.Ways, w.Audit, w.Service, noGroups{}
	i, err := importer.New(o)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := i.Batch(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes
}

func record(t *testing.T, sub, email string) importer.Record {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(userstest.Password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return importer.Record{Line: 1, Sub: sub, EmailVerified: true, Person: users.Registration{Email: email}, Hash: string(hash)}
}

func TestE04_ImportedPeopleSignInAndAreRehashed(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		w := userstest.New(t, db, nil)
		if o := batch(t, w, importer.Options{}, record(t, "auth0|1", "ada@example.org")); o[0].Result != importer.Created {
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
		if _, _, err := w.Start(t.Context(), "ada@example.org", "wrong password"); !errors.Is(err, users.ErrWrong) {
			t.Errorf("got %v, want ErrWrong", err)
		}
		for range 2 {
			session, _, err := w.Start(t.Context(), "ada@example.org", userstest.Password)
			if err != nil || session.UserID != "auth0|1" {
				t.Fatalf("got %q, %v", session.UserID, err)
			}
			if !strings.HasPrefix(kept(), "v1$") {
				t.Errorf("kept %.8q, want our own form", kept())
			}
		}
		events := w.Events(t, "auth0|1")
		if events[audit.UserImported] != 1 || events[audit.PasswordRehashed] != 1 {
			t.Errorf("events %v", events)
		}
	})
}

func TestImport_NobodyIsTakenOver(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		w := userstest.New(t, db, nil)
		ada := w.Person(t, "ada@example.org")
		for name, a := range map[string]importer.Record{
			"same_address_other_sub": record(t, "mallory", "ADA@example.org"),
			"same_sub_other_address": record(t, ada.ID, "mallory@example.org"),
			"client":                 record(t, "shop", "shop@example.org"),
			"sub_with_space":         record(t, "a b", "space@example.org"),
			"sub_too_long":           record(t, strings.Repeat("a", 256), "long@example.org"),
		} {
			o := importer.Options{Reserved: func(_ context.Context, sub string) (bool, error) { return sub == "shop", nil }}
			if got := batch(t, w, o, a); got[0].Result != importer.Refused {
				t.Errorf("%s: got %+v", name, got)
			}
		}
		for how, want := range map[importer.OnConflict]string{
			importer.SkipExisting: importer.Unchanged, importer.UpdateExisting: importer.Updated, importer.FailOnExisting: importer.Refused,
		} {
			if o := batch(t, w, importer.Options{OnConflict: how}, record(t, "", "ada@example.org")); o[0].Result != want {
				t.Errorf("%s: got %+v", how, o)
			}
		}
		list, err := db.Users(t.Context(), "", 10)
		if err != nil || len(list) != 1 || list[0].ID != ada.ID {
			t.Errorf("people %v, %v", list, err)
		}
		if _, _, err := w.Start(t.Context(), "ada@example.org", userstest.Password); err != nil {
			t.Errorf("her own password: %v", err)
		}
	})
}

func TestImport_ADryRunWritesNothing(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		w := userstest.New(t, db, nil)
		o := batch(t, w, importer.Options{DryRun: true}, record(t, "1", "ada@example.org"), record(t, "2", "ada@example.org"))
		if o[0].Result != importer.Created || o[1].Result != importer.Refused {
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
