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

// TestV06_ConsentsToClientsThatNobodyUsesAreBounded: of clients that registered themselves a person keeps the hundred that they agreed to
// last, beside those in use; what nobody uses any more is deleted a week later, and what an operator has made their own is not.
func TestV06_ConsentsToClientsThatNobodyUsesAreBounded(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine, yaml("open"))
		db, ada, eve, ctx := s.Services().DB, s.Person(t, "ada@example.com"), s.Person(t, "eve@example.com"), t.Context()
		began := time.Now().Add(-8 * 24 * time.Hour)
		agree := func(ctx context.Context, who, id string, at time.Time) error {
			_, err := db.PutConsent(ctx, storage.Consent{UserID: who, ClientID: id, Offered: []string{"openid"}, Granted: []string{"openid"},
				CreatedAt: at, UpdatedAt: at})
			return err
		}
		err := db.Tx(ctx, func(ctx context.Context) (err error) {
			for i := 0; i < 105 && err == nil; i++ {
				id, metadata := fmt.Sprintf("app%03d", i), json.RawMessage(`{"redirect_uris":["https://a.example/cb"],"scope":"openid"}`)
				if i == 1 {
					metadata = json.RawMessage(`{"redirect_uris":["https://a.example/cb"],"scope":"openid","first_party":true}`)
				}
				at := began.Add(time.Duration(i) * time.Minute)
				err = errors.Join(db.InsertClient(ctx, storage.Client{ID: id, Metadata: metadata, CreatedAt: began, UpdatedAt: began}),
					db.InsertRegistration(ctx, storage.Registration{ClientID: id, TokenHash: id, Holder: "10.0.0.0/24", CreatedAt: began,
						ExpiresAt: began.Add(7 * 24 * time.Hour)}), agree(ctx, ada.ID, id, at))
			}
			return errors.Join(err, agree(ctx, eve.ID, "app002", began))
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a hundred of them at once
			if err := s.Services().Registrations.Sweep(ctx); err != nil {
				t.Fatal(err)
			}
		}
		left, err := db.ConsentsOfUser(ctx, ada.ID, "", 200)
		if err != nil || len(left) != 100 || left[0].ClientID != "app005" {
			t.Errorf("%d consents are left, %v", len(left), err)
		}
		for id, waits := range map[string]bool{"app000": true, "app001": false, "app002": false, "app004": true, "app005": false} {
			r, err := db.RegistrationOf(ctx, id)
			if err != nil || r.ExpiresAt.IsZero() == waits {
				t.Errorf("%s waits for a use until %v, %v", id, r.ExpiresAt, err)
			}
		}
	})
}
