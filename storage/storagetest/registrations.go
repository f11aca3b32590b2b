package storagetest

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signet/storage"
)

// registered inserts a client that registered itself.
func registered(t *testing.T, db *storage.DB, id string, expires time.Time) {
	t.Helper()
	ok(t, db.InsertClient(t.Context(), storage.Client{ID: id, Metadata: json.RawMessage(`{}`), CreatedAt: now, UpdatedAt: now}))
	r := storage.Registration{ClientID: id, TokenHash: id + "1", CreatedAt: now, ExpiresAt: expires, Holder: "192.0.2.0/24"}
	if id == "secret" {
		r.InitialTokenID = "i"
	}
	ok(t, db.InsertRegistration(t.Context(), r))
}

func registrations(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	week := now.Add(7 * 24 * time.Hour)
	for _, id := range []string{"unused", "agreed", "granted", "secret", "own secret", "later"} {
		at := week
		if id == "later" {
			at = week.Add(time.Hour)
		}
		registered(t, db, id, at)
	}
	r, err := db.RegistrationOf(ctx, "unused")
	ok(t, err)
	if r.TokenHash != "unused1" || !r.ExpiresAt.Equal(week) || !r.CreatedAt.Equal(now) {
		t.Errorf("%+v", r)
	}
	next := r
	next.TokenHash, next.PreviousHash = "unused2", r.TokenHash
	ok(t, db.ChangeRegistrationTokens(ctx, r, next))
	if err := db.ChangeRegistrationTokens(ctx, r, next); !errors.Is(err, storage.ErrStale) {
		t.Errorf("the same change twice: %v", err)
	}
	if _, err := db.RegistrationOf(ctx, "nobody"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}

	_, err = db.PutConsent(ctx,
		storage.Consent{UserID: "ada", ClientID: "agreed", Offered: []string{"openid"}, Granted: []string{"openid"}, CreatedAt: now,
			UpdatedAt: now})
	ok(t, err)
	ok(t, db.InsertGrant(ctx, storage.Grant{ID: "g", ClientID: "granted", UserID: "ada", CreatedAt: now, EndsAt: week, ExpiresAt: week}))
	ok(t, db.InsertClientSecret(ctx, storage.ClientSecret{ID: "s", ClientID: "secret", MAC: "m", CreatedAt: now}, now))
	ok(t, db.TouchClientSecret(ctx, storage.ClientSecret{ID: "s", LastUsedAt: now}, ""))
	ok(t, db.InsertClientSecret(ctx, storage.ClientSecret{ID: "o", ClientID: "own secret", MAC: "m", CreatedAt: now}, now))
	ok(t, db.TouchClientSecret(ctx, storage.ClientSecret{ID: "o", LastUsedAt: now}, ""))
	if all, err := db.RegistrationShares(ctx); err != nil || len(all) != 1 || all["192.0.2.0/24"] != [2]int64{3, 6} {
		t.Errorf("shares: %v %v", all, err)
	}
	want := []string{"own secret", "unused"} // before the one that came later
	for most := range 4 {
		oldest, err := db.UnusedOf(ctx, "192.0.2.0/24", most)
		ok(t, err)
		if slices.Sort(oldest); len(oldest) != most || most == 2 && !slices.Equal(oldest, want) {
			t.Errorf("the %d oldest: %q", most, oldest)
		}
	}
	kept, unused, err := db.SettleRegistrations(ctx, week.Add(time.Minute), 10)
	ok(t, err)
	if !slices.Equal(slices.Sorted(slices.Values(unused)), []string{"own secret", "unused"}) {
		t.Errorf("unused: %q", unused)
	}
	if !slices.Equal(slices.Sorted(slices.Values(kept)), []string{"agreed", "granted", "secret"}) {
		t.Errorf("kept: %q", kept)
	}
	forgets(t, db, week)
	for _, id := range []string{"agreed", "granted", "secret"} {
		if r, err := db.RegistrationOf(ctx, id); err != nil || !r.ExpiresAt.IsZero() {
			t.Errorf("%s: %+v %v", id, r, err)
		}
	}
	ok(t, db.DeleteClient(ctx, "unused", now))
	if _, err := db.RegistrationOf(ctx, "unused"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("of a deleted client: %v", err)
	}

	initialTokens(t, db, week)
}

