package setting

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc32"
	"image/png"
	"io"
	"slices"
	"strings"
)

const pngData = "data:image/png;base64,"

// Picture is the file that a logo is kept as: SVG, or PNG as a data URL; nil for "". An SVG that runs something, or loads something from
// elsewhere, is refused, although browsers run nothing of a picture.
func Picture(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	if raw, is := strings.CutPrefix(text, pngData); is {
		body, err := base64.StdEncoding.DecodeString(raw)
		if err != nil {
			return nil, errors.New("is not in base64")
		}
		size, err := png.DecodeConfig(bytes.NewReader(body))
		if err != nil || size.Width > mostPixels || size.Height > mostPixels || !wholePNG(body) {
			return nil, fmt.Errorf("must be a whole PNG file of at most %d pixels each way", mostPixels)
		}
		return body, nil
	}
	if err := checkSVG(text); err != nil {
		return nil, fmt.Errorf("must be an SVG file, or %s…: %w", pngData, err)
	}
	return []byte(text), nil
}

const mostPixels = 2048

// Logo is a file as it is kept: Picture has it back, or says what is wrong with it.
func Logo(file []byte) string {
	if bytes.HasPrefix(file, []byte(pngBegins)) {
		return pngData + base64.StdEncoding.EncodeToString(file)
	}
	return string(bytes.TrimPrefix(file, []byte("\xef\xbb\xbf")))
}

// wholePNG reports whether a file has all parts that it says it has, picture and end among them, and nothing after it (PNG 3 section 5):
// text that was cut off, or hides something else. It is not decoded, for small files can be large pictures.
func wholePNG(file []byte) bool {
	rest, picture := file[len(pngBegins):], false // which png.DecodeConfig has read
	for len(rest) >= 12 {
		size := uint64(binary.BigEndian.Uint32(rest))
		if size > uint64(len(rest)-12) {
			return false
		}
		part, sum := rest[4:8+size], rest[8+size:12+size]
		if rest = rest[12+size:]; crc32.ChecksumIEEE(part) != binary.BigEndian.Uint32(sum) {
			return false
		}
		switch string(part[:4]) {
		case "IDAT":
			picture = true
		case "IEND":
			return picture && len(rest) == 0
		}
	}
	return false
}

const pngBegins = "\x89PNG\r\n\x1a\n"

// drawn are the elements that an SVG may have: shapes, colours, texts.
var drawn = strings.Fields("svg g defs symbol use title desc metadata path rect circle ellipse line polyline polygon text tspan textPath " +
	"linearGradient radialGradient stop clipPath mask pattern filter style switch feGaussianBlur feOffset feBlend feColorMatrix " +
	"feComposite feFlood feMerge feMergeNode feDropShadow")

func checkSVG(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errors.New("is not in UTF-8") }
	first, within := true, []string(nil)
	var styles strings.Builder // of all elements and parts: comments may be between them
	all := newPieces()
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && first:
			return errors.New("has no svg element")
		case errors.Is(err, io.EOF) && loads(styles.String()):
			return errors.New("has a style that loads something")
		case errors.Is(err, io.EOF):
			return all.check(styles.String())
		case err != nil:
			return errors.New("is not well-formed XML")
		}
		switch t := token.(type) {
		case xml.StartElement:
			if first && t.Name.Local == "svg" && t.Name.Space == "" {
				return errors.New(`has no xmlns="http://www.w3.org/2000/svg", without which no browser shows it`)
			}
			foreign := t.Name.Space != "" && t.Name.Space != "http://www.w3.org/2000/svg"
			if first && t.Name.Local != "svg" || foreign || !slices.Contains(drawn, t.Name.Local) {
				return fmt.Errorf("has the element %.40q, which logos may not", t.Name.Local)
			}
			if first = false; len(within) > 100 {
				return errors.New("is too deep")
			}
			within = append(within, t.Name.Local)
			all.enter(t)
			for _, a := range t.Attr {
				if err := checkAttribute(a); err != nil {
					return err
				}
			}
		case xml.EndElement:
			within = within[:len(within)-1]
			all.leave()
		case xml.CharData:
			if slices.Contains(within, "style") {
				styles.Write(t)
			}
		case xml.Directive:
			return errors.New("has a document type")
		case xml.ProcInst:
			if t.Target != "xml" {
				return errors.New("has an instruction")
			}
		}
	}
}

func checkAttribute(a xml.Attr) error {
	name, value := strings.ToLower(a.Name.Local), strings.TrimSpace(a.Value)
	space := a.Name.Space == "xmlns" || name == "xmlns"
	switch {
	case strings.HasPrefix(name, "on") || name == "base":
		return fmt.Errorf("has the attribute %.40q, which logos may not", a.Name.Local)
	case (name == "href" || name == "src") && !strings.HasPrefix(value, "#"):
		return errors.New("names something that is not in it (href)")
	case !space && loads(value):
		return fmt.Errorf("loads something (%.40q)", a.Name.Local)
	}
	return nil
}

// loads reports whether a style or a value names what is not in the file.
func loads(style string) bool {
	style = strings.ToLower(strings.Join(strings.Fields(style), ""))
	for _, own := range []string{"url(#", "url('#", `url("#`} {
		style = strings.ReplaceAll(style, own, "")
	}
	return slices.ContainsFunc([]string{"url(", "@import", "image-set(", "image(", "src(", `\`, "javascript:", "/*"}, func(bad string) bool {
		return strings.Contains(style, bad)
	})
}
