package storage

import (
	"context"
	"encoding/json"
	"path"
	"time"
)

// PutPicture keeps the picture of a person instead of the one they had. It belongs into the transaction whose UpdateUser writes the claim
// with its address.
func (db *DB) PutPicture(ctx context.Context, id, userID string, jpeg []byte, now time.Time) error {
	return db.Tx(ctx, func(ctx context.Context) error {
		if err := db.dropPictures(ctx, userID, id); err != nil {
			return err
		}
		_, err := db.exec(ctx, "INSERT INTO pictures (id, user_id, picture, made_at) VALUES ($1, $2, $3, $4)", id, userID, jpeg, micros(now))
		return err
	})
}

// PictureByID reads one; ErrNotFound.
func (db *DB) PictureByID(ctx context.Context, id string) (jpeg []byte, err error) {
	err = db.one(ctx, "SELECT picture FROM pictures WHERE id = $1", []any{id}, &jpeg)
	return jpeg, err
}

// PictureOfUser reads a person's; ErrNotFound.
func (db *DB) PictureOfUser(ctx context.Context, userID string) (jpeg []byte, err error) {
	err = db.one(ctx, "SELECT picture FROM pictures WHERE user_id = $1", []any{userID}, &jpeg)
	return jpeg, err
}

// dropPictures deletes a person's but the one with the id.
func (db *DB) dropPictures(ctx context.Context, userID, but string) error {
	_, err := db.exec(ctx, "DELETE FROM pictures WHERE user_id = $1 AND id <> $2", userID, but)
	return err
}

// keepPicture deletes a person's picture if the claim came to name another, whoever changed it: nothing stays at an address that nobody
// tells any more.
func (db *DB) keepPicture(ctx context.Context, userID string, before, after json.RawMessage) error {
	was, is := pictureClaim(before), pictureClaim(after)
	if was == is {
		return nil
	}
	return db.dropPictures(ctx, userID, path.Base(is))
}

// pictureClaim is the address of the picture; "" = none, or one that cannot be read.
func pictureClaim(profile json.RawMessage) string {
	var claims struct{ Picture string }
	_ = json.Unmarshal(profile, &claims) // no picture
	return claims.Picture
}
