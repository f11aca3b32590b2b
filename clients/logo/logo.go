// Package logo keeps the pictures by which people know applications: fetched once from where the registration says, checked,
// made anew, and shown from our own host, so that no page of ours loads anything from elsewhere and nobody's server learns who
// signs in (M06).
//
// A picture is PNG, JPEG or GIF, at most 1024 pixels wide and high, and is stored as a PNG of our own making; what else was in
// the file is gone. SVG is not taken. It knows neither pages nor HTTP. Begin with Cache.Tend and Cache.Of.
package logo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // decoders
	_ "image/jpeg" // of what
	"image/png"    // is taken
	"log/slog"
	"sync/atomic"
	"time"

	"signet/internal/egress"
	"signet/storage"
)

const (
	maxSide  = 1024               // pixels
	maxBytes = 128 << 10          // of the picture as we keep it
	again    = 7 * 24 * time.Hour // a picture is fetched anew this often
	retry    = time.Hour          // after a failure
)

// ErrPicture: what came is no picture that is taken.
var ErrPicture = errors.New("not a PNG, JPEG or GIF of at most 1024 pixels and 128 KiB")

// Store is the part of *storage.DB that logos use.
type Store interface {
	Logos(ctx context.Context) ([]storage.Logo, error)
	LogoPicture(ctx context.Context, clientID, hash string) ([]byte, error)
	PutLogo(ctx context.Context, l storage.Logo) error
	DeleteLogo(ctx context.Context, clientID string) error
}

// Registry lists the applications; *clients.Registry.
type Registry interface {
	LogoURIs() map[string]string // by client id
}

// Fetcher is the one way out; *egress.Client.
type Fetcher interface {
	Fetch(ctx context.Context, q egress.Request) (egress.Response, error)
}

// Cache knows which application has which picture.
type Cache struct {
	store   Store
	clients Registry
	out     Fetcher
	log     *slog.Logger
	known   atomic.Pointer[map[string]string] // client → hash
}

// New returns an empty cache.
func New(store Store, registry Registry, out Fetcher, log *slog.Logger) (*Cache, error) {
	if store == nil || registry == nil || out == nil || log == nil {
		return nil, errors.New("logos need a store, a registry, a way out and a log")
	}
	return &Cache{store: store, clients: registry, out: out, log: log}, nil
}

// Of is the hash of an application's picture, "" if there is none: what a page's address of it holds.
func (b *Cache) Of(clientID string) string {
	if known := b.known.Load(); known != nil {
		return (*known)[clientID]
	}
	return ""
}

// Picture is the PNG of a hash that Of told; storage.ErrNotFound.
func (b *Cache) Picture(ctx context.Context, clientID, hash string) ([]byte, error) {
	if hash == "" {
		return nil, storage.ErrNotFound
	}
	return b.store.LogoPicture(ctx, clientID, hash)
}

// Refresh reads what is stored: each replica does, now and then.
func (b *Cache) Refresh(ctx context.Context) error {
	rows, err := b.store.Logos(ctx)
	if err != nil {
		return fmt.Errorf("read logos: %w", err)
	}
	known := make(map[string]string, len(rows))
	for _, l := range rows {
		if l.Hash != "" {
			known[l.ClientID] = l.Hash
		}
	}
	b.known.Store(&known)
	return nil
}

// Tend fetches what is new, changed or old, and forgets what is registered no more: one replica does.
func (b *Cache) Tend(ctx context.Context) error {
	rows, err := b.store.Logos(ctx)
	if err != nil {
		return fmt.Errorf("read logos: %w", err)
	}
	have := map[string]storage.Logo{}
	for _, l := range rows {
		have[l.ClientID] = l
	}
	now := time.Now()
	for id, uri := range b.clients.LogoURIs() {
		old := have[id]
		delete(have, id)
		if old.URI == uri && !now.After(old.DueAt) {
			continue
		}
		if err := b.fetch(ctx, id, uri, old, now); err != nil {
			return err
		}
	}
	for id := range have {
		if err := b.store.DeleteLogo(ctx, id); err != nil {
			return err
		}
	}
	return b.Refresh(ctx)
}

// fetch writes down what came, or that nothing did: the picture there was stays until its address changes.
func (b *Cache) fetch(ctx context.Context, client, uri string, old storage.Logo, now time.Time) error {
	l := storage.Logo{ClientID: client, URI: uri, DueAt: now.Add(again)}
	picture, err := b.picture(ctx, uri)
	if err != nil {
		b.log.WarnContext(ctx, "logo of a client cannot be had", "client_id", client, "error", err)
		l.DueAt = now.Add(retry)
		if old.URI == uri {
			l.Hash, l.Picture = old.Hash, nil
		}
	} else {
		sum := sha256.Sum256(picture)
		l.Hash, l.Picture = hex.EncodeToString(sum[:8]), picture
	}
	if err := b.store.PutLogo(ctx, l); err != nil {
		return fmt.Errorf("keep logo: %w", err)
	}
	return nil
}

func (b *Cache) picture(ctx context.Context, uri string) ([]byte, error) {
	a, err := b.out.Fetch(ctx, egress.Request{URL: uri, Types: []string{"image/png", "image/jpeg", "image/gif"}})
	if err != nil {
		return nil, err
	}
	if a.Status != 200 {
		return nil, fmt.Errorf("status %d", a.Status)
	}
	return remake(a.Body)
}

// remake decodes a picture and encodes it anew. Its size is known before it is decoded.
func remake(raw []byte) ([]byte, error) {
	size, _, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil || size.Width < 1 || size.Height < 1 || size.Width > maxSide || size.Height > maxSide {
		return nil, ErrPicture
	}
	picture, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, ErrPicture
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, picture); err != nil || out.Len() > maxBytes {
		return nil, ErrPicture
	}
	return out.Bytes(), nil
}
