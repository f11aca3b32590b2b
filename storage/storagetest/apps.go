package storagetest

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"signet/storage"
)

func clients(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	before, err := db.Versions(ctx)
	ok(t, err)
	c := storage.Client{ID: "shop", Metadata: json.RawMessage(`{"client_name":"Shop"}`), CreatedAt: now, UpdatedAt: now}
	ok(t, db.InsertClient(ctx, c))
	fails(t, db.InsertClient(ctx, c), storage.ErrConflict)
	got, secrets, err := db.ClientByID(ctx, "shop")
	ok(t, err)
	same(t, got, c)
	unknown, err := db.UnknownClients(ctx, "gone", "shop", "never")
	ok(t, err)
	same(t, unknown, []string{"gone", "never"})
	if len(secrets) != 0 {
		t.Fatalf("got %d secrets", len(secrets))
	}
	_, _, err = db.ClientByID(ctx, "other")
	fails(t, err, storage.ErrNotFound)

	read := c.Metadata
	c.Metadata, c.DisabledAt, c.UpdatedAt = json.RawMessage(`{}`), now, now.Add(time.Second)
	ok(t, db.UpdateClient(ctx, "shop", read, c.Metadata, now))
	ok(t, db.SetClientDisabled(ctx, "shop", now, c.UpdatedAt))
	got, _, err = db.ClientByID(ctx, "shop")
	ok(t, err)
	same(t, got, c)
	fails(t, db.UpdateClient(ctx, "shop", read, read, now), storage.ErrStale)
	fails(t, db.UpdateClient(ctx, "other", read, read, now), storage.ErrStale)
	fails(t, db.SetClientDisabled(ctx, "other", now, now), storage.ErrNotFound)
	after, err := db.Versions(ctx)
	ok(t, err)
	if after.Clients != before.Clients+3 || after.Keys != before.Keys {
		t.Fatalf("versions went from %+v to %+v, want three writes of clients", before, after)
	}
	ok(t, db.InsertClient(ctx, storage.Client{ID: "zoo", CreatedAt: now, UpdatedAt: now}))
	list, err := db.Clients(ctx, "shop", 5)
	if err != nil || len(list) != 1 || list[0].ID != "zoo" {
		t.Fatalf("got %+v, %v", list, err)
	}
}

