// Package subject says what a client calls a person and a session: by the names that we give them, or, for a client with pairwise subjects,
// by names that only the clients of its sector share (OpenID Connect Core section 8).
//
// Nobody inverts such a name: to find whom one means, the names of those who may be meant are made and compared. Begin with Names.
package subject

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"signet/clients"
	"signet/internal/seal"
	"signet/storage"
)

// Names makes them. The zero value knows public subjects only, and gives no name to a client that wants another.
type Names struct{ salt []byte }

// Store is the part of *storage.DB that keeps the salt.
type Store interface {
	Salt(ctx context.Context, name string) ([]byte, error)
	PutSalt(ctx context.Context, name string, sealed []byte, now time.Time) error
}

// salt is the row of the value that names are made with. It is random and made once: a key that is derived from the master key would
// change with it, and with it all names.
const salt = "pairwise"

// Open reads the salt, and makes it where there is none yet.
func Open(ctx context.Context, store Store, master *seal.Master) (*Names, error) {
	for range 2 {
		sealed, err := store.Salt(ctx, salt)
		if err == nil {
			plain, err := master.Open(sealed, seal.Place("salts", salt, "sealed"))
			if err != nil {
				return nil, fmt.Errorf("open the salt of pairwise subjects: %w", err)
			}
			return &Names{plain}, nil
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return nil, fmt.Errorf("read the salt of pairwise subjects: %w", err)
		}
		var fresh [32]byte
		_, _ = rand.Read(fresh[:]) // never fails
		if sealed, err = master.Seal(fresh[:], seal.Place("salts", salt, "sealed")); err != nil {
			return nil, fmt.Errorf("seal the salt of pairwise subjects: %w", err)
		}
		if err := store.PutSalt(ctx, salt, sealed, time.Now()); err != nil && !errors.Is(err, storage.ErrConflict) {
			return nil, fmt.Errorf("write the salt of pairwise subjects: %w", err)
		}
	}
	return nil, errors.New("the salt of pairwise subjects comes and goes")
}

// Subject is what the client calls the person: sub.
func (n *Names) Subject(c *clients.Client, userID string) string {
	if c == nil || !c.Pairwise() || userID == "" {
		return userID
	}
	sector := c.Sector()
	if sector == "" { // all such clients would have one sector; clients.Metadata.Validate lets none pass
		return ""
	}
	return n.name(sector, userID)
}

// Session is what the client calls the session: sid. It is another one for each client with pairwise subjects, or clients could compare
// sessions instead of people.
func (n *Names) Session(c *clients.Client, sessionID string) string {
	if c == nil || !c.Pairwise() || sessionID == "" {
		return sessionID
	}
	return n.name("sid", sessionID, c.ClientID)
}

func (n *Names) name(parts ...string) string {
	if n == nil || len(n.salt) == 0 {
		return "" // nothing is signed for nobody (package tokens)
	}
	h := hmac.New(sha256.New, n.salt)
	for i, part := range parts {
		if i > 0 {
			h.Write([]byte{0})
		}
		h.Write([]byte(part))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
