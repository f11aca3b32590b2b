package deletion_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/deletion"
	"signet/users/membership"
	"signet/users/session"
	"signet/users/userstest"
)

const grace = 168 * time.Hour

type world struct {
	userstest.World
	deletion *deletion.Service
}

func newWorld(t testing.TB, db *storage.DB, grace time.Duration) world {
	t.Helper()
	w := world{World: userstest.New(t, db, nil)}
	var err error
	w.deletion, err = deletion.New(deletion.Options{
		Store: db, Rows: db, Audit: w.Audit, People: w.Service, Grace: grace,
		Administrators: membership.Administrators{Store: db, Usable: func(context.Context) ([]string, error) { return nil, nil }},
		Log:            slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// inBubble runs a test on SQLite where time is fake.
func inBubble(t *testing.T, test func(t *testing.T, w world)) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		test(t, newWorld(t, db, grace))
	})
}

func TestR07_ErasureAfterGrace(t *testing.T) {
	inBubble(t, func(t *testing.T, w world) {
		u, bob := w.Person(t, "ada@example.org"), w.Person(t, "bob@example.org")
		if _, _, err := w.Start(t.Context(), "ada@example.org", userstest.Password); err != nil {
			t.Fatal(err)
		}
		w.Grant(t, u, storage.Grant{ID: "g", ClientID: "shop", Offline: true})
		at, err := w.deletion.Request(t.Context(), u.ID)
		if err != nil || !at.Equal(time.Now().Add(grace)) {
			t.Fatalf("erased at %v, %v", at, err)
		}
		if g, err := w.DB.GrantStateByID(t.Context(), "g"); err != nil || g.RevokedAt.IsZero() {
			t.Errorf("the grant lives on: %+v, %v", g, err)
		}
		time.Sleep(24 * time.Hour)
		if again, err := w.deletion.Request(t.Context(), u.ID); err != nil || !again.Equal(at) { // asking twice gains no time
			t.Errorf("then at %v, %v", again, err)
		}
		if _, _, err := w.CheckPassword(t.Context(), "ada@example.org", userstest.Password, "n"); !errors.Is(err, users.ErrWrong) {
			t.Errorf("the password grant: %v", err)
		}
		if n, err := w.deletion.EraseDue(t.Context()); n != 0 || err != nil {
			t.Errorf("too early: %d, %v", n, err)
		}
		time.Sleep(6 * 24 * time.Hour)
		if n, err := w.deletion.EraseDue(t.Context()); n != 1 || err != nil {
			t.Fatalf("erased %d, %v", n, err)
		}
		if _, err := w.Show(t.Context(), "ada@example.org"); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("still there: %v", err)
		}
		if got := w.Events(t, u.ID); got[audit.UserErased] != 1 || got[audit.UserDeleteAsked] != 1 || got[audit.SignInSucceeded] != 1 {
			t.Errorf("events %v", got)
		}
		if err := w.deletion.Cancel(t.Context(), u.ID, ""); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("kept afterwards: %v", err)
		}
		if next := w.Person(t, "ada@example.org"); next.ID == u.ID { // the address is free, the sub is not
			t.Error("the same sub again")
		}
		if _, err := w.Show(t.Context(), bob.ID); err != nil {
			t.Error(err)
		}
	})
}

func TestR07_NoGraceErasesAtOnce(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), 0)
		u := w.Person(t, "ada@example.org")
		if _, err := w.deletion.Request(t.Context(), u.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Show(t.Context(), u.ID); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("still there: %v", err)
		}
		if _, err := w.deletion.Request(t.Context(), u.ID); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
	})
}

// Whichever comes first, a sign-in that runs at the same time leaves no session of an erased person.
func TestR07_RaceOfSignInAndErasure(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), 0)
		for range 8 {
			u := w.Person(t, "ada@example.org")
			var wg sync.WaitGroup
			var secrets [4]string
			for i := range secrets {
				wg.Go(func() {
					p, err := w.SignIn(t.Context(), users.Attempt{Login: "ada@example.org", Password: userstest.Password, Network: "198.51.100.0/24"})
					if err != nil {
						return
					}
					how := session.Password(false, p.Commit)
					if i%2 == 1 {
						how.Within = w.LockEpoch(p.User.ID, p.User.Epoch) // as other proofs do
					}
					_, secrets[i], _ = w.Sessions.Start(t.Context(), nil, p.User.ID, how)
				})
			}
			wg.Go(func() {
				if _, err := w.deletion.Delete(t.Context(), u.ID, true); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			if left, err := w.DB.Sessions(t.Context(), time.Now(), "", 100); err != nil || len(left) != 0 {
				t.Fatalf("%d sessions of nobody, %v", len(left), err)
			}
			for _, secret := range secrets {
				if found, err := w.Sessions.Find(t.Context(), secret); found != nil || err != nil {
					t.Errorf("signed in as nobody: %+v, %v", found, err)
				}
			}
		}
	})
}

// Of the last two administrators who ask at the same time one stays.
func TestR03_RaceOfTheLastTwoAdministrators(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), grace)
		now := time.Now()
		if err := w.DB.InsertRole(t.Context(), storage.Group{Name: "admin", CreatedAt: now}); err != nil {
			t.Fatal(err)
		}
		if err := w.DB.InsertGroup(t.Context(), storage.Group{Name: "staff", CreatedAt: now}); err != nil {
			t.Fatal(err)
		}
		people := []storage.User{w.Person(t, "ada@example.org"), w.Person(t, "bob@example.org")}
		if _, err := w.DB.GiveRole(t.Context(), "admin", storage.HolderUser, people[0].ID, now); err != nil {
			t.Fatal(err)
		}
		if _, err := w.DB.GiveRole(t.Context(), "admin", storage.HolderGroup, "staff", now); err != nil {
			t.Fatal(err)
		}
		if _, err := w.DB.AddMember(t.Context(), "staff", people[1].ID, now); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var errs [2]error
		for i, u := range people {
			wg.Go(func() { _, errs[i] = w.deletion.Request(t.Context(), u.ID) })
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs[:]...), deletion.ErrLastAdmin) {
			t.Errorf("got %v", errs)
		}
	})
}

// A deletion cancelled at the last moment is cancelled: of cancelling and erasing one wins, and says so.
func TestR07_RaceOfCancellingAndErasing(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), grace)
		var kept int
		for range 20 {
			u := w.Person(t, "ada@example.org")
			if err := w.DB.SetUserErase(t.Context(), u.ID, time.Now().Add(-time.Second), time.Now()); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			var erased int
			var keep error
			wg.Go(func() { erased, _ = w.deletion.EraseDue(t.Context()) })
			wg.Go(func() { keep = w.deletion.Cancel(t.Context(), u.ID, "") })
			wg.Wait()
			got, err := w.Show(t.Context(), u.ID)
			switch {
			case keep == nil && (err != nil || !got.EraseAt.IsZero() || erased != 0):
				t.Fatalf("kept, and then %+v, %v, %d erased", got, err, erased)
			case keep != nil && (!errors.Is(keep, users.ErrNotFound) || !errors.Is(err, users.ErrNotFound) || erased != 1):
				t.Fatalf("not kept (%v), and then %+v, %v, %d erased", keep, got, err, erased)
			case keep == nil:
				kept++
				if _, err := w.deletion.Delete(t.Context(), u.ID, true); err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Logf("kept %d of 20", kept)
	})
}
