package pages

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"signet/templates"
)

// catalogue is every text in every language.
type catalogue struct {
	languages []tongue // the first is the fallback
	matcher   language.Matcher
}

// tongue is one language.
type tongue struct {
	tag  string // "en"
	name string // in itself: "Deutsch"
	dir  string
	ids  map[string]bool
	text *i18n.Localizer
}

// loadCatalogue reads templates/lang/*.json, English first, and then the operator's own files of the same form: another
// language, or other words for texts of ours. What a file leaves out is said in English.
func loadCatalogue(own fs.FS) (*catalogue, error) {
	bundle := i18n.NewBundle(language.English)
	ours, err := fs.Sub(templates.Files, "lang")
	if err != nil {
		return nil, err
	}
	c := new(catalogue)
	for _, files := range []fs.FS{ours, own} {
		if files == nil {
			continue
		}
		paths, err := fs.Glob(files, "*.json")
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(paths, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
		for _, path := range paths {
			if err := c.load(bundle, files, path); err != nil {
				return nil, fmt.Errorf("read %s: %w", path, err)
			}
		}
	}
	var tags []language.Tag
	for _, l := range c.languages {
		tags = append(tags, language.Make(l.tag))
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

// rank puts English first: it is what the others fall back to.
func rank(path string) int {
	if path == "en.json" {
		return 0
	}
	return 1
}

// load takes one file in.
func (c *catalogue) load(bundle *i18n.Bundle, files fs.FS, path string) error {
	raw, err := fs.ReadFile(files, path)
	if err != nil {
		return err
	}
	tag, err := language.Parse(strings.TrimSuffix(path, ".json"))
	if err != nil {
		return errors.New("the name of the file is no language tag, like fr.json")
	}
	if _, err := bundle.ParseMessageFileBytes(raw, path); err != nil {
		return err
	}
	var texts map[string]any
	if err := json.Unmarshal(raw, &texts); err != nil {
		return err
	}
	i := slices.IndexFunc(c.languages, func(l tongue) bool { return l.tag == tag.String() })
	if i < 0 {
		l := tongue{tag: tag.String(), name: tag.String(), dir: "ltr", ids: map[string]bool{}, text: i18n.NewLocalizer(bundle, tag.String())}
		if len(c.languages) > 0 {
			maps.Copy(l.ids, c.languages[0].ids) // said in English where it is not said here
		}
		c.languages = append(c.languages, l)
		i = len(c.languages) - 1
	}
	l := &c.languages[i]
	if name, ok := texts["language.name"].(string); ok {
		l.name = name
	}
	if dir, ok := texts["language.dir"].(string); ok && (dir == "rtl" || dir == "ltr") {
		l.dir = dir
	}
	for id := range texts {
		l.ids[id] = true
	}
	return nil
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
const maxTags = 10

// pick chooses the language of an answer: the one chosen in the footer (?lang=, which must be one we have), the app's
// ui_locales, the browser's.
func (c *catalogue) pick(r *http.Request) (l *tongue, chosen bool) {
	if q := r.URL.Query()["lang"]; len(q) == 1 {
		for i := range c.languages {
			if c.languages[i].tag == q[0] {
				return &c.languages[i], true
			}
		}
	}
	if locales, ok := r.Context().Value(localesKey{}).([]string); ok {
		var tags []language.Tag
		for _, s := range locales[:min(len(locales), maxTags)] {
			if tag, err := language.Parse(s); err == nil {
				tags = append(tags, tag)
			}
		}
		if _, i, confidence := c.matcher.Match(tags...); len(tags) > 0 && confidence > language.No {
			return &c.languages[i], false
		}
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(tags) == 0 {
		return &c.languages[0], false
	}
	_, i, _ := c.matcher.Match(tags[:min(len(tags), maxTags)]...)
	return &c.languages[i], false
}

// say gives a text. Arguments come in pairs, name and value; a template.HTML value stands as it is, all else is escaped.
// Our own files are trusted to hold HTML. An id nobody wrote is shown as it is: a test makes sure there is none.
func (l *tongue) say(id string, pairs ...any) template.HTML {
	return l.localize(id, nil, pairs)
}

// sayAbout is say with names of things.
func (l *tongue) sayAbout(id string, args map[string]string) template.HTML {
	var pairs []any
	for name, value := range args {
		pairs = append(pairs, name, bdi(value))
	}
	return l.say(id, pairs...)
}

func (l *tongue) localize(id string, count any, pairs []any) template.HTML {
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
	s, err := l.text.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: args, PluralCount: count})
	if err != nil && s == "" { // with a text there is an error too where it is the English one
		return template.HTML(template.HTMLEscapeString(id))
	}
	return template.HTML(s) // our own texts; the arguments are escaped above
}

// plural gives a text that depends on a number.
func (l *tongue) plural(id string, n int, pairs ...any) template.HTML {
	return l.localize(id, n, pairs)
}

// optional gives a text, or nothing where there is none.
func (l *tongue) optional(id string, pairs ...any) template.HTML {
	if !l.ids[id] {
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
	l, _ := p.texts.pick(r)
	return l.tag
}
