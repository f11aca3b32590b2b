package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"signet/storage"
)

func ada(t *testing.T, db *storage.DB) storage.User {
	t.Helper()
	u := storage.User{
		ID: "ada", EmailKey: "ada@example.com", Email: "Ada@Example.com", EmailVerified: true, UsernameKey: "ada", Username: "Ada",
		Profile: json.RawMessage(`{"name":"Ada"}`), Epoch: 3, CreatedAt: now, UpdatedAt: now,
	}
	ok(t, db.InsertUser(t.Context(), u))
	return u
}

func same[T any](t *testing.T, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func fails(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func users(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	u := ada(t, db)
	got, err := db.UserByID(ctx, "ada")
	ok(t, err)
	same(t, got, u)
	for _, key := range [][2]string{{"ada@example.com", ""}, {"", "ada"}} {
		got, err := db.UserByKey(ctx, key[0], key[1])
		ok(t, err)
		same(t, got, u)
	}
	fails(t, db.InsertUser(ctx, storage.User{ID: "b", EmailKey: u.EmailKey, Email: "x", CreatedAt: now, UpdatedAt: now}), storage.ErrConflict)
	fails(t, db.InsertUser(ctx, storage.User{ID: "b", EmailKey: "b@x", UsernameKey: "ada", CreatedAt: now, UpdatedAt: now}),
		storage.ErrConflict)

	// Several may have no user name.
	for i := range 3 {
		id := fmt.Sprintf("p%d", i)
		ok(t, db.InsertUser(ctx, storage.User{ID: id, EmailKey: id + "@x", Email: id, CreatedAt: now, UpdatedAt: now}))
	}
	read := u
	u.Email, u.EmailKey, u.EmailVerified, u.Username, u.UsernameKey = "ada@new.example", "ada@new.example", false, "", ""
	u.Profile, u.UpdatedAt = json.RawMessage(`{"name":"Countess"}`), now.Add(time.Second)
	ok(t, db.UpdateUser(ctx, read, u))
	got, err = db.UserByID(ctx, "ada")
	ok(t, err)
	if got.Email == u.Email || got.EmailKey == u.EmailKey || got.Username != "" {
		t.Errorf("the update of the profile wrote %+v", got)
	}
	ok(t, db.UpdateUserEmail(ctx, read, u))
	got, err = db.UserByID(ctx, "ada")
	ok(t, err)
	same(t, got, u)
	clash := u
	clash.EmailKey = "p1@x"
	fails(t, db.UpdateUserEmail(ctx, u, clash), storage.ErrConflict)
	clash.ID, clash.UsernameKey = "p0", "taken"
	ok(t, db.UpdateUser(ctx, storage.User{}, clash))
	clash.ID = "p2"
	fails(t, db.UpdateUser(ctx, storage.User{}, clash), storage.ErrConflict)
	clash.ID = "nobody"
	clash.EmailKey = "free@x"
	fails(t, db.UpdateUser(ctx, storage.User{}, clash), storage.ErrStale)
	fails(t, db.UpdateUserEmail(ctx, u, clash), storage.ErrStale)

	ok(t, db.RaiseEpoch(ctx, "ada", now))
	ok(t, db.SetUserDisabled(ctx, "ada", now, now))
	got, err = db.UserByID(ctx, "ada")
	ok(t, err)
	if got.Epoch != 4 || !got.DisabledAt.Equal(now) {
		t.Fatalf("got epoch %d, disabled %v", got.Epoch, got.DisabledAt)
	}
	ok(t, db.SetUserDisabled(ctx, "ada", time.Time{}, now))
	if got, err = db.UserByID(ctx, "ada"); err != nil || !got.DisabledAt.IsZero() {
		t.Fatalf("got disabled %v, %v; want enabled", got.DisabledAt, err)
	}
	fails(t, db.RaiseEpoch(ctx, "nobody", now), storage.ErrNotFound)
	fails(t, db.SetUserDisabled(ctx, "nobody", now, now), storage.ErrNotFound)

	page, err := db.Users(ctx, "ada", 2)
	ok(t, err)
	if len(page) != 2 || page[0].ID != "p0" || page[1].ID != "p1" {
		t.Fatalf("got page %+v", page)
	}
}

func credentials(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ada(t, db)
	s, err := db.SignInByID(ctx, "ada")
	ok(t, err)
	if s.ID != "ada" || s.PasswordID != "" || s.PasswordHash != "" {
		t.Fatalf("got %+v, want ada without a password", s)
	}
	c := storage.Credential{ID: "c1", UserID: "ada", Kind: "password", Data: "v1$one", CreatedAt: now}
	ok(t, db.InsertCredential(ctx, c))
	second := c
	second.ID = "c2"
	fails(t, db.InsertCredential(ctx, second), storage.ErrConflict) // one password a person
	ok(t, db.InsertCredential(ctx, storage.Credential{ID: "c3", UserID: "ada", Kind: "totp", Data: "sealed", CreatedAt: now}))

	s, err = db.SignInByKey(ctx, "", "ada")
	ok(t, err)
	if s.User.Email != "Ada@Example.com" || s.PasswordID != "c1" || s.PasswordHash != "v1$one" {
		t.Fatalf("got %+v", s)
	}
	list, err := db.Credentials(ctx, "ada", "password")
	ok(t, err)
	same(t, list, []storage.Credential{c})
	if list, err = db.Credentials(ctx, "ada", ""); err != nil || len(list) != 2 {
		t.Fatalf("got %d credentials, %v; want 2", len(list), err)
	}
	ok(t, db.ReplaceCredentialData(ctx, "c1", "v1$one", "v1$two", now))
	fails(t, db.ReplaceCredentialData(ctx, "c1", "v1$one", "v1$three", now), storage.ErrStale)
	n, err := db.DeleteCredentials(ctx, "ada", "password")
	if err != nil || n != 1 {
		t.Fatalf("deleted %d, %v; want 1", n, err)
	}
}

func sessionOf(id string) storage.Session {
	return storage.Session{
		ID: id, SecretHash: "hash-" + id, UserID: "ada", AuthTime: now, ACR: "urn:signet:pwd", AMR: []string{"pwd", "otp"},
		Agent: "Firefox", Address: "192.0.2.0/24", Remember: true, CreatedAt: now, SeenAt: now,
		ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(24 * time.Hour),
	}
}

func sessions(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	u := ada(t, db)
	s := sessionOf("s1")
	ok(t, db.InsertSession(ctx, s))
	got, err := db.SessionBySecret(ctx, "hash-s1")
	ok(t, err)
	same(t, got, storage.SessionUser{Session: s, User: u})
	_, err = db.SessionBySecret(ctx, "hash-other")
	fails(t, err, storage.ErrNotFound)

	next := s
	next.SecretHash, next.AuthTime, next.AMR, next.Remember = "hash-new", now.Add(time.Minute), []string{"pwd"}, false
	next.SeenAt, next.ExpiresAt = now.Add(time.Minute), now.Add(2*time.Hour)
	ok(t, db.RenewSession(ctx, "hash-s1", next))
	fails(t, db.RenewSession(ctx, "hash-s1", next), storage.ErrStale)
	_, err = db.SessionBySecret(ctx, "hash-s1")
	fails(t, err, storage.ErrNotFound)
	got, err = db.SessionBySecret(ctx, "hash-new")
	ok(t, err)
	same(t, got.Session, next)
	thief := next
	thief.UserID, thief.SecretHash = "eve", "hash-eve"
	fails(t, db.RenewSession(ctx, "hash-new", thief), storage.ErrStale) // a session never changes its person

	ok(t, db.TouchSession(ctx, "s1", "198.51.100.0/24", now.Add(time.Hour), now.Add(3*time.Hour)))
	got, err = db.SessionBySecret(ctx, "hash-new")
	ok(t, err)
	if got.Address != "198.51.100.0/24" || !got.SeenAt.Equal(now.Add(time.Hour)) || !got.ExpiresAt.Equal(now.Add(3*time.Hour)) {
		t.Fatalf("got %+v", got.Session)
	}

	for _, id := range []string{"s2", "s3", "s4"} {
		other := sessionOf(id)
		if id == "s4" {
			other.ExpiresAt = now.Add(-time.Second)
		}
		ok(t, db.InsertSession(ctx, other))
	}
	list, err := db.SessionsOfUser(ctx, "ada", now, 10)
	ok(t, err)
	if ids := idsOf(list, func(s storage.Session) string { return s.ID }); !slices.Equal(ids, []string{"s1", "s2", "s3"}) {
		t.Fatalf("live sessions %v", ids)
	}
	if list, err = db.Sessions(ctx, now, "s1", 10); err != nil || len(list) != 2 {
		t.Fatalf("got %d sessions after s1, %v; want 2", len(list), err)
	}
	endings(t, ctx, db)
}

func endings(t *testing.T, ctx context.Context, db *storage.DB) {
	t.Helper()
	if ended, err := db.EndSession(ctx, "s2", "eve", now); err != nil || ended {
		t.Fatalf("eve ended ada's session: %v, %v", ended, err)
	}
	if ended, err := db.EndSession(ctx, "s2", "ada", now); err != nil || !ended {
		t.Fatalf("got %v, %v; want ended", ended, err)
	}
	if ended, err := db.EndSession(ctx, "s2", "", now); err != nil || ended {
		t.Fatalf("ended twice: %v, %v", ended, err)
	}
	got, err := db.SessionBySecret(ctx, "hash-s2")
	ok(t, err)
	if !got.EndedAt.Equal(now) {
		t.Fatalf("ended at %v", got.EndedAt)
	}
	renewed := got.Session
	renewed.SecretHash = "hash-again"
	fails(t, db.RenewSession(ctx, "hash-s2", renewed), storage.ErrStale)

	gone, err := db.EndSessionsOfUser(ctx, "ada", "s1", now)
	ok(t, err)
	slices.Sort(gone)
	same(t, gone, []string{"s3", "s4"})
	list, err := db.SessionsOfUser(ctx, "ada", now, 10)
	ok(t, err)
	if len(list) != 1 || list[0].ID != "s1" {
		t.Fatalf("left %+v, want s1", list)
	}
}

func idsOf[T any](list []T, id func(T) string) []string {
	ids := make([]string, len(list))
	for i, x := range list {
		ids[i] = id(x)
	}
	return ids
}
