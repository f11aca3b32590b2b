package pages

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"signet/server/web"
	"signet/templates"
)

// Options of New.
type Options struct {
	Prefix string // the issuer's path, "" = none
	Brand  string // what the service is called; "" = Signet
	Color  string // #rgb or #rrggbb, the one colour; "" = the design's own
	Host   string // the issuer's, for emails to say where they come from
	// Languages are the operator's own files of texts, TAG.json; nil = none.
	Languages fs.FS
	Links     Links  // at the foot of each page
	Upstreams bool   // there are some: the account has a page of the identities there
	Logo      []byte // an SVG or PNG file in place of the seal; nil = the seal
	LogoDark  []byte // … on a dark page; nil = the same
	CSS       []byte // the operator's style sheet, added to ours; nil = none
	Choice    Choice // remembers the language that was chosen; nil = that is not remembered
	Test      bool   // this is a test server, and each page says so
	// Where names the city and the country of an address, or of a network, in the language of a tag; nil = nobody knows.
	Where func(address, language string) (city, country string)
}

// Links are addresses outside Signet that pages name; "" = none.
type Links struct {
	Help, Privacy, Terms string
	More                 []Link
}

// Link is one that the operator titled.
type Link struct{ Title, URL string }

// Pages renders pages and serves their static files.
type Pages struct {
	prefix, brand string
	host          string
	links         Links
	accents       accents
	emails        emails
	logo          string // file name of the operator's, "" = none
	logoDark      string
	upstreams     bool
	test          bool
	choice        Choice
	texts         *catalogue
	assets        *assets
	routes        func() []string                                          // of the server; nil = not mounted
	sets          map[setKey]map[string]func() (*template.Template, error) // by page

	options Options
	scheme  string // that a preview is shown in; "" = the one that the person prefers
}

// setKey: templates are bound to their language, and to whether the person chose it and the browser does not know yet (links then carry it
// on).
type setKey struct {
	tag    string
	chosen bool
}

