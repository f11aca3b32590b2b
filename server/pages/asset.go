package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"signet/server/web"
	"signet/templates"
)

// assets are the static files, the operator's brand put in, under a path that changes with their content.
type assets struct {
	prefix string // "/static/HASH/"
	hash   string
	files  map[string]asset
	inPage string // the file that is written into pages, for it has no address: of a preview; "" = none
}

type asset struct {
	kind   string
	body   []byte
	packed func() []byte // by gzip, when it is first asked for; nil where that saves nothing
}

var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	".png": "image/png"}

var hexColour = regexp.MustCompile(`^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`)

func loadAssets(o Options) (*assets, error) {
	a := &assets{files: map[string]asset{}}
	entries, err := fs.ReadDir(templates.Files, "static")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		body, err := fs.ReadFile(templates.Files, "static/"+e.Name())
		if err != nil {
			return nil, err
		}
		a.files[e.Name()] = asset{kind: kinds[path.Ext(e.Name())], body: body}
	}
	more, err := a.brand(o)
	if err != nil {
		return nil, err
	}
	css := a.files["signet.css"]
	css.body = append(bytes.Clone(css.body), more...)
	a.files["signet.css"] = css

	sum := sha256.New()
	for _, e := range entries {
		sum.Write(a.files[e.Name()].body)
	}
	sum.Write(o.Logo)
	sum.Write(o.LogoDark)
	a.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	a.prefix = o.Prefix + "/static/" + a.hash + "/"
	for name, f := range a.files {
		f.packed = sync.OnceValue(func() []byte { return packed(f.body) })
		a.files[name] = f
	}
	return a, nil
}

// brand puts the operator's colour and logos into the files, and gives what is added to the style sheet: the operator's own last.
func (a *assets) brand(o Options) (string, error) {
	var more strings.Builder
	if o.Color != "" {
		if !hexColour.MatchString(o.Color) {
			return "", errors.New("branding.color: must look like #1f6f54")
		}
		more.WriteString(accentsOf(o.Color).css(o.Color))
		branded(a.files, o.Color)
	}
	for _, logo := range []struct {
		key, suffix string
		body        []byte
	}{{"branding.logo", "", o.Logo}, {"branding.logo_dark", "-dark", o.LogoDark}} {
		if len(logo.body) == 0 {
			continue
		}
		name := logoName(logo.body, logo.suffix)
		if name == "" || len(logo.body) > LargestBrandFile {
			return "", fmt.Errorf("%s: must be an SVG or PNG file of at most %d KiB", logo.key, LargestBrandFile>>10)
		}
		a.files[name] = asset{kind: kinds[path.Ext(name)], body: logo.body}
		if logo.suffix == "" {
			more.WriteString(".brand img{max-width:200px;object-fit:contain;object-position:0 50%}\n" +
				"[dir=rtl] .brand img{object-position:100% 50%}\n")
		}
	}
	if err := checkCSS(o.CSS, o.Prefix); err != nil {
		return "", fmt.Errorf("branding.css_file: %w", err)
	}
	return more.String() + string(o.CSS), nil
}

// packed is the file by gzip, nil where that saves nothing. These files hold no secret and nothing of a request, so their size tells
// nothing; pages do, and are sent as they are.
func packed(body []byte) []byte {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := w.Write(body); err != nil || w.Close() != nil || buf.Len() >= len(body) {
		return nil
	}
	return buf.Bytes()
}

// logoName tells what the operator's file is by its content; "" for what we do not show.
func logoName(logo []byte, suffix string) string {
	switch {
	case len(logo) == 0:
		return ""
	case bytes.HasPrefix(logo, []byte("\x89PNG\r\n\x1a\n")):
		return "logo" + suffix + ".png"
	case bytes.Contains(logo[:min(len(logo), 1024)], []byte("<svg")), beginsSVG(logo):
		return "logo" + suffix + ".svg"
	}
	return ""
}

// beginsSVG reports whether the first element is svg, whatever comments there are before it, and whatever prefix it has.
func beginsSVG(file []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(file))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // the names are ASCII
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if e, is := token.(xml.StartElement); is {
			return e.Name.Local == "svg"
		}
	}
}

func (a *assets) url(name string) string { return a.prefix + name }

// CheckSession is the whole page that apps load in a frame to ask whether the session has changed (OpenID Connect Session Management 1.0
// section 3); cookie is the name of the one with the browser state.
func (p *Pages) CheckSession(cookie string) string {
	return fmt.Sprintf("<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Session</title></head>\n"+
		"<body><script id=\"check-session\" data-cookie=\"%s\" src=\"%s\"></script></body>\n</html>\n",
		html.EscapeString(cookie), html.EscapeString(p.assets.url("check_session.js")))
}

// serve answers GET /static/{hash}/{file}. A file asked for under another hash (a page from before an update, or of another
// replica) is given as it is now, and not kept.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) error {
	f, ok := a.files[r.PathValue("file")]
	if !ok {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found"}
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Vary", "Accept-Encoding")
	body := f.body
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		if small := f.packed(); small != nil {
			h.Set("Content-Encoding", "gzip")
			body = small
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox") // for a picture opened by itself
	if r.PathValue("hash") == a.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
	return nil
}

// acceptsGzip reports whether the header names gzip and does not refuse it (RFC 9110 section 12.5.3).
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			name, value, _ := strings.Cut(strings.TrimSpace(weight), "=")
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return name == "" || !strings.EqualFold(name, "q") || err == nil && q > 0
		}
	}
	return false
}
