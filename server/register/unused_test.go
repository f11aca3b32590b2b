package register_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
)

// TestV06_AFloodOfRegistrationsIsBounded: there are ten thousand clients that nobody used, from many networks. The next one is taken all
// the same, and of the network that has most the oldest gives way: not who came alone, nor whom somebody uses, nor whom an operator let in.
func TestV06_AFloodOfRegistrationsIsBounded(t *testing.T) {
	db := storagetest.SQLite(t)
	s := servertest.New(t, servertest.HandlerOnly(), servertest.On(db), yaml("open"))
	ada, ctx := s.Person(t, "ada@example.com"), t.Context()
	now, metadata := time.Now(), json.RawMessage(`{"redirect_uris":["https://a.example/cb"],"scope":"openid"}`)
	insert := func(ctx context.Context, id, holder, token string) error {
		at := now.Add(-time.Hour)
		return errors.Join(db.InsertClient(ctx, storage.Client{ID: id, Metadata: metadata, CreatedAt: at, UpdatedAt: at}),
			db.InsertRegistration(ctx, storage.Registration{ClientID: id, TokenHash: id, Holder: holder, InitialTokenID: token,
				CreatedAt: at, ExpiresAt: at.Add(7 * 24 * time.Hour)}))
	}
	spared := map[string]string{"alone": "203.0.113.0/24", "used": "10.0.0.0/24", "let in": ""}
	for id, holder := range spared {
		token := ""
		if id == "let in" {
			token = "i"
		}
		if err := insert(ctx, id, holder, token); err != nil {
			t.Fatal(err)
		}
	}
	_, err := db.PutConsent(ctx, storage.Consent{UserID: ada.ID, ClientID: "used", Offered: []string{"openid"}, Granted: []string{"openid"},
		CreatedAt: now, UpdatedAt: now})
	for first := 0; first < 10_000 && err == nil; first += 100 {
		err = db.Tx(ctx, func(ctx context.Context) (err error) {
			for i := first; i < min(first+100, 9_999) && err == nil; i++ {
				err = insert(ctx, fmt.Sprintf("flood%d", i), fmt.Sprintf("10.0.%d.0/24", i%100), "")
			}
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if status, _, got := send(t, s, "POST", at, "", document{"redirect_uris": []string{"https://app.example/cb"}}); status == 429 {
			break // from here, one by one; that is another bound
		} else if status != 201 {
			t.Fatalf("%d %v", status, got)
		} else {
			spared[text(got, "client_id")] = ""
		}
	}
	if len(spared) < 20 {
		t.Errorf("only %d registered", len(spared))
	}
	shares, err := db.RegistrationShares(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for _, of := range shares {
		n += of[0]
	}
	if n > 10_000 || n < 9_900 {
		t.Errorf("%d clients that nobody used", n)
	}
	for id := range spared {
		if _, err := db.RegistrationOf(ctx, id); err != nil {
			t.Errorf("%s gave way: %v", id, err)
		}
	}
}
