package passkey_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/factor"
	"signet/users/passkey"
	"signet/users/passkey/passkeytest"
	"signet/users/ticket"
	"signet/users/userstest"
)

const (
	home    = "https://id.example.org"
	rpID    = "id.example.org"
	firefox = "hash of the cookie of one browser"
	chrome  = "hash of the cookie of another"
)

type world struct {
	*passkey.Service
	db    *storage.DB
	mu    sync.Mutex
	email []string // kinds that were to be written
}

func newWorld(t testing.TB, db *storage.DB) *world {
	t.Helper()
	tickets, err := ticket.New(ticket.StoresOf(db), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{db: db}
	w.Service, err = passkey.New(passkey.Options{
		Stores: passkey.StoresOf(db), Ways: userstest.Ways(t, db), Audit: audit.New(db), Tickets: tickets, Name: "Signet", RPID: rpID,
		Origins: []string{home},
		Notify: func(_ context.Context, _, kind string, args map[string]string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.email = append(w.email, kind+" "+args["Factor"])
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// engines runs a test on both.
func engines(t *testing.T, test func(t *testing.T, w *world)) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) { test(t, newWorld(t, open(t))) })
}

// bubble runs one where time is fake.
func bubble(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		test(t, newWorld(t, db))
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// person makes one, with a password.
func (w *world) person(t testing.TB, email string) storage.User {
	t.Helper()
	now := time.Now()
	u := storage.User{ID: rand.Text(), Email: email, EmailKey: email, Profile: json.RawMessage("{}"), CreatedAt: now, UpdatedAt: now}
	if err := w.db.InsertUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if err := w.db.InsertCredential(t.Context(),
		storage.Credential{ID: rand.Text(), UserID: u.ID, Kind: "password", Data: "v1$x", CreatedAt: now}); err != nil {
		t.Fatal(err)
	}
	return u
}

func (w *world) options(t testing.TB, u storage.User, browser string) json.RawMessage {
	t.Helper()
	o, err := w.BeginRegistration(t.Context(), browser, passkey.Whose{ID: u.ID, Name: u.Email, DisplayName: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// add gives the person a passkey.
func (w *world) add(t testing.TB, u storage.User) *passkeytest.Device {
	t.Helper()
	d := passkeytest.New(rpID, home)
	if _, err := w.Register(t.Context(), userstest.Permit(t, u, factor.AddPasskey), firefox, u, "Phone",
		[]byte(d.Create(t, w.options(t, u, firefox)))); err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) ask(t testing.TB, browser string) json.RawMessage {
	t.Helper()
	o, err := w.BeginSignIn(t.Context(), browser)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (w *world) askFor(t testing.TB, p ticket.Purpose, u storage.User) json.RawMessage {
	t.Helper()
	o, err := w.BeginFor(t.Context(), p, firefox, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (w *world) signIn(t testing.TB, answer string) (*passkey.Proof, error) {
	t.Helper()
	return w.Check(t.Context(), passkey.ToSignIn, firefox, "", []byte(answer))
}

func (w *world) use(t testing.TB, p *passkey.Proof) error {
	t.Helper()
	return w.db.Tx(t.Context(), p.Commit)
}

func (w *world) events(t testing.TB, name audit.Name) int {
	t.Helper()
	list, err := w.db.Events(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range list {
		if e.Name == string(name) {
			n++
		}
	}
	return n
}

func TestPasskey_AddAndSignIn(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.person(t, "ada@example.org")
		d := w.add(t, ada)
		p, err := w.signIn(t, d.Get(t, w.ask(t, firefox)))
		if err != nil {
			t.Fatal(err)
		}
		if p.User.ID != ada.ID || !p.Verified || p.Synced {
			t.Errorf("got %+v", p)
		}
		how := p.How(true)
		if strings.Join(how.AMR, " ") != "hwk user mfa" || how.ACR != "phr" || !how.Remember {
			t.Errorf("how %+v", how)
		}
		if err := w.db.Tx(t.Context(), how.Within); err != nil {
			t.Error(err)
		}
		list, err := w.List(t.Context(), ada.ID)
		if err != nil || len(list) != 1 || list[0].Name != "Phone" || list[0].Synced || list[0].LastUsed.IsZero() {
			t.Errorf("list %+v, %v", list, err)
		}
		if w.events(t, audit.PasskeyAdded) != 1 || w.events(t, audit.SignInSucceeded) != 1 ||
			strings.Join(w.email, ",") != "factor_added passkey" {
			t.Errorf("events or emails %q", w.email)
		}
	})
}

func TestPasskey_SyncedIsSoftware(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ada := w.person(t, "ada@example.org")
		d := passkeytest.New(rpID, home)
		d.Bearer.Options.BackupEligible, d.Bearer.Options.BackupState = true, true
		if _, err := w.Register(t.Context(), userstest.Permit(t, ada, factor.AddPasskey), firefox, ada, "",
			[]byte(d.Create(t, w.options(t, ada, firefox)))); err != nil {
			t.Fatal(err)
		}
		list, err := w.List(t.Context(), ada.ID)
		if err != nil || !list[0].Synced || list[0].Name != "" {
			t.Errorf("list %+v, %v", list, err)
		}
		p, err := w.Check(t.Context(), passkey.ToFactor, firefox, ada.ID, []byte(d.Get(t, w.askFor(t, passkey.ToFactor, ada))))
		if err != nil {
			t.Fatal(err)
		}
		if amr := strings.Join(p.AMR(), " "); amr != "swk user" {
			t.Errorf("amr %s", amr)
		}
		d.Bearer.Options.BackupEligible, d.Bearer.Options.BackupState = false, false // never changes in truth
		if _, err := w.signIn(t, d.Get(t, w.ask(t, firefox))); !errors.Is(err, passkey.ErrWrong) {
			t.Errorf("eligibility changed: %v", err)
		}
	})
}

func TestG08_OptionsTellNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ada := w.person(t, "ada@example.org")
		w.add(t, ada)
		var reg struct {
			PublicKey struct {
				Challenge              string
				User                   struct{ ID string }
				ExcludeCredentials     []struct{ ID string }
				AuthenticatorSelection struct{ ResidentKey string }
				Attestation            string
				PubKeyCredParams       []struct{ Alg int }
			}
		}
		if err := json.Unmarshal(w.options(t, ada, firefox), &reg); err != nil {
			t.Fatal(err)
		}
		o := reg.PublicKey
		id, _ := base64.RawURLEncoding.DecodeString(o.User.ID)
		challenge, _ := base64.RawURLEncoding.DecodeString(o.Challenge)
		if string(id) != ada.ID || len(challenge) != 32 || len(o.ExcludeCredentials) != 1 ||
			o.AuthenticatorSelection.ResidentKey != "required" || len(o.PubKeyCredParams) != 3 {
			t.Errorf("got %+v", o)
		}
		if o.Attestation != "" && o.Attestation != "none" {
			t.Errorf("attestation %q", o.Attestation)
		}
		var get struct{ PublicKey map[string]any }
		if err := json.Unmarshal(w.ask(t, firefox), &get); err != nil {
			t.Fatal(err)
		}
		if get.PublicKey["allowCredentials"] != nil || get.PublicKey["userVerification"] != "required" {
			t.Errorf("got %v", get.PublicKey)
		}
	})
}

func TestG06_ChallengeIsOfOneBrowserPurposeAndPersonAndFiveMinutes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ada, eve := w.person(t, "ada@example.org"), w.person(t, "eve@example.org")
		d := w.add(t, ada)
		check := func(name string, p ticket.Purpose, browser, userID, answer string) {
			t.Helper()
			if _, err := w.Check(t.Context(), p, browser, userID, []byte(answer)); !errors.Is(err, passkey.ErrWrong) {
				t.Errorf("%s: got %v, want ErrWrong", name, err)
			}
		}
		check("another browser", passkey.ToSignIn, chrome, "", d.Get(t, w.ask(t, firefox)))
		check("no browser", passkey.ToSignIn, "", "", d.Get(t, w.ask(t, firefox)))
		check("sign-in for confirm", passkey.ToConfirm, firefox, ada.ID, d.Get(t, w.ask(t, firefox)))
		check("confirm for sign-in", passkey.ToSignIn, firefox, "", d.Get(t, w.askFor(t, passkey.ToConfirm, ada)))
		check("factor for confirm", passkey.ToConfirm, firefox, ada.ID, d.Get(t, w.askFor(t, passkey.ToFactor, ada)))
		w.add(t, eve)
		check("of another person", passkey.ToConfirm, firefox, ada.ID, d.Get(t, w.askFor(t, passkey.ToConfirm, eve)))
		check("another person's key", passkey.ToConfirm, firefox, eve.ID, d.Get(t, w.askFor(t, passkey.ToConfirm, eve)))
		late := w.ask(t, firefox)
		answer := d.Get(t, w.ask(t, firefox))
		if _, err := w.signIn(t, answer); err != nil {
			t.Error(err)
		}
		check("replayed", passkey.ToSignIn, firefox, "", answer)
		time.Sleep(5 * time.Minute)
		check("late", passkey.ToSignIn, firefox, "", d.Get(t, late))

		other := passkeytest.New(rpID, home)
		if _, err := w.Register(t.Context(), userstest.Permit(t, eve, factor.AddPasskey), firefox, eve, "",
			[]byte(other.Create(t, w.options(t, ada, firefox)))); !errors.Is(err, passkey.ErrWrong) {
			t.Errorf("registered for another person: %v", err)
		}
		if _, err := w.Register(t.Context(), userstest.Permit(t, ada, factor.AddPasskey), chrome, ada, "",
			[]byte(other.Create(t, w.options(t, ada, firefox)))); !errors.Is(err, passkey.ErrWrong) {
			t.Errorf("registered in another browser: %v", err)
		}
		sign, err := w.BeginSignUp(t.Context(), firefox, passkey.Whose{Name: "eve"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Register(t.Context(), userstest.Permit(t, ada, factor.AddPasskey), firefox, ada, "",
			[]byte(other.Create(t, sign))); !errors.Is(err, passkey.ErrWrong) {
			t.Errorf("registered with a sign-up's challenge: %v", err)
		}
	})
}

func TestG07_UnverifiedIsASecondFactorOnly(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ada := w.person(t, "ada@example.org")
		d := w.add(t, ada)
		d.Bearer.Options.UserNotVerified = true
		if _, err := w.Check(t.Context(), passkey.ToConfirm, firefox, ada.ID,
			[]byte(d.Get(t, w.askFor(t, passkey.ToConfirm, ada)))); !errors.Is(err, passkey.ErrWrong) {
			t.Errorf("confirmed: %v", err)
		}
		p, err := w.Check(t.Context(), passkey.ToFactor, firefox, ada.ID, []byte(d.Get(t, w.askFor(t, passkey.ToFactor, ada))))
		if err != nil || p.Verified {
			t.Fatalf("got %+v, %v", p, err)
		}
		if amr := strings.Join(p.AMR(), " "); amr != "hwk" {
			t.Errorf("amr %s", amr)
		}
		other := passkeytest.New(rpID, home)
		other.Bearer.Options.UserNotVerified = true
		if _, err := w.Register(t.Context(), userstest.Permit(t, ada, factor.AddPasskey), firefox, ada, "",
			[]byte(other.Create(t, w.options(t, ada, firefox)))); !errors.Is(err, passkey.ErrWrong) {
			t.Errorf("registered: %v", err)
		}
	})
}

