package pages

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"strings"
)

// rgb is a colour.
type rgb [3]float64 // 0 to 255

// parseColour reads #rgb or #rrggbb, which were checked to be one of them.
func parseColour(s string) rgb {
	s = strings.TrimPrefix(s, "#")
	if len(s) == 3 {
		s = strings.Repeat(s[:1], 2) + strings.Repeat(s[1:2], 2) + strings.Repeat(s[2:], 2)
	}
	var c [3]uint8
	_, _ = fmt.Sscanf(s, "%02x%02x%02x", &c[0], &c[1], &c[2])
	return rgb{float64(c[0]), float64(c[1]), float64(c[2])}
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(math.Round(c[0])), int(math.Round(c[1])), int(math.Round(c[2])))
}

// mixed is so much of the colour, from 0 to 1, and the rest of another.
func (c rgb) mixed(part float64, with rgb) rgb {
	for i := range c {
		c[i] = part*c[i] + (1-part)*with[i]
	}
	return c
}

// underWhite is the contrast of white text on the colour (WCAG 2.2 section 1.4.3).
func (c rgb) underWhite() float64 { return c.contrast(rgb{255, 255, 255}) }

// contrast is that of two colours, whichever is the text (WCAG 2.2, contrast ratio).
func (c rgb) contrast(with rgb) float64 {
	a, b := c.light()+0.05, with.light()+0.05
	return max(a, b) / min(a, b)
}

// light is the relative luminance (WCAG 2.2).
func (c rgb) light() float64 {
	light := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		part := c[i] / 255
		if part <= 0.04045 {
			part /= 12.92
		} else {
			part = math.Pow((part+0.055)/1.055, 2.4)
		}
		light += weight * part
	}
	return light
}

// readableContrast is that of text (WCAG 2.2 section 1.4.3).
const readableContrast = 4.5

// darkened is the colour, or as little darker as it takes that white text on it can be read.
func (c rgb) darkened() rgb {
	const step = 0.97
	for c.underWhite() < readableContrast {
		c = c.mixed(step, rgb{})
	}
	return c
}

// darkPage is what dark pages and emails are on; nightInk is the text on a button there.
const (
	darkPage = "#0e1412"
	nightInk = "#0e1412"
)

// lightened is the colour, or as little lighter as it takes to be read on a dark page.
func (c rgb) lightened() rgb {
	const step = 0.97
	for page := parseColour(darkPage); c.contrast(page) < readableContrast; {
		c = c.mixed(step, rgb{255, 255, 255})
	}
	return c
}

// accents are what the brand's colour is made into: text and buttons that can be read on light and on dark pages.
type accents struct{ light, dark string }

// accentsOf are those of a colour; none for none.
func accentsOf(colour string) accents {
	if !hexColour.MatchString(colour) {
		return accents{}
	}
	c := parseColour(colour)
	return accents{cmp.Or(readable(colour), c.darkened().String()), c.lightened().String()}
}

// css sets the brand's colour. Browsers that derive shades take it from there; the others take the two that we made.
func (a accents) css(brand string) string {
	return ":root{--brand:" + brand + "}\n@supports not (color:oklch(from red l c h)){\n:root{--accent:" + a.light + "}\n" +
		"@media (prefers-color-scheme:dark){:root{--accent:" + a.dark + ";--on-accent:" + nightInk + "}}\n}\n"
}

// readable is the colour (#rrggbb) if white text on it can be read, else "".
func readable(colour string) string {
	if len(colour) != len("#rrggbb") || parseColour(colour).underWhite() < readableContrast {
		return ""
	}
	return colour
}

// The colours that pictures of ours have in their files.
const (
	sealColour    = "#1d7a62"
	rosetteColour = "#7a9089"
)

// branded puts the operator's colour into the pictures: the seal, which is the icon of the site too, as dark as its S takes to be
// read, and the rosette, mixed with grey.
func branded(files map[string]asset, colour string) {
	c := parseColour(colour)
	for name, change := range map[string][2]string{
		"mark.svg":    {sealColour, c.darkened().String()},
		"rosette.svg": {rosetteColour, c.mixed(0.5, rgb{136, 136, 136}).String()},
	} {
		f := files[name]
		f.body = bytes.ReplaceAll(f.body, []byte(change[0]), []byte(change[1]))
		files[name] = f
	}
}