func secrets(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ada(t, db)
	ok(t, db.InsertClient(ctx, storage.Client{ID: "shop", CreatedAt: now, UpdatedAt: now}))
	ok(t, db.InsertClientSecret(ctx, storage.ClientSecret{ID: "k1", ClientID: "shop", MAC: "m1", CreatedAt: now}, now))
	keep := now.Add(time.Hour)
	ok(t, db.InsertClientSecret(ctx, storage.ClientSecret{ID: "k2", ClientID: "shop", MAC: "m2", CreatedAt: now.Add(time.Second)}, keep))
	_, list, err := db.ClientByID(ctx, "shop")
	ok(t, err)
	if len(list) != 2 || list[0].ID != "k2" || !list[0].ExpiresAt.IsZero() || !list[1].ExpiresAt.Equal(keep) || list[1].MAC != "m1" {
		t.Fatalf("got %+v", list)
	}
	before, err := db.Versions(ctx)
	ok(t, err)
	ok(t, db.TouchClientSecret(ctx, storage.ClientSecret{ID: "k2", LastUsedAt: now}, ""))
	after, err := db.Versions(ctx)
	ok(t, err)
	same(t, after, before)

	fails(t, db.RemoveClientSecret(ctx, "shop", "k3", now), storage.ErrNotFound)
	fails(t, db.RemoveClientSecret(ctx, "other", "k1", now), storage.ErrNotFound)
	ok(t, db.RemoveClientSecret(ctx, "shop", "k1", now.Add(2*time.Hour))) // it has expired
	fails(t, db.RemoveClientSecret(ctx, "shop", "k2", now), storage.ErrConflict)
	for i := range 4 {
		one := storage.ClientSecret{ID: string(rune('a' + i)), ClientID: "shop", MAC: "m", CreatedAt: now.Add(time.Minute)}
		ok(t, db.InsertClientSecret(ctx, one, now.Add(time.Hour)))
	}
	var all sync.WaitGroup
	for _, id := range []string{"k2", "a", "b", "c", "d"} { // at once: one stays
		all.Go(func() {
			if err := db.RemoveClientSecret(ctx, "shop", id, now.Add(time.Second)); err != nil && !errors.Is(err, storage.ErrConflict) {
				t.Errorf("remove %s: %v", id, err)
			}
		})
	}
	all.Wait()
	_, list, err = db.ClientByID(ctx, "shop")
	ok(t, err)
	same(t, len(list), 1)
	n, err := db.EndSecret(ctx, "shop", list[0].ID)
	ok(t, err)
	same(t, n, int64(1))

	// The end of a client ends its grants, consents and secrets with it.
	ok(t, db.InsertGrant(ctx, grantOf("g1")))
	_, err = db.PutConsent(ctx, storage.Consent{UserID: "ada", ClientID: "shop", CreatedAt: now, UpdatedAt: now})
	ok(t, err)
	ok(t, db.DeleteClient(ctx, "shop", now))
	fails(t, db.DeleteClient(ctx, "shop", now), storage.ErrNotFound)

	// A client that was declared once has no row; its grants end all the same.
	declared := grantOf("declared")
	declared.ClientID = "once-declared"
	ok(t, db.InsertGrant(ctx, declared))
	ok(t, db.DeleteClient(ctx, "once-declared", now))
	left, err := db.GrantStateByID(ctx, "declared")
	ok(t, err)
	same(t, left.Grant.RevokedWhy, "client deleted")
	fails(t, db.DeleteClient(ctx, "once-declared", now), storage.ErrNotFound)
	_, _, err = db.ClientByID(ctx, "shop")
	fails(t, err, storage.ErrNotFound)
	_, err = db.ConsentOf(ctx, "ada", "shop")
	fails(t, err, storage.ErrNotFound)
	s, err := db.GrantStateByID(ctx, "g1")
	ok(t, err)
	if !s.RevokedAt.Equal(now) || s.RevokedWhy != "client deleted" {
		t.Fatalf("grant of a deleted client: revoked %v %q", s.RevokedAt, s.RevokedWhy)
	}
}

func resources(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	r := storage.Resource{Identifier: "https://api.example.com", Name: "API", Scopes: []string{"api:read", "api:write"},
		IntrospectedBy: []string{"shop"}, ExchangedBy: []string{"shop", "back"}, CreatedAt: now,
		ScopeDetails: `{"api:read":{"title":"Read"}}`, SignIn: `{"max_age":60}`, IsOpen: true}
	ok(t, db.InsertResource(ctx, r))
	fails(t, db.InsertResource(ctx, r), storage.ErrConflict)
	read := r
	r.Name, r.IntrospectedBy, r.ScopeDetails, r.ExchangedBy = "Shop API", nil, "", []string{"back"}
	ok(t, db.UpdateResource(ctx, read, r))
	fails(t, db.UpdateResource(ctx, read, r), storage.ErrStale)
	changed := r
	changed.ExchangedBy = nil
	fails(t, db.UpdateResource(ctx, changed, r), storage.ErrStale) // somebody else changed who exchanges
	changed = r
	changed.SignIn, changed.IsOpen = "", false
	fails(t, db.UpdateResource(ctx, changed, r), storage.ErrStale)
	list, err := db.Resources(ctx)
	ok(t, err)
	same(t, list, []storage.Resource{r})
	ok(t, db.DeleteResource(ctx, r.Identifier))
	fails(t, db.DeleteResource(ctx, r.Identifier), storage.ErrNotFound)
	v, err := db.Versions(ctx)
	ok(t, err)
	if v.Resources != 4 {
		t.Fatalf("resources version %d, want 4", v.Resources)
	}
}

