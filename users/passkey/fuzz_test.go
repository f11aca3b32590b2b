package passkey_test

import (
	"crypto/rand"
	"errors"
	"testing"

	"signet/audit"
	"signet/storage"
	"signet/users/factor"
	"signet/users/passkey"
	"signet/users/userstest"
)

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AA","attestationObject":"oA"}}`))
	dir := f.TempDir()
	db, err := storage.Open(f.Context(), storage.Options{DSN: "sqlite:" + dir + "/x.db"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	if _, err := db.MigrateUp(f.Context()); err != nil {
		f.Fatal(err)
	}
	w := newWorld(f, db)
	u := w.person(f, "ada@example.org")
	d := w.add(f, u)
	f.Add([]byte(d.Get(f, w.ask(f, firefox))))
	f.Add([]byte(d.Create(f, w.options(f, u, firefox))))
	f.Fuzz(func(t *testing.T, answer []byte) {
		ctx := audit.WithOrigin(t.Context(), audit.Origin{Network: rand.Text()}) // never throttled
		if _, err := w.Check(ctx, passkey.ToSignIn, chrome, "", answer); !errors.Is(err, passkey.ErrWrong) {
			t.Errorf("sign-in: %v", err)
		}
		if _, err := w.Register(ctx, userstest.Permit(t, u, factor.AddPasskey), chrome, u, "", answer); !errors.Is(err, passkey.ErrWrong) {
			t.Errorf("registration: %v", err)
		}
	})
}
