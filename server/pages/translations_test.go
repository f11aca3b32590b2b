package pages

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"

	"github.com/nicksnyder/go-i18n/v2/i18n"

	"signet/templates"
)

// translations lists the languages of ours besides English.
func translations(t *testing.T) []string {
	t.Helper()
	paths, err := fs.Glob(templates.Files, "lang/*.json")
	if err != nil || len(paths) < 2 {
		t.Fatalf("found %v, %v", paths, err)
	}
	var list []string
	for _, path := range paths {
		if lang := strings.TrimSuffix(filepath.Base(path), ".json"); lang != "en" {
			list = append(list, lang)
		}
	}
	return list
}

// forms are the texts of a message by plural form; one that has none is under "".
func forms(message any) map[string]string {
	switch m := message.(type) {
	case string:
		return map[string]string{"": m}
	case map[string]any:
		list := map[string]string{}
		for form, text := range m {
			list[form], _ = text.(string)
		}
		return list
	}
	return nil
}

var (
	placeholderIn = regexp.MustCompile(`{{\.\w+}}`)
	tagIn         = regexp.MustCompile(`<[^>]*>`)
)

func unique(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

// plainForm is the form that has every placeholder.
func plainForm(message any) string {
	list := forms(message)
	if text, ok := list[""]; ok {
		return text
	}
	return list["other"]
}

// ownIDs are texts that English need not have.
var ownIDs = []string{"language.dir"}

func TestLanguagesAreComplete(t *testing.T) {
	en := messages(t, "en")
	for _, lang := range translations(t) {
		other := messages(t, lang)
		for id := range en {
			if other[id] == nil {
				t.Errorf("%s lacks %s", lang, id)
			}
		}
		for id := range other {
			if en[id] == nil && !slices.Contains(ownIDs, id) {
				t.Errorf("English lacks %s of %s", id, lang)
			}
		}
	}
}

// A translation has the placeholders and the tags of the English text. A form for no, one or two things may say the number in a word.
func TestTranslationsKeepPlaceholdersAndTags(t *testing.T) {
	en := messages(t, "en")
	for _, lang := range translations(t) {
		for id, message := range messages(t, lang) {
			english := plainForm(en[id])
			want, tags := unique(placeholderIn.FindAllString(english, -1)), slices.Sorted(slices.Values(tagIn.FindAllString(english, -1)))
			for form, text := range forms(message) {
				got := unique(placeholderIn.FindAllString(text, -1))
				if slices.Contains([]string{"zero", "one", "two"}, form) && slices.Contains(want, "{{.PluralCount}}") {
					got = unique(append(got, "{{.PluralCount}}"))
				}
				if !slices.Equal(got, want) && en[id] != nil {
					t.Errorf("%s: %s %s has %v, English has %v", lang, id, form, got, want)
				}
				if got := slices.Sorted(slices.Values(tagIn.FindAllString(text, -1))); !slices.Equal(got, tags) && en[id] != nil {
					t.Errorf("%s: %s %s has %v, English has %v", lang, id, form, got, tags)
				}
			}
		}
	}
}

// A text that depends on a number has the forms of its language, for every number.
func TestTranslationsHaveThePluralsOfTheirLanguage(t *testing.T) {
	en := messages(t, "en")
	c, err := loadCatalogue(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range c.languages {
		own := messages(t, l.tag)
		for id := range en {
			message, plural := own[id].(map[string]any)
			if _, want := en[id].(map[string]any); want != plural && own[id] != nil {
				t.Errorf("%s: %s has plural forms: %t, English %t", l.tag, id, plural, want)
			}
			if !plural {
				continue
			}
			for _, n := range []int{0, 1, 2, 3, 5, 11, 21, 99, 100, 101, 102, 1000000} {
				args := map[string]string{"PluralCount": strconv.Itoa(n)}
				if _, err := l.known().text.Localize(&i18n.LocalizeConfig{MessageID: id, PluralCount: n, TemplateData: args}); err != nil {
					t.Errorf("%s: %s for %d: %v", l.tag, id, n, err)
				}
			}
			for form := range message {
				if !slices.Contains([]string{"zero", "one", "two", "few", "many", "other"}, form) {
					t.Errorf("%s: %s has a form %q", l.tag, id, form)
				}
			}
		}
	}
}

// asInEnglish are the words that a language shares with English; any other text that reads as in English was not translated.
var asInEnglish = map[string][]string{
	"de": {"APIs", "Scope", "Problem", "Webhooks", "URL", "Scopes", "Person (ID)", "Apps", "ID",
		"Passkey", "Passkeys", "Client", "Code", "Logo", "Name", "Website", "Tokens", "Userinfo", "April", "August", "September", "November"},
	"es": {"No", "Scope", "Webhooks", "URL", "ID", "Roles", "Scopes", "Error", "Error:", "roles", "Tokens", "Userinfo"},
	"fr": {"Scope", "Logo", "Agents", "Administration", "Configuration", "Type",
		"Webhooks", "URL", "Scopes", "Sessions", "Code", "Description", "Client", "Userinfo", "{{.PluralCount}} minutes"},
	"it": {"No", "Logo", "Scope",
		"URL", "OK", "ID", "Database", "File", "Account", "Password", "Passkey", "Privacy", "Email", "email", "Client", "Userinfo"},
	"nl": {"Scope", "Logo",
		"Webhooks", "URL", "OK", "Database", "Type", "Scopes", "ID", "Apps",
		"Account", "Help", "Privacy", "Code", "Website", "Client", "Tokens", "Header:", "Userinfo", "{{.PluralCount}} apps",
		"{{.PluralCount}} browsers", "{{.Day}} {{.Month}} {{.Year}}, {{.Clock}} UTC"},
	"pt-BR": {"APIs", "Scope",
		"Webhooks", "URL", "OK", "ID", "Apps", "Backups", "Scopes", "Tokens", "Userinfo", "{{.PluralCount}} apps"},
}

func TestTextsAreTranslated(t *testing.T) {
	en := messages(t, "en")
	letters := regexp.MustCompile(`\pL`)
	for _, lang := range translations(t) {
		for id, message := range messages(t, lang) {
			english := plainForm(en[id])
			if !letters.MatchString(tagIn.ReplaceAllString(placeholderIn.ReplaceAllString(english, ""), "")) {
				continue
			}
			for _, text := range forms(message) {
				if text == english && !slices.Contains(asInEnglish[lang], text) {
					t.Errorf("%s: %s is not translated: %s", lang, id, text)
				}
			}
		}
	}
}

// otherRegister are words of the way to address people that a language's texts do not use: usted beside tú, u beside je, du beside Sie.
var otherRegister = map[string]string{
	"de": "du|dich|dir|dein|deine|deinem|deinen|deiner",
	"es": "usted|(su|sus) (cuenta|dispositivo|contraseña|código|códigos|correo)|espere|continúe|escriba|configúrela|" +
		"puede cerrar|empiece de|avise|dele|haga",
	"fr":    "tu|toi|ton|ta|tes",
	"it":    "(il|al|nel|del) suo account|inserisca|attenda|ricominci|avvisi|continui",
	"nl":    "u|uw",
	"pt-BR": "tu|teu|tua|aplicativo|aplicativos",
}

var wordIn = regexp.MustCompile(`\pL+`)

// One hand: each language says the same "you" everywhere.
func TestTextsKeepOneRegister(t *testing.T) {
	for lang, words := range otherRegister {
		other := regexp.MustCompile(" (" + words + ") ")
		for id, message := range messages(t, lang) {
			for _, text := range forms(message) {
				said := " " + strings.Join(wordIn.FindAllString(strings.ToLower(text), -1), " ") + " "
				if found := other.FindString(said); found != "" {
					t.Errorf("%s: %s says %q: %s", lang, id, found, text)
				}
			}
		}
	}
}

// A text begins with a capital where the English one does, but for the names of months; quotes and apostrophes are those of print, not
// of a typewriter; French has a space before them that does not break.
func TestTextsAreTypeset(t *testing.T) {
	en := messages(t, "en")
	breaking := regexp.MustCompile(`« | [?!;:»]`)
	markup := regexp.MustCompile(`<[^>]*>|{{[^}]*}}`)
	for _, lang := range append(translations(t), "en") {
		for id, message := range messages(t, lang) {
			english, _ := utf8.DecodeRuneInString(plainForm(en[id]))
			for _, text := range forms(message) {
				first, _ := utf8.DecodeRuneInString(text)
				if unicode.IsUpper(english) && unicode.IsLower(first) && !strings.HasPrefix(id, "month.") {
					t.Errorf("%s: %s begins in lower case: %s", lang, id, text)
				}
				if strings.ContainsAny(markup.ReplaceAllString(text, ""), `'"`) {
					t.Errorf("%s: %s has straight quotes: %s", lang, id, text)
				}
				if lang == "fr" && breaking.MatchString(text) {
					t.Errorf("%s: %s has a space that breaks: %s", lang, id, text)
				}
			}
		}
	}
}

// Texts that no template and no code asks for are translated for nothing.
func TestEveryTextIsUsed(t *testing.T) {
	lits := literals(t)
	for id := range messages(t, "en") {
		if !lits.use(id) {
			t.Errorf("nothing uses %s", id)
		}
	}
	for _, id := range []string{"signin.nobody_asks", "event.nobody_asks", "error.nobody_asks.title"} {
		if lits.use(id) {
			t.Errorf("%s counts as used: the search finds too much", id)
		}
	}
}

// words of the source: those in quotes, and those among them that begin the id of a text ("error.").
type wordsOfSource struct{ whole, beginnings map[string]bool }

func (w wordsOfSource) add(text string) {
	for word := range strings.FieldsSeq(text) {
		if strings.HasSuffix(word, ".") {
			w.beginnings[word] = true
		}
		w.whole[strings.ToLower(strings.Trim(word, "."))] = true
	}
}

// use reports whether an id is in the source, as a whole or as a beginning and words that are put together.
func (w wordsOfSource) use(id string) bool {
	if w.whole[id] || w.whole[strings.TrimSuffix(id, ".more")] {
		return true
	}
	for i := range id {
		if id[i] == '.' && w.beginnings[id[:i+1]] && w.parts(id[i+1:]) {
			return true
		}
	}
	return false
}

func (w wordsOfSource) parts(rest string) bool {
	if _, err := strconv.Atoi(rest); err == nil || w.whole[rest] || w.whole[strings.TrimSuffix(rest, "_client")] {
		return true
	}
	for i := range rest {
		if rest[i] == '.' && w.whole[rest[:i]] && w.parts(rest[i+1:]) {
			return true
		}
	}
	return false
}

func literals(t *testing.T) wordsOfSource {
	t.Helper()
	w := wordsOfSource{map[string]bool{}, map[string]bool{}}
	// server/browser puts the field of a form and a reason together.
	maps.Copy(w.beginnings, map[string]bool{"name.": true, "email.": true, "username.": true, "password.": true, "terms.": true})
	quoted := regexp.MustCompile(`"([A-Za-z0-9_.]+)"`)
	err := fs.WalkDir(templates.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".html" && filepath.Ext(path) != ".txt" {
			return err
		}
		raw, err := fs.ReadFile(templates.Files, path)
		for _, m := range quoted.FindAllSubmatch(raw, -1) {
			w.add(string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "examples") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		tree, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				w.add(text)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Every page says all it has to say in every language.
func TestPagesRenderInEveryLanguage(t *testing.T) {
	p := newPages(t, Options{})
	for name, page := range samples() {
		for _, lang := range p.Languages() {
			got := render(t, p, page, "/x?i=abc", lang).Body.String()
			if !strings.Contains(got, `<html lang="`+lang+`"`) {
				t.Errorf("%s is not in %s", name, lang)
			}
			if strings.Contains(got, "{{") || strings.Contains(got, "&lt;no value&gt;") || strings.Contains(got, "<no value>") {
				t.Errorf("%s in %s has a placeholder without a value", name, lang)
			}
		}
	}
}

// widestTag is a language for tests: of each text it has the translation with the longest word.
const widestTag = "en-XA"

// widest makes the file of that language, so that one look at a page in a browser finds what is too wide in any language.
func widest(t *testing.T) fs.FS {
	t.Helper()
	longest := func(text string) int {
		n := 0
		for word := range strings.FieldsSeq(placeholderIn.ReplaceAllString(tagIn.ReplaceAllString(text, ""), "")) {
			n = max(n, utf8.RuneCountInString(word))
		}
		return n
	}
	texts := messages(t, "en")
	for _, lang := range translations(t) {
		for id, message := range messages(t, lang) {
			text := plainForm(message)
			if id == "language.dir" || longest(text) <= longest(plainForm(texts[id])) {
				continue
			}
			texts[id] = text
			if _, ok := message.(map[string]any); ok {
				texts[id] = map[string]any{"one": text, "other": text}
			}
		}
	}
	texts["language.name"] = widestTag
	raw, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{widestTag + ".json": {Data: raw}}
}