func consents(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	_, err := db.ConsentOf(ctx, "ada", "shop")
	fails(t, err, storage.ErrNotFound)
	c := storage.Consent{
		UserID: "ada", ClientID: "shop", Offered: []string{"openid", "email"}, Granted: []string{"openid"},
		Resources: []string{"https://api.example.com"}, ClientHash: "hash", CreatedAt: now, UpdatedAt: now,
		AgentUntil: now.Add(time.Hour), AgentCalls: 100,
	}
	epoch, err := db.PutConsent(ctx, c)
	if err != nil || epoch != 1 {
		t.Fatalf("got epoch %d, %v; want 1", epoch, err)
	}
	c.Epoch = 1
	got, err := db.ConsentOf(ctx, "ada", "shop")
	ok(t, err)
	same(t, got, c)

	ok(t, db.AskConsentAnew(ctx, "other"))
	got, err = db.ConsentOf(ctx, "ada", "shop")
	ok(t, err)
	same(t, got, c)
	ok(t, db.AskConsentAnew(ctx, "shop"))
	got, err = db.ConsentOf(ctx, "ada", "shop")
	ok(t, err)
	if got.ClientHash == "" || got.ClientHash == "hash" || got.Epoch != 1 || len(got.Granted) != 1 {
		t.Fatalf("of a client that changed: %+v", got)
	}
	_, err = db.PutConsent(ctx, c)
	ok(t, err)

	pauses(t, db, c)
	narrows(t, db, c)
	lessens(t, db, c)
	withdrawn, err := db.WithdrawConsent(ctx, "ada", "shop", now)
	if err != nil || !withdrawn {
		t.Fatalf("got %v, %v; want withdrawn", withdrawn, err)
	}
	if again, err := db.WithdrawConsent(ctx, "ada", "shop", now); err != nil || again {
		t.Fatalf("withdrawn twice: %v, %v", again, err)
	}
	got, err = db.ConsentOf(ctx, "ada", "shop")
	ok(t, err)
	if got.Epoch != 2 || got.Offered != nil || got.Granted != nil || got.Resources != nil || !got.Withdrawn.Equal(now) ||
		!got.AgentUntil.IsZero() || got.AgentCalls != 0 || !got.PausedAt.IsZero() {
		t.Fatalf("withdrawn consent: %+v", got)
	}
	_, err = db.PutConsent(ctx, c) // read before the withdrawal
	fails(t, err, storage.ErrStale)
	list, err := db.ConsentsOfUser(ctx, "ada", "", 10)
	if err != nil || len(list) != 0 {
		t.Fatalf("a withdrawn consent is listed: %+v, %v", list, err)
	}
	c.Epoch = 2
	if epoch, err = db.PutConsent(ctx, c); err != nil || epoch != 2 {
		t.Fatalf("given again: epoch %d, %v; want 2", epoch, err)
	}
	if list, err = db.ConsentsOfUser(ctx, "ada", "", 10); err != nil || len(list) != 1 || !list[0].Withdrawn.IsZero() {
		t.Fatalf("got %+v, %v", list, err)
	}
}

// narrows: an agent is left less, never more, and of nothing that was not agreed.
func narrows(t *testing.T, db *storage.DB, c storage.Consent) {
	t.Helper()
	ctx := t.Context()
	until := func(d time.Duration) time.Time { return now.Add(d) }
	for _, step := range []struct {
		client string
		until  time.Time
		calls  int64
		did    bool
		left   time.Time
		most   int64
	}{
		{"notes", until(0), 1, false, time.Time{}, 0},
		{"nobody", until(0), 1, false, time.Time{}, 0},
		{"shop", until(2 * time.Hour), 0, false, until(time.Hour), 100}, // any number is not fewer
		{"shop", until(time.Hour), 1_000, false, until(time.Hour), 100},
		{"shop", until(2 * time.Hour), 99, true, until(time.Hour), 99},
		{"shop", until(time.Minute), 100, true, until(time.Minute), 99},
		{"shop", until(0), 10, true, until(0), 10},
	} {
		did, err := db.NarrowAgent(ctx, "ada", step.client, step.until, step.calls)
		if err != nil || did != step.did {
			t.Fatalf("%+v: %v, %v", step, did, err)
		}
		if step.client != "shop" {
			continue
		}
		got, err := db.ConsentOf(ctx, "ada", "shop")
		ok(t, err)
		same(t, []any{got.AgentUntil, got.AgentCalls, got.UpdatedAt}, []any{step.left, step.most, c.UpdatedAt})
	}
	unbound := c
	unbound.AgentCalls = 0
	_, err := db.PutConsent(ctx, unbound)
	ok(t, err)
	if did, err := db.NarrowAgent(ctx, "ada", "shop", until(2*time.Hour), 7); err != nil || !did {
		t.Fatal(did, err)
	}
	_, err = db.PutConsent(ctx, c)
	ok(t, err)
}

