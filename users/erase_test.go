package users_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/session"
)

const grace = 168 * time.Hour

func TestR07_ErasureAfterGrace(t *testing.T) {
	inBubble(t, settings{grace: grace}, func(t *testing.T, w world) {
		u, bob := w.person(t, "ada@example.org"), w.person(t, "bob@example.org")
		if _, _, err := w.start(t.Context(), "ada@example.org", rightPassword); err != nil {
			t.Fatal(err)
		}
		w.grant(t, u, storage.Grant{ID: "g", ClientID: "shop", Offline: true})
		at, err := w.Leave(t.Context(), u.ID)
		if err != nil || !at.Equal(time.Now().Add(grace)) || !w.revoked(t, "g") {
			t.Fatalf("erased at %v, %v", at, err)
		}
		time.Sleep(24 * time.Hour)
		if again, err := w.Leave(t.Context(), u.ID); err != nil || !again.Equal(at) { // asking twice gains no time
			t.Errorf("then at %v, %v", again, err)
		}
		if _, _, err := w.CheckPassword(t.Context(), "ada@example.org", rightPassword, "n"); !errors.Is(err, users.ErrWrong) {
			t.Errorf("the password grant: %v", err)
		}
		if n, err := w.EraseDue(t.Context()); n != 0 || err != nil {
			t.Errorf("too early: %d, %v", n, err)
		}
		time.Sleep(6 * 24 * time.Hour)
		if n, err := w.EraseDue(t.Context()); n != 1 || err != nil {
			t.Fatalf("erased %d, %v", n, err)
		}
		if _, err := w.Show(t.Context(), "ada@example.org"); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("still there: %v", err)
		}
		if got := w.events(t, u.ID); got[string(audit.UserErased)] != 1 || got[string(audit.UserDeleteAsked)] != 1 || got[string(audit.SignInSucceeded)] != 1 {
			t.Errorf("events %v", got)
		}
		if err := w.Keep(t.Context(), u.ID, ""); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("kept afterwards: %v", err)
		}
		if next := w.person(t, "ada@example.org"); next.ID == u.ID { // the address is free, the sub is not
			t.Error("the same sub again")
		}
		if _, err := w.Show(t.Context(), bob.ID); err != nil {
			t.Error(err)
		}
	})
}

func TestR07_NoGraceErasesAtOnce(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), settings{})
		u := w.person(t, "ada@example.org")
		if _, err := w.Leave(t.Context(), u.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Show(t.Context(), u.ID); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("still there: %v", err)
		}
		if _, err := w.Leave(t.Context(), u.ID); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
	})
}

// Whatever comes first, a sign-in that runs at the same time leaves no session of somebody who is gone.
func TestR07_RaceOfSignInAndErasure(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), settings{})
		for range 8 {
			u := w.person(t, "ada@example.org")
			var wg sync.WaitGroup
			var secrets [4]string
			for i := range secrets {
				wg.Go(func() {
					p, err := w.SignIn(t.Context(), users.Attempt{Login: "ada@example.org", Password: rightPassword, Network: "198.51.100.0/24"})
					if err != nil {
						return
					}
					how := session.Password(false, p.Hold)
					if i%2 == 1 {
						how.Within = w.Hold(p.User.ID, p.User.Epoch) // as other proofs do
					}
					_, secrets[i], _ = w.sessions.Start(t.Context(), nil, p.User.ID, how)
				})
			}
			wg.Go(func() {
				if _, err := w.Delete(t.Context(), u.ID, true); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			if left, err := w.db.Sessions(t.Context(), time.Now(), "", 100); err != nil || len(left) != 0 {
				t.Fatalf("%d sessions of nobody, %v", len(left), err)
			}
			for _, secret := range secrets {
				if found, err := w.sessions.Find(t.Context(), secret); found != nil || err != nil {
					t.Errorf("signed in as nobody: %+v, %v", found, err)
				}
			}
		}
	})
}

// Of two last administrators who leave at once one stays.
func TestR03_RaceOfTheLastTwoAdministrators(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), settings{grace: grace})
		now := time.Now()
		if err := w.db.InsertRole(t.Context(), storage.Group{Name: "admin", CreatedAt: now}); err != nil {
			t.Fatal(err)
		}
		if err := w.db.InsertGroup(t.Context(), storage.Group{Name: "staff", CreatedAt: now}); err != nil {
			t.Fatal(err)
		}
		people := []storage.User{w.person(t, "ada@example.org"), w.person(t, "bob@example.org")}
		if _, err := w.db.GiveRole(t.Context(), "admin", storage.HolderUser, people[0].ID, now); err != nil {
			t.Fatal(err)
		}
		if _, err := w.db.GiveRole(t.Context(), "admin", storage.HolderGroup, "staff", now); err != nil {
			t.Fatal(err)
		}
		if _, err := w.db.AddMember(t.Context(), "staff", people[1].ID, now); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var errs [2]error
		for i, u := range people {
			wg.Go(func() { _, errs[i] = w.Leave(t.Context(), u.ID) })
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs[:]...), users.ErrLastAdmin) {
			t.Errorf("got %v", errs)
		}
	})
}