func TestG08_FallingSignCount(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.person(t, "ada@example.org")
		d := passkeytest.New(rpID, home)
		d.Key.Counter = 7
		if _, err := w.Register(t.Context(), userstest.Permit(t, ada, factor.AddPasskey), firefox, ada, "Key",
			[]byte(d.Create(t, w.options(t, ada, firefox)))); err != nil {
			t.Fatal(err)
		}
		p, err := w.signIn(t, d.Get(t, w.ask(t, firefox)))
		if err != nil || w.use(t, p) != nil {
			t.Fatal(err)
		}
		d.Key.Counter-- // a copy made before that use; Get counts up to what was used already
		if _, err := w.signIn(t, d.Get(t, w.ask(t, firefox))); !errors.Is(err, passkey.ErrWrong) {
			t.Errorf("copy: %v", err)
		}
		d.Key.Counter = 0
		if _, err := w.signIn(t, d.Get(t, w.ask(t, firefox))); !errors.Is(err, passkey.ErrWrong) {
			t.Errorf("back to zero: %v", err)
		}
		if n := w.events(t, audit.PasskeyCloned); n != 2 {
			t.Errorf("%d events", n)
		}
		d.Key.Counter = 8
		if _, err := w.signIn(t, d.Get(t, w.ask(t, firefox))); err != nil {
			t.Errorf("the right one: %v", err)
		}
	})
}

