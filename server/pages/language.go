package pages

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"signet/templates"
)

// catalogue is every text in every language.
type catalogue struct {
	languages []locale // the first is the fallback
	matcher   language.Matcher
}

// locale is one language.
type locale struct {
	tag  string // "en"
	name string // in itself: "Deutsch"
	dir  string
	read func() (texts, error)
	// where names the city and the country of an address or network; nil = nobody knows.
	where func(address, language string) (city, country string)
}

// texts are those of a language.
type texts struct {
	ids  map[string]bool // the texts there are, those that fall back to English too
	own  map[string]bool // … that are in this language
	text *i18n.Localizer
}

// known reads them when they are first needed. What could be wrong with the operator's was said at the start, and nothing is with ours.
func (l *locale) known() texts {
	t, err := l.read()
	if err != nil {
		return texts{text: i18n.NewLocalizer(i18n.NewBundle(language.English), l.tag)}
	}
	return t
}

// file is one with texts.
type file struct {
	path string
	tag  language.Tag
	raw  []byte
}

// shipped is the catalogue without an operator's files, which nobody changes: read once in a process.
var shipped = sync.OnceValues(func() (*catalogue, error) { return readCatalogue(nil) })

// loadCatalogue is readCatalogue, for those who only read it.
func loadCatalogue(own fs.FS) (*catalogue, error) {
	if own == nil {
		return shipped()
	}
	return readCatalogue(own)
}

// readCatalogue finds templates/lang/*.json, English first, and then the operator's own files of the same form: another
// language, or other words for texts of ours. What a file leaves out is said in English.
func readCatalogue(own fs.FS) (*catalogue, error) {
	ours, err := fs.Sub(templates.Files, "lang")
	if err != nil {
		return nil, err
	}
	c := new(catalogue)
	var all []file
	var errs []error
	for n, files := range []fs.FS{ours, own} {
		if files == nil {
			continue
		}
		paths, err := fs.Glob(files, "*.json")
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(paths, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
		for _, path := range paths {
			f, err := c.find(files, path, n == 0)
			if err != nil {
				errs = append(errs, fmt.Errorf("branding.languages: %s: %w", path, err))
			}
			all = append(all, f)
		}
	}
	var tags []language.Tag
	for i := range c.languages {
		l := &c.languages[i]
		l.read = sync.OnceValues(func() (texts, error) { return readTexts(all, l.tag) })
		tags = append(tags, language.Make(l.tag))
		if own == nil { // ours are as the tests left them
			continue
		}
		if _, err := l.read(); err != nil {
			errs = append(errs, err)
		}
	}
	c.matcher = language.NewMatcher(tags)
	return c, errors.Join(errs...)
}

// rank puts English first: it is what the others fall back to.
func rank(path string) int {
	if path == "en.json" {
		return 0
	}
	return 1
}

// find takes one file in: what a list of languages shows of its language, which ours say first.
func (c *catalogue) find(files fs.FS, path string, ours bool) (f file, err error) {
	f.path = path
	if f.raw, err = fs.ReadFile(files, path); err != nil {
		return f, err
	}
	if f.tag, err = language.Parse(strings.TrimSuffix(path, ".json")); err != nil {
		return f, errors.New("the name of the file is no language tag, like fr.json")
	}
	i := slices.IndexFunc(c.languages, func(l locale) bool { return l.tag == f.tag.String() })
	if i < 0 {
		c.languages = append(c.languages, locale{tag: f.tag.String(), name: f.tag.String(), dir: "ltr"})
		i = len(c.languages) - 1
	}
	l := &c.languages[i]
	name, dir := aboutLanguage(f.raw, ours)
	if name != "" {
		l.name = name
	}
	if dir == "rtl" || dir == "ltr" {
		l.dir = dir
	}
	return f, nil
}

// aboutLanguage reads what a file says of its language: of the whole file, or of what is first.
func aboutLanguage(raw []byte, first bool) (name, dir string) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return "", ""
	}
	for d.More() {
		key, err := d.Token()
		var value any
		if err != nil || d.Decode(&value) != nil {
			break
		}
		switch text, _ := value.(string); key {
		case "language.name":
			name = text
		case "language.dir":
			dir = text
		default:
			if first {
				return name, dir
			}
		}
	}
	return name, dir
}

