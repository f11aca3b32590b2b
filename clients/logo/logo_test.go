package logo

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/internal/egress"
	"signet/storage"
	"signet/storage/storagetest"
)

type world struct {
	list  []*clients.Client
	files map[string]egress.Response
	asked atomic.Int64
}

func (w *world) LogoURIs() map[string]string {
	list := map[string]string{}
	for _, c := range w.list {
		if c.LogoURI != "" {
			list[c.ClientID] = c.LogoURI
		}
	}
	return list
}

func (w *world) Fetch(_ context.Context, q egress.Request) (egress.Response, error) {
	w.asked.Add(1)
	a, ok := w.files[q.URL]
	if !ok {
		return a, egress.ErrAnswer
	}
	return a, nil
}

func app(id, logo string) *clients.Client {
	return &clients.Client{Metadata: clients.Metadata{ClientID: id, LogoURI: logo}}
}

func pictureOf(t *testing.T, side int, encode func(b *bytes.Buffer, m image.Image) error) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	m.Set(0, 0, color.RGBA{200, 10, 10, 255})
	var b bytes.Buffer
	if err := encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(b *bytes.Buffer, m image.Image) error  { return png.Encode(b, m) }
func asJPEG(b *bytes.Buffer, m image.Image) error { return jpeg.Encode(b, m, nil) }

