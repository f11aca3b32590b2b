package clients_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"signet/clients"
	"signet/storage"
	"signet/storage/storagetest"
)

func TestA19_NobodyUndoesAnothersChange(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		t.Parallel()
		db := open(t)
		one, other := registryOn(t, db), registryOn(t, db)
		if _, err := one.Create(t.Context(), shop("shop")); err != nil {
			t.Fatal(err)
		}

		// Disabled, and given another policy, while a rename is under way.
		times := 0
		_, err := one.Change(t.Context(), "shop", func(m *clients.Metadata) error {
			m.ClientName = "Renamed"
			if times++; times > 1 {
				return nil
			}
			if _, err := other.Change(t.Context(), "shop",
				func(m *clients.Metadata) error { m.PolicyURI = "https://shop.example/p"; return nil }); err != nil {
				return err
			}
			return other.SetDisabled(t.Context(), "shop", true)
		})
		c := clientOf(t, registryOn(t, db), "shop")
		if err != nil || c.Enabled() || c.ClientName != "Renamed" || c.PolicyURI == "" {
			t.Errorf("%v; enabled %v, name %q, policy %q; want all three changes", err, c.Enabled(), c.ClientName, c.PolicyURI)
		}

		// Who is never first is told.
		_, err = one.Change(t.Context(), "shop", func(m *clients.Metadata) error {
			_, err := other.Change(t.Context(), "shop", func(m *clients.Metadata) error { m.ClientName += "x"; return nil })
			return err
		})
		if !errors.Is(err, clients.ErrChanged) {
			t.Errorf("got %v, want ErrChanged", err)
		}

		if err := one.PutResource(t.Context(), clients.Resource{Identifier: "https://b.example", Name: "B"}); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i, r := range []*clients.Registry{one, other, one, other} {
			wg.Go(func() {
				err := r.ChangeResource(t.Context(), "https://b.example", func(res *clients.Resource) error {
					res.Scopes = append(res.Scopes, fmt.Sprintf("s%d", i))
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if r, _ := registryOn(t, db).Resources().Find("https://b.example"); len(r.Scopes) != 4 {
			t.Errorf("scopes %v, want all four", r.Scopes)
		}
		if err := one.ChangeResource(t.Context(), "https://c.example",
			func(*clients.Resource) error { return nil }); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("change of no resource: %v", err)
		}
	})
}

func registryOn(t *testing.T, db *storage.DB) *clients.Registry {
	t.Helper()
	r, err := clients.New(t.Context(), clients.Options{Store: db, Issuer: issuer, SecretKeys: [][]byte{[]byte("key")}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func clientOf(t *testing.T, r *clients.Registry, id string) *clients.Client {
	t.Helper()
	c, err := r.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
