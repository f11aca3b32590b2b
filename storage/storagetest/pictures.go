package storagetest

import (
	"context"
	"encoding/json"
	"testing"

	"signet/storage"
)

// pictures are at most one a person, and go with the claim that names them, whoever changes it, and with the person.
func pictures(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ada(t, db)
	ok(t, db.InsertUser(ctx, storage.User{ID: "bob", EmailKey: "bob@x", Email: "bob@x", CreatedAt: now, UpdatedAt: now}))
	ok(t, db.PutPicture(ctx, "b1", "bob", []byte{9}, now))
	gone := func(id string) {
		t.Helper()
		_, err := db.PictureByID(ctx, id)
		fails(t, err, storage.ErrNotFound)
	}
	name := func(ctx context.Context, address string) {
		t.Helper()
		before, err := db.UserByID(ctx, "ada")
		ok(t, err)
		after := before
		after.Profile, err = json.Marshal(map[string]string{"name": "Ada", "picture": address})
		ok(t, err)
		ok(t, db.UpdateUser(ctx, before, after))
	}
	gone("p1")
	gone("")
	ok(t, db.Tx(ctx, func(ctx context.Context) error {
		name(ctx, "https://id.example/pictures/p1")
		return db.PutPicture(ctx, "p1", "ada", []byte{1, 0, 255}, now)
	}))
	got, err := db.PictureByID(ctx, "p1")
	ok(t, err)
	same(t, got, []byte{1, 0, 255})
	got, err = db.PictureOfUser(ctx, "ada")
	ok(t, err)
	same(t, got, []byte{1, 0, 255})
	name(ctx, "https://id.example/pictures/p1") // another claim changed: it stays
	_, err = db.PictureByID(ctx, "p1")
	ok(t, err)
	ok(t, db.PutPicture(ctx, "p2", "ada", []byte{2}, now))
	gone("p1")
	name(ctx, "https://id.example/pictures/p2")
	_, err = db.PictureByID(ctx, "p2")
	ok(t, err)
	name(ctx, "https://elsewhere.example/ada.png")
	gone("p2")
	ok(t, db.PutPicture(ctx, "p3", "ada", []byte{3}, now))
	name(ctx, "")
	gone("p3")
	_, err = db.PictureOfUser(ctx, "ada")
	fails(t, err, storage.ErrNotFound)
	fails(t, db.PutPicture(ctx, "b1", "ada", []byte{4}, now), storage.ErrConflict) // never another's id
	if err := db.PutPicture(ctx, "p4", "nobody", []byte{4}, now); err == nil {
		t.Error("nobody has a picture")
	}
	got, err = db.PictureByID(ctx, "b1")
	ok(t, err)
	same(t, got, []byte{9})
	ok(t, db.Tx(ctx, func(ctx context.Context) error { return db.EraseUser(ctx, "bob") }))
	gone("b1")
}
