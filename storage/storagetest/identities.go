package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"signet/storage"
)

func identities(t *testing.T, db *storage.DB) { // rules N02, N09
	ctx := t.Context()
	ada(t, db)
	ok(t, db.InsertUser(ctx, storage.User{ID: "bob", EmailKey: "bob@x", Email: "bob@x", CreatedAt: now, UpdatedAt: now}))
	one := storage.Identity{ID: "i1", Upstream: "google", Issuer: "https://g", Subject: "1", UserID: "ada", Label: "ada@g", CreatedAt: now}
	ok(t, db.InsertIdentity(ctx, one))
	foreign := one
	foreign.ID, foreign.UserID = "i2", "bob"
	fails(t, db.InsertIdentity(ctx, foreign), storage.ErrConflict) // an identity is one person's
	foreign.Upstream = "google-staff"
	ok(t, db.InsertIdentity(ctx, foreign)) // the same subject of another upstream is another identity
	got, err := db.IdentityBySubject(ctx, "google", "https://g", "1")
	ok(t, err)
	same(t, got, one)
	for _, x := range [][3]string{{"google", "https://g", "2"}, {"google", "https://h", "1"}, {"github", "https://g", "1"}} {
		_, err := db.IdentityBySubject(ctx, x[0], x[1], x[2])
		fails(t, err, storage.ErrNotFound)
	}
	ok(t, db.UseIdentity(ctx, "i1", "ada@new", []byte("sealed"), now))
	ok(t, db.UseIdentity(ctx, "i1", "ada@newer", nil, now.Add(time.Second)))
	fails(t, db.UseIdentity(ctx, "nobody", "x", nil, now), storage.ErrNotFound)
	list, err := db.IdentitiesOfUser(ctx, "ada")
	ok(t, err)
	one.Label, one.LastUsedAt, one.Tokens = "ada@newer", now.Add(time.Second), []byte("sealed")
	same(t, list, []storage.Identity{one})
	fails(t, db.ReplaceIdentityTokens(ctx, "i1", []byte("other"), []byte("x")), storage.ErrStale)
	ok(t, db.ReplaceIdentityTokens(ctx, "i1", []byte("sealed"), []byte("again")))
	ok(t, db.ReplaceIdentityTokens(ctx, "i1", []byte("again"), nil))
	fails(t, db.DeleteIdentity(ctx, "i1", "bob"), storage.ErrNotFound)
	ok(t, db.DeleteIdentity(ctx, "i1", "ada"))
	fails(t, db.DeleteIdentity(ctx, "i1", "ada"), storage.ErrNotFound)
	if n, err := db.DeleteFactors(ctx, "bob", time.Time{}); n != 1 || err != nil {
		t.Fatalf("%d of bob's ways, %v; want 1", n, err)
	}
	ok(t, db.InsertIdentity(ctx, one))
	ok(t, db.EraseUser(ctx, "ada"))
	_, err = db.IdentityBySubject(ctx, one.Upstream, one.Issuer, one.Subject)
	fails(t, err, storage.ErrNotFound)
}

func upstreamSessions(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ada(t, db)
	for _, id := range []string{"s1", "s2", "s3"} {
		ok(t, db.InsertSession(ctx, sessionOf(id)))
		ok(t, db.PutUpstreamSession(ctx,
			storage.UpstreamSession{SessionID: id, Upstream: "work", Issuer: "https://w", Subject: "7", SID: "sid-" + id}))
	}
	ok(t, db.PutUpstreamSession(ctx,
		storage.UpstreamSession{SessionID: "s1", Upstream: "work", Issuer: "https://w", Subject: "7", SID: "sid-1", IDToken: []byte("sealed")}))
	got, err := db.UpstreamSessionByID(ctx, "s1")
	if err != nil || got.SID != "sid-1" || !bytes.Equal(got.IDToken, []byte("sealed")) {
		t.Fatalf("got %+v, %v", got, err)
	}
	for name, tt := range map[string]struct {
		upstream, issuer, subject, sid string
		want                           int
	}{
		"of a subject":        {"work", "https://w", "7", "", 3},
		"of a session":        {"work", "https://w", "", "sid-1", 1},
		"of both":             {"work", "https://w", "7", "sid-1", 1},
		"of somebody else":    {"work", "https://w", "8", "sid-1", 0},
		"another subject":     {"work", "https://w", "8", "", 0},
		"of another upstream": {"home", "https://w", "7", "", 0},
		"of another issuer":   {"work", "https://v", "7", "", 0},
	} {
		list, err := db.SessionsFrom(ctx, tt.upstream, tt.issuer, tt.subject, tt.sid)
		if err != nil || len(list) != tt.want || tt.want == 1 && (list[0].ID != "s1" || list[0].UserID != "ada") {
			t.Errorf("%s: %v, %v; want %d", name, list, err, tt.want)
		}
	}
	ok(t, db.DeleteUpstreamSession(ctx, "s1"))
	ok(t, db.DeleteUpstreamSession(ctx, "s1"))
	_, err = db.UpstreamSessionByID(ctx, "s1")
	fails(t, err, storage.ErrNotFound)
	ok(t, db.EraseUser(ctx, "ada")) // and with the sessions goes where they began
	_, err = db.UpstreamSessionByID(ctx, "s2")
	fails(t, err, storage.ErrNotFound)
}

// ownErrors: a caller's reason to undo a transaction is not the database's.
func ownErrors(t *testing.T, db *storage.DB) {
	why := errors.New("of the caller")
	err := db.Tx(t.Context(), func(ctx context.Context) error { return fmt.Errorf("not so: %w", why) })
	if !errors.Is(err, why) || errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	err = db.Tx(t.Context(), func(ctx context.Context) error {
		_, err := db.UserByID(ctx, "nobody")
		return errors.Join(why, err)
	})
	if !errors.Is(err, why) || !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
