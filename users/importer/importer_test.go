package importer_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/importer"
	"signet/users/metadata"
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
			if o := batch(t, w, importer.Options{Rules: importer.Rules{OnConflict: how}}, record(t, "", "ada@example.org")); o[0].Result != want {
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
		o := batch(t, w, importer.Options{Rules: importer.Rules{DryRun: true}}, record(t, "1", "ada@example.org"),
			record(t, "2", "ada@example.org"))
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

// TestImport_MetadataThatWouldBeTooLong: of a person who has a lot already, the line is refused, and those beside it are written.
func TestImport_MetadataThatWouldBeTooLong(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := userstest.New(t, open(t), nil)
		kept := metadata.Service{Store: w.DB, Audit: w.Audit}
		line := func(no int, email, object string) importer.Record {
			r := record(t, "", email)
			r.Line, r.Metadata = no, json.RawMessage(object)
			return r
		}
		long := strings.Repeat("x", 5000)
		o := importer.Options{Rules: importer.Rules{OnConflict: importer.UpdateExisting}, Metadata: kept}
		if got := batch(t, w, o, line(1, "ada@example.org", `{"a":"`+long+`"}`)); got[0].Result != importer.Created {
			t.Fatalf("got %+v", got)
		}
		ada, err := w.DB.UserByKey(t.Context(), "ada@example.org", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, dry := range []bool{true, false} {
			o.DryRun = dry
			got := batch(t, w, o, line(1, "bob@example.org", `{"b":1}`), line(2, "ada@example.org", `{"b":"`+long+`"}`),
				line(3, "eve@example.org", `{"c":1}`))
			if got[0].Result != importer.Created || got[1].Result != importer.Refused || got[2].Result != importer.Created ||
				!strings.Contains(got[1].Err.Error(), "metadata: would be longer than 8192 bytes") {
				t.Errorf("dry run %v: got %+v", dry, got)
			}
		}
		if raw, err := kept.Of(t.Context(), ada.ID); err != nil || string(raw) != `{"a":"`+long+`"}` {
			t.Errorf("kept %.40s, %v", raw, err)
		}
		if got := batch(t, w, o, line(1, "ada@example.org", `{"a":null,"b":"`+long+`"}`)); got[0].Result != importer.Updated {
			t.Errorf("in place of what there was: %+v", got)
		}
	})
}
