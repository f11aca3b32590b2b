package clients_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"signet/clients"
	"signet/storage"
	"signet/storage/expired"
	"signet/storage/storagetest"
)

// countedStore counts how often all clients are read.
type countedStore struct {
	*storage.DB
	pages int
}

// Clients implements clients.Store.
func (s *countedStore) Clients(ctx context.Context, after string, limit int) ([]storage.Client, error) {
	s.pages++
	return s.DB.Clients(ctx, after, limit)
}

func TestAChangeReadsNoOtherClient(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		t.Parallel()
		store := &countedStore{DB: open(t)}
		options := clients.Options{Store: store, Issuer: issuer, SecretKeys: [][]byte{[]byte("key")}}
		writer, err := clients.New(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		replica, err := clients.New(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		refresh := func() {
			t.Helper()
			v, err := store.Versions(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := replica.Refresh(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		allowed := func(want bool) {
			t.Helper()
			if got := replica.OriginAllowed(t.Context(), "https://shop7.example"); got != want {
				t.Errorf("the origin of shop7 is allowed: %v, want %v", got, want)
			}
		}
		refresh()
		store.pages = 0
		for i := range 20 {
			if _, err := writer.Create(t.Context(), shop(fmt.Sprintf("shop%d", i))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := replica.Client(t.Context(), "shop7"); err != nil {
			t.Fatal(err)
		}
		refresh()
		allowed(true)
		if err := writer.SetDisabled(t.Context(), "shop7", true); err != nil {
			t.Fatal(err)
		}
		refresh()
		allowed(false)
		if c := clientOf(t, replica, "shop7"); c.Enabled() {
			t.Error("a client disabled elsewhere is enabled after a refresh")
		}
		if err := writer.Delete(t.Context(), "shop8"); err != nil {
			t.Fatal(err)
		}
		refresh()
		if replica.OriginAllowed(t.Context(), "https://shop8.example") {
			t.Error("the origin of a deleted client is allowed")
		}
		if store.pages != 0 {
			t.Errorf("all clients were read %d times, want never", store.pages)
		}

		// A release that notes nothing raises the version alone: then all clients are read.
		if _, err := store.DeleteExpired(t.Context(), expired.ClientChanges, time.Now().Add(time.Hour), 500); err != nil {
			t.Fatal(err)
		}
		if err := writer.SetDisabled(t.Context(), "shop7", false); err != nil {
			t.Fatal(err)
		}
		if _, err := store.DeleteExpired(t.Context(), expired.ClientChanges, time.Now().Add(time.Hour), 500); err != nil {
			t.Fatal(err)
		}
		refresh()
		allowed(true)
		if store.pages != 1 {
			t.Errorf("all clients were read %d times, want once", store.pages)
		}
	})
}
