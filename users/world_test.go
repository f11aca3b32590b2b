package users_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/password"
	"signet/users/session"
	"signet/users/ticket"
	"signet/users/userstest"
)

// world is the services of people on a database.
type world struct {
	*users.Service
	db        *storage.DB
	sessions  *session.Sessions
	passwords *password.Hasher
}

type settings struct {
	signup    users.Signup
	passwords password.Options
	post      users.Post
}

func newWorld(t testing.TB, db *storage.DB, o settings) world {
	t.Helper()
	if o.passwords.Cost == 0 {
		o.passwords.Cost = bcrypt.MinCost
	}
	acts := audit.New(db)
	sessions, err := session.New(session.Options{Stores: session.StoresOf(db), Audit: acts})
	if err != nil {
		t.Fatal(err)
	}
	passwords, err := password.New(o.passwords)
	if err != nil {
		t.Fatal(err)
	}
	s, err := users.New(users.Options{
		Stores: users.StoresOf(db), Ways: userstest.Ways(t, db), Audit: acts, Sessions: sessions, Passwords: passwords, Tickets: tickets(t, db),
		Signup: o.signup, Post: o.post,
	})
	if err != nil {
		t.Fatal(err)
	}
	return world{s, db, sessions, passwords}
}

// inBubble runs a test on SQLite where time is fake.
func inBubble(t *testing.T, o settings, test func(t *testing.T, w world)) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		test(t, newWorld(t, db, o))
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

const rightPassword = "analytical engine"

// byOperator is the registration with an operator's word for it.
func byOperator(r users.Registration) users.Registration {
	r.Voucher = users.VouchedByOperator()
	return r
}

// person makes one with rightPassword.
func (w world) person(t testing.TB, email string) storage.User {
	t.Helper()
	u, err := w.CreateAccount(t.Context(), byOperator(users.Registration{Email: email, Method: users.WithPassword(rightPassword)}))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// try signs in; the proof is nil if it failed.
func (w world) try(t testing.TB, a users.Attempt) (*users.Proof, error) {
	t.Helper()
	p, err := w.SignIn(t.Context(), a)
	if err != nil && !errors.Is(err, users.ErrWrong) && !errors.Is(err, users.ErrThrottled) {
		t.Fatal(err)
	}
	return p, err
}

func known(id string) func(string) string { return func(string) string { return id } }

// start signs in and begins a session.
func (w world) start(ctx context.Context, email, pw string) (storage.Session, string, error) {
	p, err := w.SignIn(ctx, users.Attempt{Login: email, Password: pw, Network: "198.51.100.0/24"})
	if err != nil {
		return storage.Session{}, "", err
	}
	return w.sessions.Start(ctx, nil, p.User.ID, session.Password(false, p.Commit))
}

func (w world) grant(t testing.TB, u storage.User, g storage.Grant) storage.Grant {
	t.Helper()
	now := time.Now()
	g.UserID, g.UserEpoch, g.CreatedAt, g.CodeUsedAt = u.ID, u.Epoch, now, now
	g.AuthTime, g.ExpiresAt, g.EndsAt = now, now.Add(720*time.Hour), now.Add(4320*time.Hour)
	if err := w.db.InsertGrant(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	return g
}

func (w world) revoked(t testing.TB, id string) bool {
	t.Helper()
	s, err := w.db.GrantStateByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return !s.RevokedAt.IsZero()
}

// events counts a person's events by name; "" = of nobody in particular.
func (w world) events(t testing.TB, userID string) map[string]int {
	t.Helper()
	list, err := w.db.Events(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, e := range list {
		if e.UserID == userID {
			counts[e.Name]++
		}
	}
	return counts
}

func tickets(t testing.TB, db *storage.DB) *ticket.Tickets {
	t.Helper()
	b, err := ticket.New(ticket.StoresOf(db), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