// lessens: scopes are taken away from what was granted, and nothing else changes.
func lessens(t *testing.T, db *storage.DB, c storage.Consent) {
	t.Helper()
	ctx, was := t.Context(), c
	c.Granted = []string{"openid", "email"}
	_, err := db.PutConsent(ctx, c)
	ok(t, err)
	for _, step := range []struct {
		client string
		less   []string
		did    bool
		left   []string
		err    error
	}{
		{"nobody's", []string{"openid"}, false, nil, storage.ErrNotFound},
		{"shop", []string{"unheard-of"}, false, c.Granted, nil},
		{"shop", nil, false, c.Granted, nil},
		{"shop", []string{c.Granted[0], "unheard-of"}, true, c.Granted[1:], nil},
		{"shop", []string{c.Granted[0]}, false, c.Granted[1:], nil},
		{"shop", c.Granted, true, nil, nil},
	} {
		did, err := db.NarrowConsent(ctx, "ada", step.client, step.less)
		if did != step.did || !errors.Is(err, step.err) {
			t.Fatalf("%+v: %v, %v", step, did, err)
		}
		if step.err != nil {
			continue
		}
		want := c
		want.Granted = step.left
		got, err := db.ConsentOf(ctx, "ada", "shop")
		ok(t, err)
		same(t, []any{got.Offered, len(got.Granted), got.Resources, got.AgentUntil, got.AgentCalls, got.UpdatedAt, got.Epoch},
			[]any{want.Offered, len(want.Granted), want.Resources, want.AgentUntil, want.AgentCalls, want.UpdatedAt, want.Epoch})
		for i, s := range want.Granted {
			same(t, got.Granted[i], s)
		}
	}
	_, err = db.PutConsent(ctx, was)
	ok(t, err)
}

// pauses: an agent is paused and goes on, its grants are told so, and what is agreed anew goes on; what is no agent is not paused.
func pauses(t *testing.T, db *storage.DB, c storage.Consent) {
	t.Helper()
	ctx := t.Context()
	pause := func(client string, paused bool, at time.Time, want bool) {
		t.Helper()
		if did, err := db.PauseAgent(ctx, "ada", client, paused, at); err != nil || did != want {
			t.Fatalf("pause %s %v: %v, %v", client, paused, did, err)
		}
	}
	placed(t, db, "acting", "ada", "shop", 40)
	paused := func(since time.Time) (places []int64) {
		ok(t, db.PausedStatus(ctx, since, func(index int64) { places = append(places, index) }))
		return places
	}
	pause("notes", true, now, false) // nothing is agreed with it
	pause("shop", false, now, false)
	pause("shop", true, now, true)
	pause("shop", true, now.Add(time.Second), false)
	s, err := db.GrantStateByID(ctx, "acting")
	ok(t, err)
	if !s.PausedAt.Equal(now) || !s.AgreedAt.Equal(c.UpdatedAt) || !s.AgentUntil.Equal(c.AgentUntil) || s.AgentCalls != 100 {
		t.Fatalf("the grant of a paused agent: %v %v %d", s.PausedAt, s.AgentUntil, s.AgentCalls)
	}
	same(t, paused(now.Add(-time.Second)), []int64{40})
	same(t, paused(now), []int64(nil))
	pause("shop", false, now, true)
	same(t, paused(now.Add(-time.Second)), []int64(nil))
	pause("shop", true, now, true)
	_, err = db.PutConsent(ctx, c)
	ok(t, err)
	got, err := db.ConsentOf(ctx, "ada", "shop")
	ok(t, err)
	same(t, got, c)
	if _, err := db.PutConsent(ctx, storage.Consent{UserID: "ada", ClientID: "notes", CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
	pause("notes", true, now, false) // it is no agent
	_, err = db.WithdrawConsent(ctx, "ada", "notes", now)
	ok(t, err)
}
