// Package logo keeps the pictures by which people know applications: fetched once from where the registration says, checked,
// made anew, and shown from our own host, so that no page of ours loads anything from elsewhere and nobody's server learns who
// signs in (M06).
//
// A picture is PNG, JPEG or GIF, at most 1024 pixels wide and high, and is stored as a PNG of our own making; what else was in
// the file is gone. SVG is not taken. It knows neither pages nor HTTP. Begin with Cache.Meet, Cache.Tend and Cache.Of.
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
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"signet/internal/egress"
	"signet/storage"
)

const (
	maxSide  = 1024               // pixels
	maxBytes = 128 << 10          // of the picture as we keep it
	maxScans = 32                 // passes over a progressive JPEG of maxSide; smaller ones may have more
	again    = 7 * 24 * time.Hour // a picture is fetched anew this often
	retry    = time.Hour          // after a failure
	wait     = 2 * time.Second    // of a registration for its picture
	young    = 5 * time.Minute    // a picture of a client that this replica may not know yet
)

// errPicture: what came is no picture that is taken.
var errPicture = errors.New("not a PNG, JPEG or GIF of at most 1024 pixels and 128 KiB")

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

	mu  sync.RWMutex
	met map[string]meeting // since what is known was read

	slow map[string]bool // domains, in the last round of Tend
}

// meeting is what Meet found.
type meeting struct {
	hash string
	at   time.Time
}

// New returns an empty cache.
func New(store Store, registry Registry, out Fetcher, log *slog.Logger) (*Cache, error) {
	if store == nil || registry == nil || out == nil || log == nil {
		return nil, errors.New("logos need a store, a registry, a way out and a log")
	}
	return &Cache{store: store, clients: registry, out: out, log: log, met: map[string]meeting{}}, nil
}

// Of is the hash of an application's picture, "" if there is none: what a page's address of it holds.
func (b *Cache) Of(clientID string) string {
	b.mu.RLock()
	m, ok := b.met[clientID]
	b.mu.RUnlock()
	if ok {
		return m.hash
	}
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
	began := time.Now()
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
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.met, func(_ string, m meeting) bool { return m.at.Before(began) })
	return nil
}

// Meet fetches the picture of a client that has registered, or changed, just now, "" = it has none any more: it may send people to sign in
// at once, and that page shows the picture (RFC 7591 section 2). It takes two seconds at most; what cannot be had in them Tend tries.
func (b *Cache) Meet(ctx context.Context, clientID, uri string) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var hash string
	var err error
	if uri == "" {
		err = b.store.DeleteLogo(ctx, clientID)
	} else {
		picture, missing := b.picture(ctx, uri)
		if missing != nil {
			return
		}
		l := pictured(clientID, uri, picture, time.Now())
		hash, err = l.Hash, b.store.PutLogo(ctx, l)
	}
	if err != nil {
		b.log.WarnContext(ctx, "logo of a client that registered is not kept", "client_id", clientID, "error", err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.met[clientID] = meeting{hash, time.Now()}
}

// pictured is a picture to be kept.
func pictured(client, uri string, picture []byte, now time.Time) storage.Logo {
	sum := sha256.Sum256(picture)
	return storage.Logo{ClientID: client, URI: uri, Hash: hex.EncodeToString(sum[:8]), Picture: picture, DueAt: now.Add(again)}
}

// Types are the media types of what is taken.
var Types = []string{"image/png", "image/jpeg", "image/gif"}

// Check is an error where what was fetched is no picture that is taken.
func Check(raw []byte) error {
	_, err := remake(raw)
	return err
}

func (b *Cache) picture(ctx context.Context, uri string) ([]byte, error) {
	a, err := b.out.Fetch(ctx, egress.Request{URL: uri, Types: Types})
	if err != nil {
		return nil, err
	}
	if a.Status != 200 {
		return nil, fmt.Errorf("status %d", a.Status)
	}
	return remake(a.Body)
}

// startOfScan is a marker of JPEG. A pass over a whole picture takes a dozen bytes, and nobody can stop the decoder: thousands of them
// would hold a registration up for long.
var startOfScan = []byte{0xff, 0xda}

// remake decodes a picture and encodes it anew. Its size is known before it is decoded, and how often its pixels are gone over.
func remake(raw []byte) ([]byte, error) {
	size, _, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil || size.Width < 1 || size.Height < 1 || size.Width > maxSide || size.Height > maxSide {
		return nil, errPicture
	}
	if bytes.Count(raw, startOfScan)*size.Width*size.Height > maxScans*maxSide*maxSide {
		return nil, errPicture
	}
	picture, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, errPicture
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, picture); err != nil || out.Len() > maxBytes {
		return nil, errPicture
	}
	return out.Bytes(), nil
}
