package storagetest

import (
	"bytes"
	"encoding/base64"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/sealed"
)

// head is the front of a value that the master key n sealed.
func head(n byte) []byte { return append([]byte{1}, bytes.Repeat([]byte{n}, 8)...) }

func sealedBy(n byte, text string) []byte { return append(head(n), text...) }

// sealedValues of every column are found by their master key, and replaced where they are still what was read.
func sealedValues(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	u := ada(t, db)
	ok(t, db.InsertWebhook(ctx, "hook", 1, []byte("{}"), sealedBy(1, "whsec")))
	_, err := db.InsertSetting(ctx, "upstreams/work", []byte("{}"), sealedBy(1, "secret"))
	ok(t, err)
	ok(t, db.InsertKey(ctx, storage.Key{KID: "k1", Alg: "ES256", State: "next", Sealed: sealedBy(1, "key"), MadeAt: now}))
	for i, n := range []byte{1, 2, 2} {
		id := string(rune('a' + i))
		ok(t, db.InsertMessage(ctx,
			storage.Message{ID: id, Kind: "k", Sealed: sealedBy(n, id), DueAt: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}))
	}
	ok(t, db.InsertCredential(ctx, storage.Credential{ID: "t", UserID: u.ID, Kind: "totp", CreatedAt: now,
		Data: base64.RawStdEncoding.EncodeToString(sealedBy(1, "secret"))}))
	ok(t, db.InsertCredential(ctx, storage.Credential{ID: "p", UserID: u.ID, Kind: "password", Data: "v2$01234567$$2a$10$x", CreatedAt: now}))
	ok(t, db.InsertIdentity(ctx,
		storage.Identity{ID: "i", Upstream: "w", Issuer: "https://w", Subject: "7", UserID: u.ID, Tokens: sealedBy(1, "tokens"), CreatedAt: now}))
	ok(t, db.InsertSession(ctx,
		storage.Session{ID: "s", SecretHash: "h", UserID: u.ID, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}))
	ok(t, db.PutUpstreamSession(ctx,
		storage.UpstreamSession{SessionID: "s", Upstream: "w", Issuer: "https://w", Subject: "7", IDToken: sealedBy(1, "id")}))

	ok(t, db.PutSalt(ctx, "pairwise", sealedBy(1, "salt"), now))
	fails(t, db.PutSalt(ctx, "pairwise", sealedBy(1, "another"), now), storage.ErrConflict)
	if salt, err := db.Salt(ctx, "pairwise"); err != nil || !bytes.Equal(salt, sealedBy(1, "salt")) {
		t.Errorf("salt %x, %v", salt, err)
	}
	_, err = db.Salt(ctx, "none")
	fails(t, err, storage.ErrNotFound)

	marks, err := db.SealedMarks(ctx, sealed.Messages)
	ok(t, err)
	if len(marks) != 2 || !bytes.Equal(marks[0].Head, head(1)) || !bytes.Equal(marks[1].Head, head(2)) {
		t.Fatalf("marks %+v", marks)
	}
	n, err := db.CountSealed(ctx, marks[1])
	if err != nil || n != 2 {
		t.Errorf("counted %d, %v; want 2", n, err)
	}
	page, err := db.SealedValues(ctx, marks[1], "", 1)
	ok(t, err)
	next, err := db.SealedValues(ctx, marks[1], page[0].ID, 5)
	if err != nil || page[0].ID != "b" || len(next) != 1 || next[0].ID != "c" || !bytes.Equal(next[0].Value, sealedBy(2, "c")) {
		t.Errorf("pages %+v %+v, %v", page, next, err)
	}
	ok(t, db.ReplaceSealed(ctx, page[0], nil)) // forgotten
	places := map[sealed.Column]string{sealed.Keys: "k1", sealed.Authenticator: "t", sealed.Tokens: "i",
		sealed.IDTokens: "w https://w 7", sealed.Salts: "pairwise", sealed.Webhooks: "hook",
		sealed.Settings: "upstreams/work"}
	for column, place := range places {
		marks, err := db.SealedMarks(ctx, column)
		if err != nil || len(marks) != 1 {
			t.Fatalf("%s: marks %+v, %v", column, marks, err)
		}
		list, err := db.SealedValues(ctx, marks[0], "", 5)
		if err != nil || len(list) != 1 || list[0].Place != place || !bytes.Equal(list[0].Value[:9], head(1)) {
			t.Fatalf("%s: values %+v, %v", column, list, err)
		}
		ok(t, db.ReplaceSealed(ctx, list[0], sealedBy(3, "new")))
		fails(t, db.ReplaceSealed(ctx, list[0], sealedBy(4, "late")), storage.ErrStale)
		if column == sealed.Keys {
			continue
		}
		marks, err = db.SealedMarks(ctx, column)
		ok(t, err)
		list, err = db.SealedValues(ctx, marks[0], "", 5)
		if err != nil || len(list) != 1 || !bytes.Equal(list[0].Value, sealedBy(3, "new")) {
			t.Fatalf("%s: replaced by %+v, %v", column, list, err)
		}
		ok(t, db.ReplaceSealed(ctx, list[0], nil))
	}
	derived, err := db.SealedMarks(ctx, sealed.DerivedPasswords)
	if err != nil || len(derived) != 1 || derived[0].Text != "v2$01234567" {
		t.Errorf("peppers %+v, %v", derived, err)
	}
	if list, err := db.SealedValues(ctx, derived[0], "", 5); err != nil || len(list) != 0 {
		t.Errorf("a hash is no sealed value: %+v, %v", list, err)
	}
	clientSecrets(t, db)
}

// clientSecrets say which master key their MAC needs, and take another MAC where they are still what was read.
func clientSecrets(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ok(t, db.InsertClient(ctx, storage.Client{ID: "c", Metadata: []byte("{}"), CreatedAt: now, UpdatedAt: now}))
	ok(t, db.InsertClientSecret(ctx, storage.ClientSecret{ID: "s1", ClientID: "c", MAC: "old", CreatedAt: now}, time.Time{}))
	marks, err := db.SealedMarks(ctx, sealed.DerivedSecrets)
	if err != nil || len(marks) != 1 || marks[0].Text != "" {
		t.Fatalf("marks %+v, %v", marks, err)
	}
	ok(t, db.TouchClientSecret(ctx, storage.ClientSecret{ID: "s1", MAC: "new", MasterKey: "0a", LastUsedAt: now}, "old"))
	ok(t, db.TouchClientSecret(ctx, storage.ClientSecret{ID: "s1", MAC: "newer", MasterKey: "0b", LastUsedAt: now.Add(time.Second)}, "old"))
	_, secrets, err := db.ClientByID(ctx, "c")
	if err != nil || secrets[0].MAC != "new" || secrets[0].MasterKey != "0a" || !secrets[0].LastUsedAt.Equal(now.Add(time.Second)) {
		t.Errorf("secrets %+v, %v", secrets, err)
	}
	ok(t, db.UseMasterKey(ctx, "0a", now))
	ok(t, db.UseMasterKey(ctx, "0b", now.Add(time.Second)))
	ok(t, db.UseMasterKey(ctx, "0b", now)) // a slower clock
	keys, err := db.MasterKeys(ctx)
	ok(t, err)
	same(t, keys, map[string]time.Time{"0b": now.Add(time.Second), "0a": now})
}
