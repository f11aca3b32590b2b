package storage_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"signet/storage"
	"signet/storage/storagetest"
)

// TestAPasswordForEachConnection: the password is asked for when a connection is made, so one that changes is taken up; a wrong one, or
// none to be had, is a database that cannot be reached, and the reason is in the error.
func TestAPasswordForEachConnection(t *testing.T) {
	u, err := url.Parse(storagetest.PostgresDSN(t))
	if err != nil {
		t.Fatal(err)
	}
	right, set := u.User.Password()
	if !set {
		t.Skip("this Postgres asks for no password")
	}
	u.User = url.User(u.User.Username())
	var password atomic.Pointer[string]
	var sealed error
	password.Store(&right)
	db, err := storage.Open(t.Context(), storage.Options{DSN: u.String(), PoolSize: 1, Password: func(context.Context) (string, error) {
		return *password.Load(), sealed
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.MigrateUp(t.Context()); err != nil { // whose lock is held on a connection beside the pool's
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		password string
		err      error
		says     string
	}{
		"another password": {"wrong", nil, "password authentication failed"},
		"a sealed vault":   {"", errors.New("the vault is sealed"), "the vault is sealed"},
	} {
		password.Store(&c.password)
		sealed = c.err
		db, err := storage.Open(t.Context(), storage.Options{DSN: u.String(), PoolSize: 1, Password: func(context.Context) (string, error) {
			return *password.Load(), sealed
		}})
		if err == nil {
			err = db.Ping(t.Context())
			_ = db.Close()
		}
		if !errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
