package storagetest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"signet/storage"
)

func grantOf(id string) storage.Grant {
	return storage.Grant{
		ID: id, ClientID: "shop", UserID: "ada", SessionID: "s1", Offline: true, UserEpoch: 3, ConsentEpoch: 1,
		Scopes: []string{"openid", "api:read"}, Resources: []string{"https://api.example.com"}, AuthTime: now, ACR: "1",
		AMR: []string{"pwd"}, Data: json.RawMessage(`{"nonce":"n"}`), CodeHash: "code-" + id, CodeExpiresAt: now.Add(time.Minute),
		CreatedAt: now, ExpiresAt: now.Add(time.Minute), EndsAt: now.Add(10 * time.Hour),
	}
}

func grants(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	g := grantOf("g1")
	ok(t, db.InsertGrant(ctx, g))
	fails(t, db.InsertGrant(ctx, g), storage.ErrConflict)
	s, err := db.GrantStateByCode(ctx, "code-g1")
	ok(t, err)
	same(t, s.Grant, g)

	spend := storage.Spend{CodeHash: "code-g1", Generation: 1, Now: now.Add(time.Second), ExpiresAt: now.Add(time.Hour)}
	ok(t, db.SpendCode(ctx, spend))
	fails(t, db.SpendCode(ctx, spend), storage.ErrStale)
	g.CodeUsedAt, g.RotatedAt, g.LastUsedAt, g.Generation, g.ExpiresAt = spend.Now, spend.Now, spend.Now, 1, spend.ExpiresAt
	s, err = db.GrantStateByCode(ctx, "code-g1") // used ones are found too
	ok(t, err)
	same(t, s.Grant, g)

	fails(t, db.RotateGrant(ctx, storage.Rotation{ID: "g1", Presented: 0, Now: now, ExpiresAt: now}), storage.ErrStale)
	r := storage.Rotation{ID: "g1", Presented: 1, Now: now.Add(time.Minute), ExpiresAt: now.Add(100 * time.Hour)}
	ok(t, db.RotateGrant(ctx, r))
	fails(t, db.RotateGrant(ctx, r), storage.ErrStale)
	s, err = db.GrantStateByID(ctx, "g1")
	ok(t, err)
	if s.Generation != 2 || !s.RotatedAt.Equal(r.Now) || !s.LastUsedAt.Equal(r.Now) || !s.ExpiresAt.Equal(g.EndsAt) {
		t.Fatalf("rotated: %+v", s.Grant) // the idle limit stops at the absolute one
	}
	r.Presented = 7 // the row is behind what was signed: it catches up
	ok(t, db.RotateGrant(ctx, r))
	if s, err = db.GrantStateByID(ctx, "g1"); err != nil || s.Generation != 8 {
		t.Fatalf("generation %d, %v; want 8", s.Generation, err)
	}
	ok(t, db.TouchGrant(ctx, "g1", now.Add(2*time.Minute), now.Add(2*time.Hour)))
	if s, err = db.GrantStateByID(ctx, "g1"); err != nil || !s.ExpiresAt.Equal(now.Add(2*time.Hour)) || s.Generation != 8 {
		t.Fatalf("touched: %+v, %v", s.Grant, err)
	}

	done, err := db.RevokeGrant(ctx, "g1", "reuse", now)
	if err != nil || !done {
		t.Fatalf("got %v, %v; want revoked", done, err)
	}
	if again, err := db.RevokeGrant(ctx, "g1", "other", now); err != nil || again {
		t.Fatalf("revoked twice: %v, %v", again, err)
	}
	r.Presented = 8
	fails(t, db.RotateGrant(ctx, r), storage.ErrStale)
	fails(t, db.TouchGrant(ctx, "g1", now, now), storage.ErrStale)
	if s, err = db.GrantStateByID(ctx, "g1"); err != nil || s.RevokedWhy != "reuse" || !s.RevokedAt.Equal(now) {
		t.Fatalf("revoked: %+v, %v", s.Grant, err)
	}
	ok(t, db.InsertGrant(ctx, grantOf("g2")))
	_, err = db.RevokeGrant(ctx, "g2", "why", now)
	ok(t, err)
	fails(t, db.SpendCode(ctx, storage.Spend{CodeHash: "code-g2", Now: now, ExpiresAt: now}), storage.ErrStale)

	bare := storage.Grant{ID: "g3", ClientID: "shop", UserID: "ada", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	ok(t, db.InsertGrant(ctx, bare)) // no session, no code
	bare.Data = json.RawMessage(`{}`)
	s, err = db.GrantStateByID(ctx, "g3")
	ok(t, err)
	same(t, s.Grant, bare)
}

func grantStates(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ok(t, db.InsertGrant(ctx, grantOf("g1")))
	s, err := db.GrantStateByID(ctx, "g1")
	ok(t, err)
	if s.User.ID != "" || s.SessionFound || s.ConsentNow != 0 || !s.SessionEndedAt.IsZero() {
		t.Fatalf("a grant that stands on nothing: %+v", s)
	}
	u := ada(t, db)
	ok(t, db.InsertSession(ctx, sessionOf("s1")))
	_, err = db.PutConsent(ctx, storage.Consent{UserID: "ada", ClientID: "shop", CreatedAt: now, UpdatedAt: now})
	ok(t, err)
	u.EmailKey, u.UsernameKey, u.CreatedAt = "", "", time.Time{} // not read with a grant
	want := storage.GrantState{Grant: grantOf("g1"), User: u, SessionFound: true, ConsentNow: 1}
	for name, read := range map[string]func() (storage.GrantState, error){
		"id":    func() (storage.GrantState, error) { return db.GrantStateByID(ctx, "g1") },
		"code":  func() (storage.GrantState, error) { return db.GrantStateByCode(ctx, "code-g1") },
		"token": func() (storage.GrantState, error) { return db.GrantStateOfToken(ctx, "g1", "jti") },
	} {
		got, err := read()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		same(t, got, want)
	}
	_, err = db.EndSession(ctx, "s1", "", now)
	ok(t, err)
	_, err = db.WithdrawConsent(ctx, "ada", "shop", now)
	ok(t, err)
	ok(t, db.RevokeToken(ctx, "jti", now.Add(time.Hour)))
	ok(t, db.RevokeToken(ctx, "jti", now.Add(time.Hour)))
	s, err = db.GrantStateOfToken(ctx, "g1", "jti")
	ok(t, err)
	if !s.SessionEndedAt.Equal(now) || s.ConsentNow != 2 || !s.TokenRevoked {
		t.Fatalf("got %+v", s)
	}
	for jti, revoked := range map[string]bool{"jti": true, "other": false} {
		if s, err = db.GrantStateOfToken(ctx, "", jti); err != nil || s.TokenRevoked != revoked {
			t.Fatalf("token %s without a grant: revoked %v, %v", jti, s.TokenRevoked, err)
		}
	}
	_, err = db.GrantStateOfToken(ctx, "gone", "jti")
	fails(t, err, storage.ErrNotFound)
}

func revoking(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for i := range 8 {
		g := grantOf(fmt.Sprintf("g%d", i))
		g.Offline = i%2 == 0
		g.SessionID = []string{"s1", "s2"}[i/4]
		if i == 7 {
			g.SessionID = ""
		}
		ok(t, db.InsertGrant(ctx, g))
		if i != 6 {
			ok(t, db.SpendCode(ctx, storage.Spend{CodeHash: g.CodeHash, Generation: 1, Now: now, ExpiresAt: now.Add(time.Hour)}))
		}
	}
	list, err := db.GrantsOfUser(ctx, "ada", now, "g1", 3)
	ok(t, err)
	same(t, idsOf(list, func(g storage.Grant) string { return g.ID }), []string{"g2", "g3", "g4"})
	list, err = db.GrantsOfClient(ctx, "shop", now, "", 100)
	ok(t, err)
	if len(list) != 7 { // g6 has its code still unspent
		t.Fatalf("%d grants of the client, want 7", len(list))
	}
	steps := []struct {
		filter storage.GrantFilter
		want   int64
	}{
		{storage.GrantFilter{UserID: "eve"}, 0},
		{storage.GrantFilter{SessionID: "s1", OnlineOnly: true}, 2},
		{storage.GrantFilter{UserID: "ada", ExceptSessionID: "s1"}, 4},
		{storage.GrantFilter{UserID: "ada", ClientID: "shop"}, 2},
	}
	for _, step := range steps {
		if n, err := db.RevokeGrants(ctx, step.filter, "test", now); err != nil || n != step.want {
			t.Fatalf("%+v revoked %d, %v; want %d", step.filter, n, err, step.want)
		}
	}
	if _, err := db.RevokeGrants(ctx, storage.GrantFilter{OnlineOnly: true}, "test", now); err == nil {
		t.Fatal("a filter that names nobody was accepted")
	}
	if list, err = db.GrantsOfUser(ctx, "ada", now, "", 100); err != nil || len(list) != 0 {
		t.Fatalf("revoked grants are listed: %d, %v", len(list), err)
	}
}

func interactions(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	i := storage.Interaction{
		ID: "i1", BrowserHash: "b", Network: "192.0.2.0/24", Request: json.RawMessage(`{"client_id":"shop"}`),
		Facts: json.RawMessage(`{}`), CreatedAt: now, ExpiresAt: now.Add(30 * time.Minute),
	}
	ok(t, db.InsertInteraction(ctx, i, 2, 0, 0))
	got, err := db.InteractionByID(ctx, "i1", now)
	ok(t, err)
	same(t, got, i)
	_, err = db.InteractionByID(ctx, "i1", i.ExpiresAt)
	fails(t, err, storage.ErrNotFound)

	facts := json.RawMessage(`{"signed_in":true}`)
	ok(t, db.UpdateInteractionFacts(ctx, "i1", i.Facts, facts))
	fails(t, db.UpdateInteractionFacts(ctx, "i1", i.Facts, facts), storage.ErrStale)

	next := i
	next.ID = "i2"
	ok(t, db.InsertInteraction(ctx, next, 2, 0, 0))
	next.ID = "i3"
	fails(t, db.InsertInteraction(ctx, next, 2, 0, 0), storage.ErrTooMany)
	next.Network = "198.51.100.0/24"
	ok(t, db.InsertInteraction(ctx, next, 2, 0, 0))
	next.ID, next.Network = "i4", i.Network
	next.CreatedAt, next.ExpiresAt = i.ExpiresAt, i.ExpiresAt.Add(time.Minute) // the others are dead by then
	ok(t, db.InsertInteraction(ctx, next, 2, 0, 0))

	ok(t, db.SpendInteraction(ctx, "i1"))
	fails(t, db.SpendInteraction(ctx, "i1"), storage.ErrStale)
	fails(t, db.UpdateInteractionFacts(ctx, "i1", facts, facts), storage.ErrStale)
}
