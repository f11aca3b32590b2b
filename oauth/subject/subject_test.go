package subject_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"signet/clients"
	"signet/internal/seal"
	"signet/oauth/subject"
	"signet/storage"
	"signet/storage/storagetest"
)

func master(t *testing.T, first ...byte) *seal.Master {
	t.Helper()
	var all [][]byte
	for _, b := range first {
		key := bytes.Repeat([]byte{b}, seal.KeySize)
		key[0]++
		all = append(all, key)
	}
	m, err := seal.New(all...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var shop = &clients.Client{Metadata: clients.Metadata{ClientID: "shop", SubjectType: clients.SubjectPairwise,
	RedirectURIs: []string{"https://shop.example/cb"}}}

// The value that names are made with is made once, however many replicas start at once, and stays when the master key is another; it is not
// in the database as it is, and counts in its place only.
func TestTheSaltIsMadeOnceAndSealed(t *testing.T) { // OpenID Connect Core section 8.1
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db, old := open(t), master(t, 1)
		names := make([]string, 8)
		var all sync.WaitGroup
		for i := range names {
			all.Go(func() {
				n, err := subject.Open(t.Context(), db, old)
				if err != nil {
					t.Error(err)
					return
				}
				names[i] = n.Subject(shop, "ADA")
			})
		}
		all.Wait()
		for _, name := range names {
			if name != names[0] || len(name) != 43 || strings.Contains(name, "ADA") {
				t.Fatalf("replicas call one person %q", names)
			}
		}
		sealed, err := db.Salt(t.Context(), "pairwise")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := old.Open(sealed, seal.Place("salts", "other", "sealed")); err == nil {
			t.Error("it opens in another place")
		}
		rotated, err := subject.Open(t.Context(), db, master(t, 2, 1)) // a new first key, as after a rotation
		if err != nil || rotated.Subject(shop, "ADA") != names[0] {
			t.Errorf("after a rotation of the master key: %v, %v", rotated, err)
		}
		if n, err := subject.Open(t.Context(), db, master(t, 3)); err == nil {
			t.Errorf("without the key another salt was made: %q", n.Subject(shop, "ADA"))
		}
		if again, err := db.Salt(t.Context(), "pairwise"); err != nil || !bytes.Equal(again, sealed) {
			t.Errorf("it was written anew: %v", err)
		}
	})
}

// Whoever has no salt, or no sector, is given no name at all rather than one that all have.
func TestNoNameIsBetterThanAGuessableOne(t *testing.T) {
	alone := &clients.Client{Metadata: clients.Metadata{ClientID: "cli", SubjectType: clients.SubjectPairwise,
		RedirectURIs: []string{"http://127.0.0.1/cb"}}}
	var none *subject.Names
	for name, got := range map[string]string{"no salt": none.Subject(shop, "ADA"), "no salt, sid": none.Session(shop, "S"),
		"zero value": (&subject.Names{}).Subject(shop, "ADA")} {
		if got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	n, err := subject.Open(t.Context(), storagetest.SQLite(t), master(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if got := n.Subject(alone, "ADA"); got != "" {
		t.Errorf("this computer as a sector: %q", got)
	}
	other := *shop
	other.ClientID = "till"
	if n.Subject(shop, "ADA") != n.Subject(&other, "ADA") || n.Session(shop, "S") == n.Session(&other, "S") {
		t.Error("one sector has one sub for a person, and each client its own sid")
	}
}