func TestG08_CredentialIDIsUniqueOverAllAccounts(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada, eve := w.person(t, "ada@example.org"), w.person(t, "eve@example.org")
		d := w.add(t, ada)
		for _, u := range []storage.User{eve, ada} {
			copied := *d
			_, err := w.Register(t.Context(), userstest.Permit(t, u, factor.AddPasskey), firefox, u, "",
				[]byte(copied.Create(t, w.options(t, u, firefox))))
			if !errors.Is(err, passkey.ErrTaken) {
				t.Errorf("%s: got %v, want ErrTaken", u.Email, err)
			}
		}
		p, err := w.signIn(t, d.Get(t, w.ask(t, firefox)))
		if err != nil || p.User.ID != ada.ID {
			t.Errorf("got %+v, %v", p, err)
		}
	})
}

func TestF08_DisabledPeople(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		now := time.Now()
		for name, end := range map[string]func(ctx context.Context, id string, at, now time.Time) error{
			"disabled": w.db.SetUserDisabled, "frozen": w.db.SetUserFrozen,
		} {
			u := w.person(t, name+"@example.org")
			d := w.add(t, u)
			before, err := w.signIn(t, d.Get(t, w.ask(t, firefox)))
			if err != nil {
				t.Fatal(err)
			}
			if err := end(t.Context(), u.ID, now, now); err != nil {
				t.Fatal(err)
			}
			if _, err := w.signIn(t, d.Get(t, w.ask(t, firefox))); !errors.Is(err, passkey.ErrWrong) {
				t.Errorf("%s: %v", name, err)
			}
			if err := w.use(t, before); !errors.Is(err, passkey.ErrChanged) {
				t.Errorf("%s between proof and session: %v", name, err)
			}
		}
		u := w.person(t, "ada@example.org")
		d := w.add(t, u)
		before, err := w.signIn(t, d.Get(t, w.ask(t, firefox)))
		if err != nil {
			t.Fatal(err)
		}
		list, _ := w.List(t.Context(), u.ID)
		if err := w.Remove(t.Context(), userstest.Permit(t, u, factor.RemovePasskey), u, list[0].ID); err != nil {
			t.Fatal(err)
		}
		if err := w.use(t, before); !errors.Is(err, passkey.ErrChanged) {
			t.Errorf("removed between proof and session: %v", err)
		}
		if _, err := w.signIn(t, d.Get(t, w.ask(t, firefox))); !errors.Is(err, passkey.ErrWrong) {
			t.Errorf("removed: %v", err)
		}
		if err := w.db.RaiseEpoch(t.Context(), u.ID, time.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Register(t.Context(), userstest.Permit(t, u, factor.AddPasskey), firefox, u, "",
			[]byte(d.Create(t, w.options(t, u, firefox)))); !errors.Is(err, passkey.ErrChanged) {
			t.Errorf("added after everything was ended: %v", err)
		}
	})
}