// New reads the embedded files; it fails on a colour or logo that cannot be used.
func New(o Options) (*Pages, error) {
	texts, err := loadCatalogue(o.Languages)
	static, assetErr := loadAssets(o)
	if err := errors.Join(err, assetErr); err != nil {
		return nil, err
	}
	mails, err := loadEmails()
	if err != nil {
		return nil, err
	}
	mine := *texts // the languages of pages with other options are not these
	mine.languages = slices.Clone(texts.languages)
	texts = &mine
	p := &Pages{
		host: o.Host, test: o.Test, upstreams: o.Upstreams, choice: o.Choice, links: o.Links, emails: mails, prefix: o.Prefix,
		brand: cmp.Or(o.Brand, "Signet"), logo: logoName(o.Logo, ""), logoDark: logoName(o.LogoDark, "-dark"), texts: texts, assets: static,
		accents: accentsOf(o.Color), options: o,
		sets: map[setKey]map[string]func() (*template.Template, error){},
	}
	files, err := fs.Glob(templates.Files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	for i := range texts.languages {
		l := &texts.languages[i]
		l.where = o.Where
		for _, chosen := range []bool{false, true} {
			p.sets[setKey{l.tag, chosen}] = p.templates(l, chosen, files)
		}
	}
	return p, nil
}

// templates are one language's, by page: each is parsed when it is first needed.
func (p *Pages) templates(l *locale, chosen bool, files []string) map[string]func() (*template.Template, error) {
	base := sync.OnceValues(func() (*template.Template, error) {
		return template.New("base").Funcs(p.words(l, chosen)).ParseFS(templates.Files, "layout.html", "partials.html")
	})
	set := map[string]func() (*template.Template, error){}
	for _, file := range files {
		set[strings.TrimSuffix(path.Base(file), ".html")] = sync.OnceValues(func() (*template.Template, error) {
			page, err := base()
			if err == nil {
				page, err = page.Clone()
			}
			if err == nil {
				page, err = page.ParseFS(templates.Files, file)
			}
			if err != nil {
				return nil, fmt.Errorf("parse templates: %w", err)
			}
			return page, nil
		})
	}
	return set
}

// view is what the layout sees.
type view struct {
	Lang, Dir, Brand, Body, Home string
	Logo, LogoDark               string
	Scheme                       string // of a preview; "" = both
	Refresh                      string // where the page goes by itself without scripts; "" = it stays
	Title                        template.HTML
	Wrong, Test                  bool
	Person                       *Person
	Languages                    []languageLink
	Page                         Page
}

type languageLink struct {
	Tag, Name, Dir, URL string
	Current             bool
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Render writes the page in the request's language. Nothing is written if it fails.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, status int, page Page) error {
	locale := ""
	if q, ok := page.(accountPage); ok && q.person() != nil {
		locale = q.person().Locale
	}
	l := p.texts.pick(r, p.kept(r), locale)
	page = inLanguage(page, l.tag)
	parsed, ok := p.sets[setKey{l.tag, p.remember(w, r)}][page.Template()]
	if !ok {
		return fmt.Errorf("render page %s: there is no such template", page.Template())
	}
	t, err := parsed()
	if err != nil {
		return err
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if err := t.ExecuteTemplate(buf, "layout", p.view(r, l, page)); err != nil {
		return fmt.Errorf("render page %s: %w", page.Template(), err)
	}
	if q, ok := page.(Console); ok && q.pictures() {
		web.AllowDataImages(w)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", l.tag)
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes())
	return nil
}

func (p *Pages) view(r *http.Request, l *locale, page Page) view {
	v := view{
		Lang: l.tag, Dir: l.dir, Brand: p.brand, Logo: p.logo, LogoDark: p.logoDark, Body: "focused", Home: p.prefix + "/", Test: p.test,
		Page: page, Scheme: p.scheme,
	}
	var args []any
	if q, ok := page.(titled); ok {
		args = q.titleArgs()
	}
	v.Title = l.say(page.Title(), args...)
	if q, ok := page.(complaining); ok {
		v.Wrong = q.wrong()
	}
	if q, ok := page.(accountPage); ok {
		v.Body, v.Person = "wide", q.person()
	}
	if q, ok := page.(RecoveryCodes); ok && q.InSignIn { // a step of it, without a menu beside
		v.Body = "focused"
	}
	switch q := page.(type) {
	case FormPost: // that page answers once
	case SigningOut: // as that one
		v.Refresh = q.NextURL
	case Console:
		v.Refresh = q.AgainURL
		v.Languages = p.languages(r, l)
	default:
		v.Languages = p.languages(r, l)
	}
	if p.scheme != "" {
		v.Languages = nil
	}
	return v
}

// languages lists the footer's links: this very page in another language. What answers a form at an address of its own has none: there is
// no page to be had by a link.
func (p *Pages) languages(r *http.Request, current *locale) []languageLink {
	if r.Method == http.MethodPost && p.routes != nil && !slices.Contains(p.routes(), "GET "+r.URL.Path) {
		return nil
	}
	var list []languageLink
	q := r.URL.Query()
	for _, l := range p.texts.languages {
		q.Set("lang", l.tag)
		list = append(list, languageLink{Tag: l.tag, Name: l.name, Dir: l.dir, URL: "?" + q.Encode(), Current: l.tag == current.tag})
	}
	return list
}

// Mount states the static files' route.
func (p *Pages) Mount(m *web.Mux) {
	p.routes = m.Mounted
	m.Asset("GET /static/{hash}/{file}", p.assets.serve)
}

// Error shows what went wrong: web.Options.Errors.
func (p *Pages) Error(w http.ResponseWriter, r *http.Request, e *web.PageError) error {
	page := Error{Kind: e.Kind, Args: e.Args, Back: e.Back, Reference: web.RequestID(r.Context()), At: time.Now()}
	if !p.texts.languages[0].known().ids["error."+e.Kind+".title"] {
		page.Kind = "server"
	}
	for _, f := range e.Facts {
		page.Facts = append(page.Facts, [2]string{f.Name, f.Value})
	}
	return p.Render(w, r, cmp.Or(e.Status, http.StatusBadRequest), page)
}