// A field of the export is named for what it holds; a secret would be named for what it is.
func TestR04_ExportHasNoFieldForASecret(t *testing.T) {
	secret := regexp.MustCompile(`(?i)secret|hash|data|handle|token|key|epoch|counter|code|password|_id$|^id$`)
	allowed := map[string]bool{"client_id": true}
	fields := 0
	var walk func(of reflect.Type, at string)
	walk = func(of reflect.Type, at string) {
		switch of.Kind() {
		case reflect.Slice, reflect.Pointer:
			walk(of.Elem(), at)
		case reflect.Struct:
			if of == reflect.TypeFor[time.Time]() {
				return
			}
			if strings.HasSuffix(of.PkgPath(), "/storage") {
				t.Errorf("%s is a row of the database", at)
			}
			for f := range of.Fields() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				fields++
				if name == "" || secret.MatchString(name) && !allowed[name] {
					t.Errorf("%s.%s: %q", at, f.Name, name)
				}
				walk(f.Type, at+"."+f.Name)
			}
		case reflect.Map, reflect.Interface:
			t.Errorf("%s may hold anything", at)
		}
	}
	walk(reflect.TypeFor[users.Export](), "Export")
	if fields < 40 {
		t.Errorf("looked at %d fields only", fields)
	}
}

func TestR06_ExportIsWholeAndHoldsNoSecret(t *testing.T) {
	inBubble(t, settings{}, func(t *testing.T, w world) {
		u := w.person(t, "ada@example.org")
		if _, err := w.SetClaims(t.Context(), u.ID, json.RawMessage(`{"name":"Ada","phone_number":"+43 1 5550100"}`)); err != nil {
			t.Fatal(err)
		}
		s, secret, err := w.start(t.Context(), "ada@example.org", rightPassword)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for _, c := range []storage.Credential{
			{ID: "c1", Kind: "totp", Data: "SEALED", Counter: 77_777}, {ID: "c2", Kind: "passkey", Data: "PUBLIC", Handle: "HANDLE", Name: "Blue key"},
			{ID: "c3", Kind: "recovery", Data: "X", Handle: "CODEHASH"},
		} {
			c.UserID, c.CreatedAt = u.ID, now
			if err := w.db.InsertCredential(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		w.grant(t, u, storage.Grant{ID: "GRANTID", ClientID: "shop", CodeHash: "CODE", Scopes: []string{"openid"}})
		if _, err := w.db.PutConsent(t.Context(), storage.Consent{UserID: u.ID, ClientID: "board", Granted: []string{"email"}, CreatedAt: now, UpdatedAt: now}); err != nil {
			t.Fatal(err)
		}
		book := audit.New(w.db)
		for range 700 { // more than a page
			if err := book.Record(t.Context(), audit.Event{Name: audit.SignInFailed, UserID: u.ID}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.db.InsertIdentity(t.Context(), storage.Identity{ID: "i1", Upstream: "google", Issuer: "https://accounts.google.com", Subject: "11016", UserID: u.ID,
			Label: "ada@gmail.com", Tokens: []byte("SEALED"), CreatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
		e, err := w.Export(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{u.ID, "ada@example.org", "+43 1 5550100", "Blue key", `"upstream":"google"`, "11016", "ada@gmail.com", `"totp"`, `"recovery"`, "shop", "board", `"groups":[]`, `"activity_complete":true`} {
			if !strings.Contains(string(raw), part) {
				t.Errorf("lacks %s", part)
			}
		}
		for _, part := range []string{secret, session.Hash(secret), s.ID, "SEALED", "PUBLIC", "HANDLE", "CODEHASH", "77777", "GRANTID", "CODE", "$2a$", "null"} {
			if strings.Contains(string(raw), part) {
				t.Errorf("holds %s", part)
			}
		}
		if len(e.Activity) < 703 || len(e.Sessions) != 1 || len(e.Credentials) != 4 {
			t.Errorf("%d events, %d sessions, %d credentials", len(e.Activity), len(e.Sessions), len(e.Credentials))
		}
		if w.events(t, u.ID)[string(audit.DataExported)] != 1 {
			t.Error("not written down")
		}
		if _, err := w.Export(t.Context(), "nobody"); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("of nobody: %v", err)
		}
	})
}

// Whoever is kept at the last moment is kept: of undoing and erasing one wins, and says so.
func TestR07_RaceOfKeepingAndErasing(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), settings{grace: grace})
		var kept int
		for range 20 {
			u := w.person(t, "ada@example.org")
			if err := w.db.SetUserErase(t.Context(), u.ID, time.Now().Add(-time.Second), time.Now()); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			var erased int
			var keep error
			wg.Go(func() { erased, _ = w.EraseDue(t.Context()) })
			wg.Go(func() { keep = w.Keep(t.Context(), u.ID, "") })
			wg.Wait()
			got, err := w.Show(t.Context(), u.ID)
			switch {
			case keep == nil && (err != nil || !got.EraseAt.IsZero() || erased != 0):
				t.Fatalf("kept, and then %+v, %v, %d erased", got, err, erased)
			case keep != nil && (!errors.Is(keep, users.ErrNotFound) || !errors.Is(err, users.ErrNotFound) || erased != 1):
				t.Fatalf("not kept (%v), and then %+v, %v, %d erased", keep, got, err, erased)
			case keep == nil:
				kept++
				if _, err := w.Delete(t.Context(), u.ID, true); err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Logf("kept %d of 20", kept)
	})
}
