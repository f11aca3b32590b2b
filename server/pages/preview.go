package pages

import (
	"encoding/base64"
	"html/template"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"

	"signet/server/web"
)

// Preview shows a page, as one that does nothing, in another branding: name, colour, logos and the operator's links of look. Nothing of it
// is kept: pictures are in the page, and everything else is at an address under base, which says the colour and the scheme (PreviewFile).
func (p *Pages) Preview(w http.ResponseWriter, r *http.Request, base string, look Options, dark bool, page Page) error {
	scheme := "light"
	if dark {
		scheme = "dark"
		if len(look.LogoDark) > 0 {
			look.Logo = look.LogoDark
		}
	}
	q, err := p.inLook(base+"/", look, scheme)
	if err != nil {
		return err
	}
	web.AllowDataImages(w)
	web.ForbidForms(w)
	return q.Render(w, r, http.StatusOK, page)
}

// inLook are the same pages in another branding, as one scheme shows them.
func (p *Pages) inLook(base string, look Options, scheme string) (*Pages, error) {
	o := p.options
	o.Brand, o.Color, o.Logo, o.LogoDark, o.Links.More = look.Brand, look.Color, look.Logo, nil, look.Links.More
	static, err := loadAssets(o)
	if err != nil {
		return nil, err
	}
	static.force(scheme)
	static.prefix = base + strings.TrimPrefix(orElse(o.Color, "none"), "#") + "-" + scheme + "/"
	static.inPage = logoName(o.Logo, "")
	q := *p
	q.brand, q.links, q.accents = orElse(o.Brand, "Signet"), o.Links, accentsOf(o.Color)
	q.logo, q.logoDark, q.assets, q.scheme = static.inPage, "", static, scheme
	var files []string
	for name := range p.sets[setKey{p.texts.languages[0].tag, false}] {
		files = append(files, "pages/"+name+".html")
	}
	q.sets = map[setKey]map[string]func() (*template.Template, error){}
	for i := range p.texts.languages {
		l := &p.texts.languages[i]
		for _, chosen := range []bool{false, true} {
			q.sets[setKey{l.tag, chosen}] = q.templates(l, chosen, files)
		}
	}
	return &q, nil
}

// previewed is the part of a preview's addresses that says how it looks.
var previewed = regexp.MustCompile(`^(none|[0-9a-fA-F]{3}|[0-9a-fA-F]{6})-(light|dark)$`)

// PreviewFile answers GET BASE/{look}/{file}, one of the files of a preview.
func (p *Pages) PreviewFile(w http.ResponseWriter, r *http.Request) error {
	look := previewed.FindStringSubmatch(r.PathValue("look"))
	if look == nil {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found"}
	}
	o := p.options
	o.Logo, o.LogoDark, o.Color = sampleSVG, nil, ""
	if look[1] != "none" {
		o.Color = "#" + look[1]
	}
	static, err := loadAssets(o)
	if err != nil {
		return err
	}
	static.force(look[2])
	f, ok := static.files[r.PathValue("file")]
	if !ok || strings.HasPrefix(r.PathValue("file"), "logo") {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found"}
	}
	w.Header().Set("Content-Type", f.kind)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(f.body)
	return nil
}

// sampleSVG stands for a logo, so that the style sheet has its rules.
var sampleSVG = []byte("<svg/>")

// preferred is what a style sheet, or a picture, asks of the scheme that somebody prefers, and schemes what it says it can do.
var (
	preferred = regexp.MustCompile(`(?i)\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)`)
	schemes   = regexp.MustCompile(`(?i)\bcolor-scheme\s*:\s*light\s+dark`)
)

// force makes the files look as they do to who prefers a scheme.
func (a *assets) force(scheme string) {
	for name, f := range a.files {
		if !slices.Contains([]string{".css", ".svg"}, path.Ext(name)) {
			continue
		}
		f.body = preferred.ReplaceAllFunc(f.body, func(ask []byte) []byte {
			if strings.EqualFold(string(preferred.FindSubmatch(ask)[1]), scheme) {
				return []byte("(min-width:0)")
			}
			return []byte("(max-width:0)")
		})
		f.body = schemes.ReplaceAll(f.body, []byte("color-scheme:"+scheme))
		a.files[name] = f
	}
}

// address is where a file is: of a preview's logo, the picture itself.
func (a *assets) address(name string) template.URL {
	if f, ok := a.files[name]; ok && name == a.inPage && name != "" {
		return template.URL("data:" + f.kind + ";base64," + base64.StdEncoding.EncodeToString(f.body))
	}
	return template.URL(a.url(name))
}
