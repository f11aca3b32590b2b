package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// inDocs are the pictures of docs/images, each of six pages.
var inDocs = map[string][6]string{
	"pages":     {"sign_in", "consent", "sign_up", "mailbox_reset", "device_confirm", "error"},
	"people":    {"account", "passkeys", "second_step_on", "recovery_codes", "sessions", "activity"},
	"upstreams": {"sign_in_upstreams", "new_account", "connect", "connect_first", "logins", "sign_in_denied"},
}

// The second, fourth and sixth page of a picture are dark; each is cut to a screen and made smaller.
const (
	screenWidth, screenHeight = 1280, 800
	between                   = 12
)

var background = color.RGBA{0xcf, 0xd6, 0xd3, 0xff}

// docsPages is a regular expression of the pages of docs/images.
func docsPages() string {
	var names []string
	for _, pages := range inDocs {
		names = append(names, pages[:]...)
	}
	slices.Sort(names)
	for i := range names {
		names[i] = regexp.QuoteMeta(names[i])
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// writeDocs puts the pictures of docs/images together from those of the folder.
func writeDocs(from, to string) error {
	var errs []error
	for name, pages := range inDocs {
		whole := image.NewRGBA(image.Rect(0, 0, 3*(screenWidth/2+between)+between, 2*(screenHeight/2+between)+between))
		draw.Draw(whole, whole.Bounds(), image.NewUniform(background), image.Point{}, draw.Src)
		for i, page := range pages {
			file := filepath.Join(from, fmt.Sprintf("%s-en-%d-%s.png", page, screenWidth, [2]string{"light", "dark"}[i%2]))
			shot, err := read(file)
			if err != nil {
				return err
			}
			shrunk(whole, image.Pt(between+i%3*(screenWidth/2+between), between+i/3*(screenHeight/2+between)), shot)
		}
		errs = append(errs, write(filepath.Join(to, name+".png"), whole))
	}
	return errors.Join(errs...)
}

func read(file string) (image.Image, error) {
	r, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return png.Decode(r)
}

func write(file string, picture image.Image) error {
	w, err := os.Create(file)
	if err != nil {
		return err
	}
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	return errors.Join(encoder.Encode(w, picture), w.Close())
}

// shrunk draws a screen of the picture, smaller; what a short page lacks is in the colour of its last line.
func shrunk(to *image.RGBA, at image.Point, from image.Image) {
	last := from.Bounds().Max.Sub(image.Pt(1, 1))
	for y := range screenHeight / 2 {
		for x := range screenWidth / 2 {
			var sum [3]uint32
			for _, p := range [4]image.Point{{2 * x, 2 * y}, {2*x + 1, 2 * y}, {2 * x, 2*y + 1}, {2*x + 1, 2*y + 1}} {
				if p.Y > last.Y {
					p = image.Pt(0, last.Y)
				}
				r, g, b, _ := from.At(min(p.X, last.X), p.Y).RGBA()
				sum[0], sum[1], sum[2] = sum[0]+r, sum[1]+g, sum[2]+b
			}
			to.SetRGBA(at.X+x, at.Y+y, color.RGBA{uint8(sum[0] / 4 >> 8), uint8(sum[1] / 4 >> 8), uint8(sum[2] / 4 >> 8), 0xff})
		}
	}
}