func TestG06_OneChallengeOneWinner(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		u := w.person(t, "ada@example.org")
		d := w.add(t, u)
		answer := d.Get(t, w.ask(t, firefox))
		made := passkeytest.New(rpID, home)
		second := made.Create(t, w.options(t, u, firefox))
		var signed, added atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if p, err := w.signIn(t, answer); err == nil && w.use(t, p) == nil {
					signed.Add(1)
				}
				if _, err := w.Register(t.Context(), userstest.Permit(t, u, factor.AddPasskey), firefox, u, "", []byte(second)); err == nil {
					added.Add(1)
				}
			})
		}
		wg.Wait()
		if signed.Load() != 1 || added.Load() != 1 {
			t.Errorf("%d signed in, %d added", signed.Load(), added.Load())
		}
	})
}

func TestPasskey_SignUp(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		options, err := w.BeginSignUp(t.Context(), firefox, passkey.Whose{Name: "ada@example.org", DisplayName: "Ada"})
		if err != nil {
			t.Fatal(err)
		}
		d := passkeytest.New(rpID, home)
		made, err := w.SignUp(t.Context(), firefox, []byte(d.Create(t, options)))
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		u := storage.User{ID: made.UserID, Email: "ada@example.org", EmailKey: "ada@example.org", Profile: json.RawMessage("{}"),
			CreatedAt: now, UpdatedAt: now}
		if err := w.db.Tx(t.Context(), func(ctx context.Context) error {
			return errors.Join(w.db.InsertUser(ctx, u), made.Insert(ctx, factor.Proof{By: factor.ByRegistration, UserID: u.ID}))
		}); err != nil {
			t.Fatal(err)
		}
		p, err := w.signIn(t, d.Get(t, w.ask(t, firefox)))
		if err != nil || p.User.ID != made.UserID {
			t.Errorf("got %+v, %v", p, err)
		}
	})
}

func TestPasskey_Throttle(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		for range 101 {
			if _, err := w.signIn(t, "{}"); err == nil {
				t.Fatal("let in")
			}
		}
		if _, err := w.signIn(t, "{}"); !errors.Is(err, passkey.ErrThrottled) {
			t.Errorf("got %v, want ErrThrottled", err)
		}
	})
}