func initialTokens(t *testing.T, db *storage.DB, week time.Time) {
	t.Helper()
	ctx := t.Context()
	ok(t, db.InsertInitialToken(ctx,
		storage.InitialToken{ID: "i", TokenHash: "h", Note: "for the suite", UsesLeft: 1, CreatedAt: now, ExpiresAt: week}))
	if list, err := db.InitialTokens(ctx, now); err != nil || len(list) != 1 || list[0].Note != "for the suite" {
		t.Errorf("%+v %v", list, err)
	}
	ok(t, db.InitialTokenLives(ctx, "h", now))
	for _, dead := range []error{db.InitialTokenLives(ctx, "h", week), db.InitialTokenLives(ctx, "other", now)} {
		if !errors.Is(dead, storage.ErrNotFound) {
			t.Errorf("a token that is not good: %v", dead)
		}
	}
	ok(t, db.KeepRegistration(ctx, "later"))
	if r, err := db.RegistrationOf(ctx, "later"); err != nil || !r.ExpiresAt.IsZero() {
		t.Errorf("kept: %+v %v", r, err)
	}
	if _, err := db.SpendInitialToken(ctx, "h", week); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("expired: %v", err)
	}
	if id, err := db.SpendInitialToken(ctx, "h", now); err != nil || id != "i" {
		t.Errorf("%q %v", id, err)
	}
	if _, err := db.SpendInitialToken(ctx, "h", now); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("used up: %v", err)
	}
	ok(t, db.DeleteInitialToken(ctx, "i"))
	if err := db.DeleteInitialToken(ctx, "i"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

// raceInitialToken: of callers at once as many succeed as there are uses.
func raceInitialToken(t *testing.T, db *storage.DB) {
	ok(t, db.InsertInitialToken(t.Context(),
		storage.InitialToken{ID: "i", TokenHash: "h", UsesLeft: 3, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}))
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := db.SpendInitialToken(t.Context(), "h", now); err == nil {
				won.Add(1)
			} else if !errors.Is(err, storage.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 3 {
		t.Errorf("%d of 3 uses", won.Load())
	}
}

// documents are clients whose metadata is at their ids.
func documents(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	for i, id := range []string{"https://a.example/1", "https://b.example/1", "https://a.example/2"} {
		at := now.Add(time.Duration(i) * time.Second)
		ok(t, db.InsertClient(ctx, storage.Client{ID: id, Metadata: json.RawMessage(`{}`), CreatedAt: at, UpdatedAt: at}))
		ok(t, db.InsertRegistration(ctx, storage.Registration{ClientID: id, CreatedAt: at, Domain: id[8:17], FetchedAt: at,
			GoodUntil: at.Add(time.Minute)}))
	}
	if n, since, err := db.DocumentsOf(ctx, "a.example"); err != nil || n != 2 || !since.Equal(now) {
		t.Errorf("of a domain: %d since %s, %v", n, since, err)
	}
	if n, since, err := db.DocumentsOf(ctx, "c.example"); err != nil || n != 0 || !since.IsZero() {
		t.Errorf("of another: %d since %s, %v", n, since, err)
	}
	later := now.Add(time.Hour)
	ok(t, db.NoteDocument(ctx, "https://a.example/1", later, later.Add(time.Minute)))
	ok(t, db.NoteDocument(ctx, "https://a.example/1", now.Add(time.Minute), now.Add(time.Minute))) // a slower replica
	if r, err := db.RegistrationOf(ctx, "https://a.example/1"); err != nil || !r.FetchedAt.Equal(later) ||
		!r.GoodUntil.Equal(later.Add(time.Minute)) {
		t.Errorf("%+v, %v", r, err)
	}
}

// forgets: a person's oldest consents that nothing comes of any more, to clients that nobody vouches for, and nothing else.
func forgets(t *testing.T, db *storage.DB, week time.Time) {
	t.Helper()
	ctx := t.Context()
	agree := func(id string, at time.Time, until time.Time) {
		t.Helper()
		_, err := db.PutConsent(ctx, storage.Consent{UserID: "eve", ClientID: id, Offered: []string{"openid"}, Granted: []string{"openid"},
			CreatedAt: now, UpdatedAt: at, AgentUntil: until})
		ok(t, err)
	}
	for i, id := range []string{"e0", "e1", "e2", "e3", "e4", "in use", "young", "agent"} {
		registered(t, db, id, week)
		ok(t, db.KeepRegistration(ctx, id))
		agree(id, now.Add(time.Duration(i)*time.Minute), time.Time{})
	}
	agree("young", week, time.Time{})
	agree("agent", now, week)
	agree("secret", now, time.Time{})
	ok(t, db.InsertGrant(ctx, storage.Grant{ID: "e", ClientID: "in use", UserID: "eve", CreatedAt: now, EndsAt: week, ExpiresAt: week}))
	for _, want := range [][]string{{"e2", "e1"}, {"e0"}, nil} {
		got, err := db.ForgetConsents(ctx, "eve", 2, now.Add(time.Hour), 2)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("forgotten: %q %v, want %q", got, err, want)
		}
	}
	left, err := db.ConsentsOfUser(ctx, "eve", "", 20)
	ok(t, err)
	var ids []string
	for _, c := range left {
		ids = append(ids, c.ClientID)
	}
	if !slices.Equal(ids, []string{"agent", "e3", "e4", "in use", "secret", "young"}) {
		t.Errorf("left: %q", ids)
	}
	for id, want := range map[string]time.Time{"e0": week, "e3": {}, "secret": {}, "granted": {}} {
		ok(t, db.ExpectUse(ctx, id, week))
		if r, err := db.RegistrationOf(ctx, id); err != nil || !r.ExpiresAt.Equal(want) {
			t.Errorf("%s waits until %v, %v; want %v", id, r.ExpiresAt, err, want)
		}
	}
	if people, err := db.PeopleOf(ctx, "agreed", 2); err != nil || !slices.Equal(people, []string{"ada"}) {
		t.Errorf("people: %q %v", people, err)
	}
}