func TestM06_PicturesAreMadeAnew(t *testing.T) {
	hidden := append(pictureOf(t, 64, asPNG), []byte("<script>alert(1)</script>")...)
	got, err := remake(hidden)
	if err != nil || bytes.Contains(got, []byte("script")) || !bytes.HasPrefix(got, []byte("\x89PNG")) {
		t.Errorf("%v: what was behind the picture is kept", err)
	}
	if got, err := remake(pictureOf(t, 1024, asJPEG)); err != nil || !bytes.HasPrefix(got, []byte("\x89PNG")) {
		t.Errorf("a JPEG: %v", err)
	}
	for name, raw := range map[string][]byte{
		"too large": pictureOf(t, 1025, asPNG), "SVG": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`),
		"cut": hidden[:60], "empty": nil, "HTML": []byte("<!doctype html>"),
	} {
		if _, err := remake(raw); !errors.Is(err, errPicture) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestM06_APictureOfManyPassesIsNotDecoded: 64 KiB of a progressive JPEG can hold thousands of passes over a million pixels, which take
// seconds of a processor's time that no deadline ends.
func TestM06_APictureOfManyPassesIsNotDecoded(t *testing.T) {
	raw := []byte{0xff, 0xd8}
	segment := func(marker byte, content ...byte) {
		raw = append(append(raw, 0xff, marker, 0, byte(len(content)+2)), content...)
	}
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)          // quantization
	segment(0xc2, 8, 4, 0, 4, 0, 1, 1, 0x11, 0)                                  // progressive, 1024×1024, grey
	segment(0xc4, append(append([]byte{0x00, 1}, make([]byte, 15)...), 0)...)    // no difference
	segment(0xc4, append(append([]byte{0x10, 1}, make([]byte, 15)...), 0xe0)...) // all blocks end here
	segment(0xda, 1, 1, 0, 0, 0, 13)
	raw = append(raw, make([]byte, 2049)...)
	segment(0xda, 1, 1, 0, 1, 63, 13)
	raw = append(raw, 0, 0, 0)
	few := append(bytes.Clone(raw), 0xff, 0xd9)
	if _, err := remake(few); err != nil {
		t.Errorf("two passes: %v", err)
	}
	for len(raw) < 64<<10-15 {
		segment(0xda, 1, 1, 0, 1, 63, 13<<4|12)
		raw = append(raw, 0, 0, 0)
	}
	began := time.Now()
	if _, err := remake(append(raw, 0xff, 0xd9)); !errors.Is(err, errPicture) {
		t.Errorf("thousands of passes: %v, after %s", err, time.Since(began))
	}
}

func TestLogosAreFetchedOnceAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		good := egress.Response{Status: 200, Type: "image/png", Body: pictureOf(t, 32, asPNG)}
		w := &world{files: map[string]egress.Response{"https://shop.example/l.png": good, "https://old.example/l.png": {Status: 404}}}
		w.list = []*clients.Client{app("shop", "https://shop.example/l.png"), app("old", "https://old.example/l.png"), app("plain", "")}
		b, err := New(db, w, w, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		tend := func() {
			t.Helper()
			if err := b.Tend(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			tend()
		}
		if w.asked.Load() != 2 || b.Of("shop") == "" || b.Of("old") != "" || b.Of("plain") != "" {
			t.Errorf("%d fetches; shop %q, old %q", w.asked.Load(), b.Of("shop"), b.Of("old"))
		}
		hash := b.Of("shop")
		if raw, err := b.Picture(t.Context(), "shop", hash); err != nil || !bytes.HasPrefix(raw, []byte("\x89PNG")) {
			t.Errorf("picture: %v", err)
		}
		for _, x := range [][2]string{{"old", hash}, {"shop", ""}, {"shop", "0000000000000000"}} {
			if _, err := b.Picture(t.Context(), x[0], x[1]); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("%v: %v", x, err)
			}
		}
		time.Sleep(8 * 24 * time.Hour)
		delete(w.files, "https://shop.example/l.png") // its server is gone: the picture stays
		tend()
		if b.Of("shop") != hash {
			t.Error("a picture is lost because its server was away")
		}
		if raw, err := b.Picture(t.Context(), "shop", hash); err != nil || len(raw) == 0 {
			t.Errorf("picture: %v", err)
		}
		w.list = []*clients.Client{app("shop", "https://evil.example/l.png")}
		tend()
		if b.Of("shop") != "" {
			t.Error("another address shows the old picture")
		}
		w.list = nil
		time.Sleep(young)
		tend()
		if rows, err := db.Logos(t.Context()); err != nil || len(rows) != 0 {
			t.Errorf("%d logos of nobody, %v", len(rows), err)
		}
	})
}

// slow answers after a while; to nobody, if they went away.
type slow struct {
	*world
	after time.Duration
}

func (s slow) Fetch(ctx context.Context, q egress.Request) (egress.Response, error) {
	select {
	case <-time.After(s.after):
		return s.world.Fetch(ctx, q)
	case <-ctx.Done():
		return egress.Response{}, ctx.Err()
	}
}

// TestRFC7591_2_ALogoIsThereWhenTheClientIs: whoever registers may send people to sign in a moment later. A host that is slow holds the
// registration up for two seconds at most.
func TestRFC7591_2_ALogoIsThereWhenTheClientIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		const uri = "https://shop.example/l.png"
		w := &world{files: map[string]egress.Response{uri: {Status: 200, Type: "image/png", Body: pictureOf(t, 32, asPNG)}}}
		w.list = []*clients.Client{app("shop", uri)}
		registering := func(after time.Duration) *Cache {
			t.Helper()
			b, err := New(db, w, slow{w, after}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		began := time.Now()
		far := registering(time.Minute)
		if far.Meet(t.Context(), "shop", uri); time.Since(began) > 2*time.Second || far.Of("shop") != "" {
			t.Errorf("a slow host: %v, %q", time.Since(began), far.Of("shop"))
		}
		if rows, err := db.Logos(t.Context()); err != nil || len(rows) != 0 { // which would have Tend wait for an hour
			t.Errorf("%d rows, %v", len(rows), err)
		}
		b := registering(time.Second)
		b.Meet(t.Context(), "shop", uri)
		hash := b.Of("shop")
		if raw, err := b.Picture(t.Context(), "shop", hash); hash == "" || err != nil || len(raw) == 0 {
			t.Fatalf("%q: %v", hash, err)
		}
		asked := w.asked.Load()
		if err := b.Tend(t.Context()); err != nil || w.asked.Load() != asked || b.Of("shop") != hash {
			t.Errorf("tended: %v, %d more fetches", err, w.asked.Load()-asked)
		}
		time.Sleep(time.Second)
		if err := b.Refresh(t.Context()); err != nil || len(b.met) != 0 || b.Of("shop") != hash {
			t.Errorf("read again: %v, %d met", err, len(b.met))
		}
		b.Meet(t.Context(), "shop", "https://shop.example/gone.png")
		if b.Of("shop") != hash { // until Tend looks
			t.Error("the picture is lost before its address was tried by the worker")
		}
		b.Meet(t.Context(), "shop", "")
		if rows, err := db.Logos(t.Context()); err != nil || len(rows) != 0 || b.Of("shop") != "" {
			t.Errorf("a logo that the client has no more: %d rows, %v", len(rows), err)
		}
	})
}

// TestALogoOfAClientNotYetKnownStays: the replica that tends may read of a new client later than another one met it.
func TestALogoOfAClientNotYetKnownStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		const uri = "https://shop.example/l.png"
		w := &world{files: map[string]egress.Response{uri: {Status: 200, Type: "image/png", Body: pictureOf(t, 32, asPNG)}}}
		b, err := New(db, w, w, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		b.Meet(t.Context(), "shop", uri)
		for _, want := range []int{1, 0} {
			if err := b.Tend(t.Context()); err != nil {
				t.Fatal(err)
			}
			if rows, err := db.Logos(t.Context()); err != nil || len(rows) != want {
				t.Errorf("%d logos, %v; want %d", len(rows), err, want)
			}
			time.Sleep(young)
		}
	})
}
