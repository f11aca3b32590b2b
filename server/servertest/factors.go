package servertest

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"signet/users/factor"
	"signet/users/passkey"
	"signet/users/passkey/passkeytest"
)

// Authenticator is a person's authenticator app, with their recovery codes.
type Authenticator struct {
	Secret   string
	Recovery []string
	userID   string
	s        *Server
}

// AddAuthenticator gives a person one, without a browser.
func (s *Server) AddAuthenticator(t testing.TB, p Person) *Authenticator {
	t.Helper()
	const owner = "servertest"
	e, err := s.Services().Factors.Begin(t.Context(), owner+p.ID, p.User)
	if err != nil {
		t.Fatal(err)
	}
	a := &Authenticator{Secret: e.Secret, userID: p.ID, s: s}
	a.Recovery, err = s.Services().Factors.Confirm(t.Context(), Permit(t, p.ID, factor.AddAuthenticator), owner+p.ID, p.User,
		TOTP(t, e.Secret))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Code is good now, however often it is asked for: the server is made to forget which one was used last.
func (a *Authenticator) Code(t testing.TB) string {
	t.Helper()
	db := a.s.Services().DB
	list, err := db.Credentials(t.Context(), a.userID, factor.KindTOTP)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if err := db.UseCredential(t.Context(), c.ID, c.Data, c.Counter, 0, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return TOTP(t, a.Secret)
}

// TOTP is what an authenticator app shows now for a secret, with or without spaces.
func TOTP(t testing.TB, secret string) string {
	t.Helper()
	return TOTPAt(t, secret, 0)
}

// TOTPAt is what it shows so many steps from now.
func TOTPAt(t testing.TB, secret string, steps int) string {
	t.Helper()
	code, err := totp.GenerateCode(strings.ReplaceAll(secret, " ", ""), time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// Device is an authenticator with a passkey that nobody has registered yet.
func (s *Server) Device() *passkeytest.Device {
	return passkeytest.New(s.issuer.Hostname(), s.origin())
}

// AddPasskey gives a person one, without a browser.
func (s *Server) AddPasskey(t testing.TB, p Person) *passkeytest.Device {
	t.Helper()
	const browser = "servertest"
	options, err := s.Services().Passkeys.BeginRegistration(t.Context(), browser+p.ID, passkey.Whose{ID: p.ID, Name: p.Email})
	if err != nil {
		t.Fatal(err)
	}
	d := s.Device()
	if _, err := s.Services().Passkeys.Register(t.Context(), Permit(t, p.ID, factor.AddPasskey), browser+p.ID, p.User, "",
		[]byte(d.Create(t, options))); err != nil {
		t.Fatal(err)
	}
	return d
}

// AgeSessions makes it so that a person proved who they are that much earlier, in all their browsers.
func (s *Server) AgeSessions(t testing.TB, userID string, by time.Duration) {
	t.Helper()
	const all = 100
	list, err := s.Services().DB.SessionsOfUser(t.Context(), userID, time.Now(), all)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range list {
		row.AuthTime = row.AuthTime.Add(-by)
		if err := s.Services().DB.RenewSession(t.Context(), row.SecretHash, row); err != nil {
			t.Fatal(err)
		}
	}
}

// Permit is an operator's leave for an act on a person's account.
func Permit(t testing.TB, userID string, act factor.Act) factor.Permit {
	t.Helper()
	p, err := factor.May(factor.Proof{By: factor.ByOperator, UserID: userID, Epoch: factor.AnyEpoch}, act, factor.Account{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
