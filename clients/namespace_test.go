package clients_test

import (
	"errors"
	"testing"
	"time"

	"signet/clients"
	"signet/storage"
	"signet/storage/storagetest"
)

// A client's own tokens have its id as sub, so that id cannot be a person's (V10).
func TestV10_AClientIDIsNotAPersonsSub(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db, ctx, now := open(t), t.Context(), time.Now()
		if err := db.ImportUser(ctx, storage.User{ID: "ada", EmailKey: "a@x", Email: "a@x", CreatedAt: now, UpdatedAt: now}); err != nil {
			t.Fatal(err)
		}
		r := registry(t, db)
		if _, err := r.Create(ctx, shop("ada")); !errors.Is(err, clients.ErrPerson) {
			t.Errorf("got %v, want ErrPerson", err)
		}
		if _, err := r.Client(ctx, "ada"); !errors.Is(err, clients.ErrUnknown) {
			t.Errorf("got %v, want no such client", err)
		}
		if _, err := r.Create(ctx, shop("shop")); err != nil {
			t.Fatal(err)
		}
		u := storage.User{ID: "shop", EmailKey: "s@x", Email: "s@x", CreatedAt: now, UpdatedAt: now}
		if err := db.ImportUser(ctx, u); !errors.Is(err, storage.ErrNameSpace) {
			t.Errorf("got %v, want ErrNameSpace", err)
		}
	})
}