// readTexts reads the files of a language, and the English ones that it falls back to.
func readTexts(files []file, tag string) (texts, error) {
	bundle := i18n.NewBundle(language.English)
	t := texts{ids: map[string]bool{}, own: map[string]bool{}, text: i18n.NewLocalizer(bundle, tag)}
	var errs []error
	for _, f := range files {
		if f.tag != language.English && f.tag.String() != tag {
			continue
		}
		_, err := bundle.ParseMessageFileBytes(f.raw, f.path)
		var here map[string]json.RawMessage
		if err == nil {
			err = json.Unmarshal(f.raw, &here)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("branding.languages: %s: %w", f.path, err))
		}
		for id := range here {
			t.ids[id] = true
			t.own[id] = t.own[id] || f.tag.String() == tag
		}
	}
	return t, errors.Join(errs...)
}

type localesKey struct{}

// WithLocales makes Render prefer these languages (the ui_locales of the request, OpenID Connect Core section 3.1.2.1) to
// the browser's; unknown ones are passed over.
func WithLocales(ctx context.Context, tags []string) context.Context {
	if len(tags) == 0 {
		return ctx
	}
	return context.WithValue(ctx, localesKey{}, tags)
}

// maxTags bounds how many languages of a request are looked at.
const maxTags = 30

// pick chooses the language of an answer: the one chosen in the footer now (?lang=, which must be one we have) or before (kept, of this
// browser), the app's ui_locales, the one of the account in view (locale), the browser's.
func (c *catalogue) pick(r *http.Request, kept, locale string) *locale {
	if l := c.asked(r); l != nil {
		return l
	}
	if l := c.exactly(kept); l != nil {
		return l
	}
	locales, _ := r.Context().Value(localesKey{}).([]string)
	for _, list := range [][]language.Tag{parseTags(locales), parseTags([]string{locale}), acceptable(r.Header.Values("Accept-Language"))} {
		if _, i, confidence := c.matcher.Match(list...); len(list) > 0 && confidence > language.No {
			return &c.languages[i]
		}
	}
	return &c.languages[0]
}

// asked is the language of ?lang=; nil = none of ours.
func (c *catalogue) asked(r *http.Request) *locale {
	if !strings.Contains(r.URL.RawQuery, "lang=") {
		return nil
	}
	if q := r.URL.Query()["lang"]; len(q) == 1 {
		return c.exactly(q[0])
	}
	return nil
}

func (c *catalogue) exactly(tag string) *locale {
	for i := range c.languages {
		if c.languages[i].tag == tag {
			return &c.languages[i]
		}
	}
	return nil
}

// parseTags reads the first language tags of a list; what is none is passed over.
func parseTags(list []string) []language.Tag {
	var tags []language.Tag
	for _, s := range list[:min(len(list), maxTags)] {
		if tag, ok := parseTag(s); ok {
			tags = append(tags, tag)
		}
	}
	return tags
}

// parseTag reads a language tag, also one that names a region or script that nobody knows.
func parseTag(s string) (tag language.Tag, ok bool) {
	const longest = 64
	if s == "" || len(s) > longest {
		return tag, false
	}
	tag, err := language.Parse(s)
	if _, unknown := errors.AsType[language.ValueError](err); err != nil && !unknown {
		return tag, false
	}
	_, confidence := tag.Base()
	return tag, tag != language.Und && confidence > language.No // x-something is for private use
}

// acceptable are the languages of Accept-Language (RFC 9110 section 12.5.4), the best first. An item that cannot be read, "*", and what is
// not acceptable (q=0) are left out; the rest stays.
func acceptable(lines []string) []language.Tag {
	const most = 4096 // bytes
	type weighted struct {
		tag language.Tag
		q   float64
	}
	var list []weighted
	all := strings.Join(lines, ",")
	for item := range strings.SplitSeq(all[:min(len(all), most)], ",") {
		name, params, _ := strings.Cut(item, ";")
		q, ok := weight(params)
		if tag, known := parseTag(strings.TrimSpace(name)); ok && known && q > 0 {
			list = append(list, weighted{tag, q})
		}
	}
	slices.SortStableFunc(list, func(a, b weighted) int { return cmp.Compare(b.q, a.q) })
	tags := make([]language.Tag, 0, maxTags)
	for _, w := range list[:min(len(list), maxTags)] {
		tags = append(tags, w.tag)
	}
	return tags
}

