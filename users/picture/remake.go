package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
)

const (
	side     = 256      // pixels of a picture as it is kept
	maxStore = 32 << 10 // bytes of it
)

// qualities are tried until the picture is small enough; the last one is of noise, too.
var qualities = []int{85, 75, 60, 45, 30, 15}

// remake decodes a file and makes a small JPEG of its middle. Nothing else that was in the file is in it.
func remake(raw []byte) ([]byte, error) {
	h, err := readHeader(raw)
	if err != nil {
		return nil, err
	}
	whole, err := decode(raw, h)
	if err != nil {
		return nil, err
	}
	small := turned(shrunk(whole), h.orientation)
	var out bytes.Buffer
	for _, quality := range qualities {
		out.Reset()
		if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: quality}); err != nil {
			return nil, fmt.Errorf("write picture: %w", err)
		}
		if out.Len() <= maxStore {
			return out.Bytes(), nil
		}
	}
	return nil, ErrSide
}

// decode has the decoder of the format read the file. It must find what the header said.
func decode(raw []byte, h header) (whole image.Image, err error) {
	var said image.Config
	switch h.format {
	case formatPNG:
		if said, err = png.DecodeConfig(bytes.NewReader(raw)); err == nil && fits(said, h) {
			whole, err = png.Decode(bytes.NewReader(raw))
		}
	case formatJPEG:
		if said, err = jpeg.DecodeConfig(bytes.NewReader(raw)); err == nil && fits(said, h) {
			whole, err = jpeg.Decode(bytes.NewReader(raw))
		}
	case formatGIF:
		if said, err = gif.DecodeConfig(bytes.NewReader(raw)); err == nil && fits(said, h) {
			whole, err = gif.Decode(bytes.NewReader(raw))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if whole == nil || whole.Bounds().Empty() {
		return nil, ErrBroken
	}
	return whole, nil
}

func fits(said image.Config, h header) bool { return said.Width == h.width && said.Height == h.height }

// shrunk is the middle of a picture, as a square on white: each pixel is the mean of those that it stands for.
func shrunk(whole image.Image) *image.RGBA {
	b := whole.Bounds()
	from := min(b.Dx(), b.Dy())
	corner := image.Pt(b.Min.X+(b.Dx()-from)/2, b.Min.Y+(b.Dy()-from)/2)
	to := min(from, side)
	out := image.NewRGBA(image.Rect(0, 0, to, to))
	band := image.NewRGBA(image.Rect(0, 0, from, from/to+1))
	for y := range to {
		top, bottom := y*from/to, (y+1)*from/to
		rows := image.Rect(0, 0, from, bottom-top)
		draw.Draw(band, rows, image.White, image.Point{}, draw.Src)
		draw.Draw(band, rows, whole, corner.Add(image.Pt(0, top)), draw.Over)
		for x := range to {
			out.SetRGBA(x, y, mean(band, image.Rect(x*from/to, 0, (x+1)*from/to, bottom-top)))
		}
	}
	return out
}

func mean(of *image.RGBA, r image.Rectangle) color.RGBA {
	var red, green, blue, n int
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := of.Pix[of.PixOffset(r.Min.X, y) : of.PixOffset(r.Max.X-1, y)+4]
		for i := 0; i < len(row); i += 4 {
			red, green, blue, n = red+int(row[i]), green+int(row[i+1]), blue+int(row[i+2]), n+1
		}
	}
	return color.RGBA{R: uint8(red / n), G: uint8(green / n), B: uint8(blue / n), A: 255}
}

// turned is a square as the camera saw it (Exif orientation).
func turned(from *image.RGBA, orientation int) *image.RGBA {
	if orientation < 2 {
		return from
	}
	last := from.Bounds().Dx() - 1
	to := image.NewRGBA(from.Bounds())
	for y := range last + 1 {
		for x := range last + 1 {
			at := [...]image.Point{
				2: {last - x, y}, 3: {last - x, last - y}, 4: {x, last - y}, 5: {y, x}, 6: {y, last - x}, 7: {last - y, last - x}, 8: {last - y, x},
			}[orientation]
			to.SetRGBA(x, y, from.RGBAAt(at.X, at.Y))
		}
	}
	return to
}
