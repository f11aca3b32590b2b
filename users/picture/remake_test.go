package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"
)

// sample is a picture whose left upper quarter is red, on blue.
func sample(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{B: 255, A: 255}
			if 2*x < w && 2*y < h {
				c = color.RGBA{R: 255, A: 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func asPNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withExif puts an Exif segment behind the first marker, with an orientation and a place.
func withExif(file []byte, orientation uint16) []byte {
	tiff := []byte("MM\x00*\x00\x00\x00\x08\x00\x02")
	tiff = append(tiff, 0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 26) // GPS
	tiff = append(tiff, 0x01, 0x12, 0, 3, 0, 0, 0, 1)
	tiff = binary.BigEndian.AppendUint16(tiff, orientation)
	tiff = append(tiff, "\x00\x00GPS 48.2082 N 16.3738 E"...)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{}, file[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(segment)+2))
	out = append(out, segment...)
	return append(out, file[2:]...)
}

func TestM07_PicturesAreMadeAnew(t *testing.T) {
	t.Parallel()
	var moving bytes.Buffer
	frame := image.NewPaletted(image.Rect(0, 0, 40, 40), color.Palette{color.White, color.RGBA{R: 255, A: 255}})
	if err := gif.EncodeAll(&moving, &gif.GIF{Image: []*image.Paletted{frame, frame}, Delay: []int{1, 1}}); err != nil {
		t.Fatal(err)
	}
	noise := image.NewRGBA(image.Rect(0, 0, 256, 256))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = byte(random.UintN(256))
	}
	for name, tt := range map[string]struct {
		file []byte
		side int
	}{
		"PNG":            {asPNG(t, sample(900, 600)), 256},
		"small PNG":      {asPNG(t, sample(17, 30)), 17},
		"one pixel":      {asPNG(t, sample(1, 1)), 1},
		"a line":         {asPNG(t, sample(4096, 1)), 1},
		"transparent":    {asPNG(t, image.NewNRGBA(image.Rect(0, 0, 300, 300))), 256},
		"16 bits":        {asPNG(t, image.NewNRGBA64(image.Rect(0, 0, 300, 300))), 256},
		"grey":           {asPNG(t, image.NewGray(image.Rect(0, 0, 257, 257))), 256},
		"JPEG":           {asJPEG(t, sample(900, 600)), 256},
		"noise":          {asPNG(t, noise), 256},
		"GIF that moves": {moving.Bytes(), 40},
		"script behind":  {append(asPNG(t, sample(20, 20)), "<script>alert(1)</script>"...), 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made, err := remake(tt.file)
			if err != nil {
				t.Fatal(err)
			}
			got, format, err := image.Decode(bytes.NewReader(made))
			if err != nil || format != "jpeg" || got.Bounds() != image.Rect(0, 0, tt.side, tt.side) || len(made) > maxStore {
				t.Errorf("%d bytes, %s, %v, %v", len(made), format, got.Bounds(), err)
			}
			if bytes.Contains(made, []byte("<script")) {
				t.Error("what was behind the picture is in it")
			}
			if r, g, b, _ := got.At(0, 0).RGBA(); name == "transparent" && r+g+b < 3*0xf000 {
				t.Errorf("transparent became %d %d %d", r, g, b)
			}
		})
	}
}

func TestM07_MetadataIsGoneAndTheCamerasWayIsKept(t *testing.T) {
	t.Parallel()
	// Where the red quarter is, by the orientation that the camera wrote: the first row of the file is top, right, bottom …
	for orientation, red := range map[uint16]image.Point{
		0: {64, 64}, 1: {64, 64}, 2: {192, 64}, 3: {192, 192}, 4: {64, 192}, 5: {64, 64}, 6: {192, 64}, 7: {192, 192}, 8: {64, 192},
		9: {64, 64}, 65535: {64, 64},
	} {
		file := withExif(asJPEG(t, sample(512, 512)), orientation)
		if !bytes.Contains(file, []byte("GPS 48.2082")) {
			t.Fatal("the test has no place")
		}
		made, err := remake(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"GPS", "48.2082", "Exif"} {
			if bytes.Contains(made, []byte(part)) {
				t.Errorf("%s is still there", part)
			}
		}
		got, err := jpeg.Decode(bytes.NewReader(made))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []image.Point{{64, 64}, {192, 64}, {192, 192}, {64, 192}} {
			r, _, b, _ := got.At(at.X, at.Y).RGBA()
			if (r > b) != (at == red) {
				t.Errorf("orientation %d: at %v red %d, blue %d", orientation, at, r>>8, b>>8)
			}
		}
	}
	// The two that differ in the others' corners: 5 mirrors along the diagonal, 7 along the other one.
	line := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range 64 {
		line.SetRGBA(i, 0, color.RGBA{R: 255, A: 255})
		line.SetRGBA(i, 1, color.RGBA{R: 255, A: 255})
	}
	for orientation, at := range map[int]image.Point{1: {32, 0}, 4: {32, 63}, 5: {0, 32}, 6: {63, 32}, 7: {63, 32}, 8: {0, 32}} {
		if c := turned(line, orientation).RGBAAt(at.X, at.Y); c.R != 255 {
			t.Errorf("orientation %d: the first row is not at %v", orientation, at)
		}
	}
}