// weight is the q of an item's parameters, 1 if there is none.
func weight(params string) (q float64, ok bool) {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return q, err == nil && q >= 0 && q <= 1
	}
	return 1, true
}

// Choice remembers in a browser which language was chosen in the footer.
type Choice interface {
	Language(r *http.Request) string // a tag; "" = none was
	KeepLanguage(w http.ResponseWriter, tag string)
}

// kept is the language that was chosen in this browser before.
func (p *Pages) kept(r *http.Request) string {
	if p.choice == nil {
		return ""
	}
	return p.choice.Language(r)
}

// remember has the browser keep a language that was chosen in the footer of a page of ours. carried tells that addresses have to carry it
// until the browser shows that it does.
func (p *Pages) remember(w http.ResponseWriter, r *http.Request) (carried bool) {
	l := p.texts.asked(r)
	if l == nil || l.tag == p.kept(r) {
		return false
	}
	if p.choice != nil && !elsewhere(r) {
		p.choice.KeepLanguage(w, l.tag)
	}
	return true
}

// elsewhere reports whether a page of another site led here: what it says of the language counts for the answer only.
func elsewhere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

// NewLocale is the language that the person chose just now in the footer, where what their account says is another; "" = nothing new.
func (p *Pages) NewLocale(r *http.Request, person Person) string {
	l := p.texts.asked(r)
	if l == nil || elsewhere(r) || person.Locale != "" && p.texts.named(person.Locale) == l {
		return ""
	}
	return l.tag
}

// say gives a text. Arguments come in pairs, name and value; a template.HTML value stands as it is, all else is escaped.
// Our own files are trusted to hold HTML. An id nobody wrote is shown as it is: a test makes sure there is none.
func (l *locale) say(id string, pairs ...any) template.HTML {
	return l.localize(id, nil, pairs)
}

// marked is a text as pages show it: one that is not there in the page's language says that it is English, for those who hear the page
// and where the two are written in different directions.
func (l *locale) marked(id string, text template.HTML) template.HTML {
	if t := l.known(); t.own[id] || !t.ids[id] {
		return text
	}
	return `<bdi lang="en" dir="ltr">` + text + `</bdi>`
}

// sayAbout is say with names of things.
func (l *locale) sayAbout(id string, args map[string]string) template.HTML {
	var pairs []any
	for name, value := range args {
		pairs = append(pairs, name, bdi(value))
	}
	return l.say(id, pairs...)
}

func (l *locale) localize(id string, count any, pairs []any) template.HTML {
	args := map[string]any{}
	if count != nil {
		args["PluralCount"] = count
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		switch v := pairs[i+1].(type) {
		case template.HTML:
			args[name] = string(v)
		default:
			args[name] = template.HTMLEscapeString(fmt.Sprint(v))
		}
	}
	s, err := l.known().text.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: args, PluralCount: count})
	if err != nil && s == "" { // with a text there is an error too where it is the English one
		return template.HTML(template.HTMLEscapeString(id))
	}
	return template.HTML(s) // our own texts; the arguments are escaped above
}

// plural gives a text that depends on a number.
func (l *locale) plural(id string, n int, pairs ...any) template.HTML {
	return l.localize(id, n, pairs)
}

// optional gives a text, or nothing where there is none.
func (l *locale) optional(id string, pairs ...any) template.HTML {
	if !l.known().ids[id] {
		return ""
	}
	return l.localize(id, nil, pairs)
}

// Languages lists the tags of the languages that pages are in (ui_locales_supported).
func (p *Pages) Languages() []string {
	tags := make([]string, len(p.texts.languages))
	for i := range p.texts.languages {
		tags[i] = p.texts.languages[i].tag
	}
	return tags
}

// Names lists the languages that pages are in, each by its own name.
func (p *Pages) Names() []Language {
	list := make([]Language, len(p.texts.languages))
	for i, l := range p.texts.languages {
		list[i] = Language{Tag: l.tag, Name: l.name}
	}
	return list
}

// Language is the tag of the language in which a request is answered.
func (p *Pages) Language(r *http.Request) string {
	return p.texts.pick(r, p.kept(r), "").tag
}
