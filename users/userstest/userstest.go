// Package userstest gives tests of the packages beneath users a users.Service on a database, and people in it.
//
// It is for tests only. Begin with New.
package userstest

import (
	"context"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"signet/audit"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/password"
	"signet/users/session"
	"signet/users/ticket"
)

// Password is everybody's.
const Password = "analytical engine"

// World is a users.Service and what it is made of.
type World struct {
	*users.Service
	DB       *storage.DB
	Audit    *audit.Log
	Sessions *session.Sessions
	Tickets  *ticket.Tickets
	Ways     *factor.Ways
}

// New makes one; change, if not nil, may set more of the options.
func New(t testing.TB, db *storage.DB, change func(*users.Options)) World {
	t.Helper()
	w := World{DB: db, Audit: audit.New(db)}
	var err error
	w.Sessions, err = session.New(session.Options{Stores: session.StoresOf(db), Audit: w.Audit})
	must(t, err)
	passwords, err := password.New(password.Options{Cost: bcrypt.MinCost})
	must(t, err)
	w.Ways = Ways(t, db)
	w.Tickets, err = ticket.New(ticket.StoresOf(db), make([]byte, 32))
	must(t, err)
	o := users.Options{
		Stores: users.StoresOf(db), Ways: w.Ways, Audit: w.Audit, Sessions: w.Sessions, Passwords: passwords, Tickets: w.Tickets,
		Issuer: "https://id.example.com",
	}
	if change != nil {
		change(&o)
	}
	w.Service, err = users.New(o)
	must(t, err)
	return w
}

// Ways makes the writer of ways to sign in, for which no upstream is configured and nobody must have a second factor.
func Ways(t testing.TB, db *storage.DB) *factor.Ways {
	t.Helper()
	w, err := factor.NewWays(factor.WaysOptions{Stores: factor.StoresOf(db)})
	must(t, err)
	return w
}

// Person makes an account with a verified address and Password.
func (w World) Person(t testing.TB, email string) storage.User {
	t.Helper()
	u, err := w.CreateAccount(t.Context(), users.Registration{
		Email: email, Verification: users.VerifiedByOperator(), Method: users.WithPassword(Password), Voucher: users.VouchedByOperator(),
	})
	must(t, err)
	return u
}

// Start signs in with a password and begins a session; secret is what its cookie holds.
func (w World) Start(ctx context.Context, email, password string) (s storage.Session, secret string, err error) {
	p, err := w.SignIn(ctx, users.Attempt{Login: email, Password: password, Network: "198.51.100.0/24"})
	if err != nil {
		return storage.Session{}, "", err
	}
	return w.Sessions.Start(ctx, nil, p.User.ID, session.Password(false, p.Commit))
}

// Grant stores a grant of the person whose code has been used.
func (w World) Grant(t testing.TB, u storage.User, g storage.Grant) {
	t.Helper()
	now := time.Now()
	g.UserID, g.UserEpoch, g.CreatedAt, g.CodeUsedAt = u.ID, u.Epoch, now, now
	g.AuthTime, g.ExpiresAt, g.EndsAt = now, now.Add(720*time.Hour), now.Add(4320*time.Hour)
	must(t, w.DB.InsertGrant(t.Context(), g))
}

// Events counts a person's audit events by name.
func (w World) Events(t testing.TB, userID string) map[audit.Name]int {
	t.Helper()
	list, err := w.DB.Events(t.Context(), "", 1000)
	must(t, err)
	counts := map[audit.Name]int{}
	for _, e := range list {
		if e.UserID == userID {
			counts[audit.Name(e.Name)]++
		}
	}
	return counts
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Permit allows an act to a person who has just signed in with a passkey, and given their password again where they have one.
func Permit(t testing.TB, u storage.User, act factor.Act) factor.Permit {
	t.Helper()
	proof := factor.Proof{
		By: factor.BySession, UserID: u.ID, Epoch: u.Epoch, Level: factor.Resistant, At: time.Now(), Password: act == factor.ChangePassword,
	}
	has := factor.Account{Password: act != factor.SetPassword, Authenticator: true, Passkeys: 2}
	permit, err := factor.May(proof, act, has)
	must(t, err)
	return permit
}