// withSize writes another size into the header of a PNG.
func withSize(file []byte, w, h uint32) []byte {
	file = bytes.Clone(file)
	binary.BigEndian.PutUint32(file[16:], w)
	binary.BigEndian.PutUint32(file[20:], h)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

// progressive makes the header of a progressive JPEG of a size, and as many scans.
func progressive(w, h uint16, scans int) []byte {
	out := []byte{0xff, 0xd8, 0xff, startOfFrame2, 0, 17, 8}
	out = binary.BigEndian.AppendUint16(out, h)
	out = binary.BigEndian.AppendUint16(out, w)
	out = append(out, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)
	for range scans {
		out = append(out, 0xff, startOfScan, 0, 8, 1, 1, 0, 0, 0, 0, 0x3f)
	}
	return out
}

func TestM07_WhatIsNoPictureIsRefusedBeforeItIsDecoded(t *testing.T) {
	t.Parallel()
	good, photo := asPNG(t, sample(300, 300)), asJPEG(t, sample(300, 300))
	for name, tt := range map[string]struct {
		file []byte
		want error
	}{
		"nothing":              {nil, ErrFormat},
		"text":                 {[]byte("hello"), ErrFormat},
		"a page":               {[]byte("<!doctype html><script>alert(1)</script>"), ErrFormat},
		"SVG":                  {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), ErrFormat},
		"WebP":                 {[]byte("RIFF\x00\x00\x00\x00WEBPVP8 "), ErrFormat},
		"a page that is a GIF": {[]byte("GIF89a/*\x01\x00*/=1;alert(1)//"), ErrSide},
		"GIF without picture":  {[]byte("GIF89a\x10\x00\x10\x00\x00\x00\x00;"), ErrBroken},
		"too long":             {append(bytes.Clone(good), make([]byte, MaxBytes)...), ErrBytes},
		"wide":                 {withSize(good, MaxSide+1, 1), ErrSide},
		"high":                 {withSize(good, 1, MaxSide+1), ErrSide},
		"enormous":             {withSize(good, 0xffffffff, 0xffffffff), ErrSide},
		"negative":             {withSize(good, 0x80000000, 0x80000000), ErrSide},
		"no width":             {withSize(good, 0, 100), ErrBroken},
		"larger than it is":    {withSize(good, 4096, 4096), ErrBroken},
		"cut PNG":              {good[:len(good)/2], ErrBroken},
		"PNG, header alone":    {good[:33], ErrBroken},
		"PNG, signature alone": {good[:8], ErrBroken},
		"cut JPEG":             {photo[:len(photo)/2], ErrBroken},
		"JPEG without frame":   {[]byte("\xff\xd8\xff\xd9"), ErrBroken},
		"JPEG, two bytes":      {[]byte("\xff\xd8"), ErrBroken},
		"JPEG, long segment":   {[]byte("\xff\xd8\xff\xe1\xff\xffab"), ErrBroken},
		"much to keep":         {progressive(4096, 4096, 1), ErrSide},
		"many scans":           {progressive(2000, 2000, 5000), ErrSide},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			if made, err := remake(tt.file); !errors.Is(err, tt.want) || made != nil {
				t.Errorf("got %d bytes, %v; want %v", len(made), err, tt.want)
			}
		})
	}
	bomb := asPNG(t, image.NewGray(image.Rect(0, 0, MaxSide, MaxSide))) // 16 MiB in 16 KiB
	if len(bomb) > 64<<10 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	if made, err := remake(bomb); err != nil || len(made) > maxStore {
		t.Errorf("the largest that is taken: %d bytes, %v", len(made), err)
	}
	deep := asPNG(t, image.NewNRGBA64(image.Rect(0, 0, MaxSide, MaxSide/2)))
	deep[28] = 1 // interlaced: each pass is a picture of its own
	binary.BigEndian.PutUint32(deep[29:], crc32.ChecksumIEEE(deep[12:29]))
	if h, err := readHeader(deep); err != nil || h.memory != maxMemory {
		t.Errorf("%+v, %v", h, err)
	}
}

// FuzzHeader: whatever is sent, the header is within the limits, and what is decoded is of the size that it says.
func FuzzHeader(f *testing.F) {
	f.Add(asPNG(f, sample(8, 8)))
	f.Add(withExif(asJPEG(f, sample(9, 7)), 6))
	f.Add(progressive(16, 16, 2))
	f.Add([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := readHeader(raw)
		if err != nil {
			if h != (header{}) {
				t.Errorf("refused, and still says %+v", h)
			}
			return
		}
		if h.width < 1 || h.width > MaxSide || h.height < 1 || h.height > MaxSide || h.memory > maxMemory ||
			h.orientation < 0 || h.orientation > 8 {
			t.Errorf("%+v", h)
		}
		if h.width*h.height > 1<<16 {
			return // each try is to be quick
		}
		made, err := remake(raw)
		if err == nil && (len(made) == 0 || len(made) > maxStore) {
			t.Errorf("%d bytes", len(made))
		}
	})
}
